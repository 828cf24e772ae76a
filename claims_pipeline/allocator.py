"""polars' memory allocator, set to give memory back at once: without it memory stays taken after each step.

What belongs here: this one setting. It must be made before polars is first imported, so the doors call it first.
"""

import os


def give_memory_back() -> None:
    """Set what jemalloc reads when polars is loaded; a value that is set already stays."""
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")
