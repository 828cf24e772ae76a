"""A process's memory does not depend on the machine: its threads, its heaps, its pages."""

import subprocess
import sys

import pytest

KEEP = "from claims_pipeline.process_memory import keep_it_small; keep_it_small();"
THREADS_THAT_ALLOCATE = f"""
{KEEP}
import ctypes, threading
together = threading.Barrier(8)

def allocate():
    kept = [bytes(2000) for _ in range(2000)]
    together.wait()
    return kept

threads = [threading.Thread(target=allocate) for _ in range(8)]
[each.start() for each in threads]
[each.join() for each in threads]
library = ctypes.CDLL(None)
library.fdopen.restype = ctypes.c_void_p
library.malloc_info(0, ctypes.c_void_p(library.fdopen(1, b"w")))
library.fflush(None)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is set is Linux's own")


def _printed(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_threads_share_one_heap_unless_someone_set_another_number() -> None:
    assert _printed(THREADS_THAT_ALLOCATE).count("<heap ") == 1
    assert _printed(THREADS_THAT_ALLOCATE, MALLOC_ARENA_MAX="8").count("<heap ") > 1


def test_no_page_is_huge() -> None:
    """A child has what its parent set: a test before this one may have set it in this process."""
    allow = "import ctypes; ctypes.CDLL(None).prctl(41, 0, 0, 0, 0);"
    tell = "print(open('/proc/self/status').read())"
    assert "THP_enabled:\t1" in _printed(allow + tell)
    assert "THP_enabled:\t0" in _printed(allow + KEEP + tell)


def test_polars_takes_few_threads_and_leaves_a_number_that_was_set() -> None:
    tell = "import polars; print(polars.thread_pool_size())"
    assert 1 <= int(_printed(KEEP + tell)) <= 4
    assert int(_printed(KEEP + tell, POLARS_MAX_THREADS="7")) == 7


def test_what_polars_set_for_its_children_is_no_choice_and_a_persons_is() -> None:
    """A run is the child of a process that imported polars: Dagster's, or a test's."""
    tell = "import os; print(os.environ['_RJEM_MALLOC_CONF'])"
    of_polars = _printed("import polars;" + tell).strip()
    ours = _printed(KEEP + tell).strip()
    assert "narenas" in ours
    assert _printed(KEEP + tell, _RJEM_MALLOC_CONF=of_polars).strip() == ours
    assert _printed(KEEP + tell, _RJEM_MALLOC_CONF="narenas:9").strip() == "narenas:9"


def test_what_is_imported_is_never_looked_through_for_garbage_again() -> None:
    use = "import gc; from claims_pipeline.process_memory import importing\n"
    tell = "print(gc.get_freeze_count() > 1000, gc.isenabled())"
    assert _printed(f"{use}with importing():\n    import decimal, email, json\n{tell}") == "True True\n"
    assert _printed(f"{use}gc.disable()\nwith importing():\n    pass\n{tell}") == "True False\n"
    failing = f"{use}try:\n    with importing():\n        import nothing_of_this_name\nexcept ImportError:\n    {tell}"
    assert _printed(failing) == "True True\n"
