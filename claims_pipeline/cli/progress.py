"""Progress on long work: a line that changes in place on a terminal, plain lines elsewhere.

What belongs here: how progress looks. Not here: what is told (the steps say it).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from claims_pipeline.sync.options import Progress


@contextmanager
def progress(title: str) -> Iterator[Progress]:
    """A function that takes one line of progress."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda line: console.print(f"{title}: {line}", markup=False, soft_wrap=True)
        return
    with console.status(title) as status:

        def say(line: str) -> None:
            console.print(f"  {line}", markup=False)
            status.update(f"{title}: {line}")

        yield say
