"""How much memory a process takes: given back after each step, and the same on every machine.

What belongs here: polars' threads, the two allocators (polars' jemalloc, the C library's), Python's garbage collector.
They must be set before polars is first imported, so the doors call it first. Sources: mallopt(3), PR_SET_THP_DISABLE
in prctl(2).
"""

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

MOST_THREADS = 4
"""Each works on a piece of its own: 70,000 claims took 362 MiB with 32 threads, 310 with 4, at the same speed."""

_JEMALLOC = "_RJEM_MALLOC_CONF"
_FREED_IS_KEPT_MS = 10
"""Long enough to be used again within a step (half the page faults, a tenth of the time), too short to pile up."""
_POLARS_OWN_JEMALLOC = "dirty_decay_ms:500,muzzy_decay_ms:1000"
"""Polars sets it when it is imported, and every child has it then: it is nobody's choice (375 MiB rather than 290)."""
_MALLOPT_ARENA_MAX = -8
_PR_SET_THP_DISABLE = 41


def keep_it_small() -> None:
    """Set what polars and its jemalloc read when they are loaded, and the C library's; what is set already stays."""
    threads = min(MOST_THREADS, os.cpu_count() or 1)
    os.environ.setdefault("POLARS_MAX_THREADS", str(threads))
    if os.environ.get(_JEMALLOC, _POLARS_OWN_JEMALLOC) == _POLARS_OWN_JEMALLOC:
        os.environ[_JEMALLOC] = f"dirty_decay_ms:{_FREED_IS_KEPT_MS},muzzy_decay_ms:0,narenas:{MOST_THREADS}"
    if sys.platform == "linux":
        _keep_the_c_library_small()


@contextmanager
def importing() -> Iterator[None]:
    """While it lasts nothing is looked through for garbage, and what stands at its end never again: modules stay.

    To look through them again and again, and once more at the end, took a tenth of a short run, and of a Dagster job a
    second.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


def _keep_the_c_library_small() -> None:
    """One heap rather than one a thread, in pages of 4 KiB rather than 2 MiB: together 336 -> 268 MiB, as fast.

    Pages of 2 MiB are what a kernel gives where transparent huge pages are "always"; it counts each whole.
    """
    library = ctypes.CDLL(None)
    library.prctl(_PR_SET_THP_DISABLE, 1, 0, 0, 0)
    if "MALLOC_ARENA_MAX" not in os.environ and hasattr(library, "mallopt"):  # musl has none
        library.mallopt(_MALLOPT_ARENA_MAX, 1)
