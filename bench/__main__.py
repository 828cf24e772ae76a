"""`make bench`: every work, each figure beside its bound. Ends with 1 where one is missed.

python -m bench [--claims 700000] [--customers 1000] [--only growth,line,twice,...] [--keep FILE]
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from bench import bounds, works
from bench.bounds import Figure
from bench.long_job import long_job
from bench.works import Book, Load

WORKS = ("growth", "line", "twice", "dagster", "looks", "charges", "customers")
SMALLER = (100, 10)
"""Parts of the book that are loaded for the growth curve too."""
SHARE = 10
"""Dagster's own share is measured on such a part of the book."""
CHARGE_CLAIMS = 0.76
"""Claims that make 1.5 million charge lines, as a share of 700,000."""


def main() -> int:
    """Print one line a figure, and keep all of them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", type=int, default=700_000)
    parser.add_argument("--customers", type=int, default=1_000)
    parser.add_argument("--only", default=",".join(WORKS))
    parser.add_argument("--keep", type=Path, default=Path("bench/figures.json"))
    asked = parser.parse_args()
    print(f"{machine()}\n")
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="claims-bench-") as name:
        for figure in _figures(Path(name), asked.claims, asked.customers, asked.only.split(",")):
            print(figure, flush=True)
            figures.append(figure)
    asked.keep.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "machine": machine(),
        "on": time.strftime("%Y-%m-%d"),
        "figures": [asdict(each) for each in figures],
    }
    asked.keep.write_text(json.dumps(told, indent=1) + "\n")
    missed = [figure for figure in figures if not figure.holds]
    print(f"\n{len(figures)} figures in {asked.keep}; {len(missed)} of their bounds missed")
    return 1 if missed else 0


def machine() -> str:
    """What the figures were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}"
    )


def _figures(folder: Path, claims: int, customers: int, only: list[str]) -> Iterator[Figure]:
    once: Load | None = None
    if "growth" in only:
        for part in SMALLER:
            yield from works.load(Book(folder / f"book-{part}", claims // part), folder / f"growth-{part}")
    if {"line", "dagster", "twice"} & set(only):
        book = Book(folder / "book", claims)
        if {"line", "twice"} & set(only):
            (folder / "works").mkdir()
            most = bounds.COMMAND_LINE_MIB
            for told in works.command_line(book, folder / "works", most_mib=most, floor="line" in only):
                if isinstance(told, Load):
                    once = told
                else:
                    yield told
        if "twice" in only and once is not None:
            yield from works.twice_the_claims(book, once.cost, folder / "twice")
        if "dagster" in only:
            yield from works.dagster(book, folder / "with-dagster")
            small = Book(folder / "book-share", claims // SHARE)
            yield from works.dagsters_share(small, folder / "share")
    if "looks" in only:
        yield from long_job(folder / "looks")
    if "charges" in only:
        lines = Book(folder / "lines", int(claims * CHARGE_CLAIMS), charges=True)
        (folder / "charges").mkdir()
        for told in works.command_line(
            lines, folder / "charges", most_mib=bounds.COMMAND_LINE_MIB, floor=False
        ):
            if isinstance(told, Figure):
                yield told
        yield from works.dagster(lines, folder / "charges-with-dagster")
    if "customers" in only:
        yield from works.many_customers(customers, folder / "customers")


if __name__ == "__main__":
    sys.exit(main())
