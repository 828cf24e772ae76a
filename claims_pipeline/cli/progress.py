"""Progress on long work: a line that changes in place on a terminal, plain lines elsewhere.

What belongs here: how progress looks. Not here: what is told (the steps say it).
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from claims_pipeline.sync.options import Progress


@contextmanager
def progress(title: str) -> Iterator[Progress]:
    """A function that takes one line of progress."""
    if not sys.stderr.isatty():
        yield lambda line: click.echo(f"{title}: {line}", err=True)
        return
    from rich.console import Console  # for a terminal alone: a run without one need not wait for it

    console = Console(stderr=True, highlight=False)
    with console.status(title) as status:

        def say(line: str) -> None:
            console.print(f"  {line}", markup=False)
            status.update(f"{title}: {line}")

        yield say
