"""Ahead: slices are made by a thread of their own while the one before is used.

What belongs here: this one overlap. polars lets go of Python's lock while it works, so that reading and writing, or
cleaning and cutting, take two cores. Not here: what makes a slice. Never for what speaks to an outside system: clients
belong to one thread.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Slice = TypeVar("Slice")

_END = object()


def ahead(slices: Iterable[Slice]) -> Iterator[Slice]:
    """The same, in the same order; an error comes where its slice would. Memory: one slice more."""
    made = iter(slices)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as thread:
        coming = thread.submit(next, made, _END)
        while (found := coming.result()) is not _END:
            coming = thread.submit(next, made, _END)
            yield found  # type: ignore[misc]  # what is not the end is a slice
