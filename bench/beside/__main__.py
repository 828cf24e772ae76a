"""Carry the same claims each way, and print the table.

python -m bench.beside [--rows N] [--rounds N] [--keep FILE]
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.beside.book import Book, make_book, refused_of
from bench.beside.contenders import CONTENDERS, POLL_SECONDS, Contender, Run, Stage
from bench.beside.environment import python_of_theirs
from bench.beside.org import REFUSAL, Org
from bench.beside.table import Line, as_facts, of_rounds, printed
from bench.beside.told import verdict
from bench.measuring import measured
from bench.standing import RunningSandbox


def main() -> int:
    """Carry the same claims each way, and print the table."""
    parser = argparse.ArgumentParser("python -m bench.beside", description=main.__doc__)
    parser.add_argument("--rows", type=int, default=70_000)
    parser.add_argument("--rounds", type=int, default=1, help="carry it so often, and tell the fastest")
    parser.add_argument("--keep", type=Path, default=Path("bench/beside.json"))
    asked = parser.parse_args()
    theirs = python_of_theirs()
    with tempfile.TemporaryDirectory(prefix="claims-beside-") as name:
        book = make_book(asked.rows, Path(name))
        refused = len(refused_of(book.claim_numbers))
        print(
            f"{book.rows:,} claims into an empty org that refuses {refused:,} of them; jobs looked at every "
            f"{POLL_SECONDS} s; fastest of {asked.rounds} round(s); {os.cpu_count()} cores, Python "
            f"{sys.version.split()[0]}",
            flush=True,
        )
        rounds = [
            [carried(contender, book, Path(name), theirs) for contender in CONTENDERS]
            for _ in range(asked.rounds)
        ]
    lines = of_rounds(rounds)
    print("\n".join(printed(lines)))
    asked.keep.write_text(json.dumps(as_facts(lines), indent=1) + "\n")
    return 0


def carried(contender: Contender, book: Book, within: Path, theirs: Path) -> Line:
    """One contender's run, in a sandbox of its own."""
    rows = min(book.rows, contender.at_most or book.rows)
    refused = refused_of(book.claim_numbers[:rows])
    with _sandbox(within, book) as sandbox, tempfile.TemporaryDirectory(dir=within) as folder:
        org = Org(sandbox.environment)
        org.refuse(refused)
        stage = Stage(book, rows, Path(folder), sandbox.environment, theirs)
        command, environment = contender.start(stage)
        sandbox.api_calls()
        cost = measured(command, environment)
        calls = sandbox.api_calls().all
        standing = org.standing(refused)
        if standing.refused_claims:
            raise SystemExit(
                f"{contender.name}: the org took {standing.refused_claims} that it was to refuse"
            )
        told = contender.told(Run(stage, cost, refused, standing.jobs))
    scale = book.rows / rows
    return Line(
        name=contender.name,
        how=contender.how,
        rows=book.rows,
        carried=rows,
        seconds=cost.seconds * scale,
        peak_mib=cost.peak_mib,
        api_calls=round(calls * scale),
        taken=standing.claims,
        refused=len(refused),
        verdict=verdict(told, refused, REFUSAL, standing.jobs),
        exit_code=cost.exit_code,
    )


@contextmanager
def _sandbox(within: Path, book: Book) -> Iterator[RunningSandbox]:
    with tempfile.TemporaryDirectory(dir=within) as folder:
        sandbox = RunningSandbox.start(Path(folder), book.report)
        try:
            yield sandbox
        finally:
            sandbox.stop()


if __name__ == "__main__":
    sys.exit(main())
