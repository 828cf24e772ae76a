"""`make profile`: where the time of a sync goes, as a flame graph.

What belongs here: recording by py-spy, from outside; nothing of the pipeline is changed for it.

    python -m bench.profile [--claims 70000] [--full] [--into build/profile]
"""

import argparse
import sys
import sysconfig
import tempfile
from pathlib import Path

from bench.reports import write_changed
from bench.standing import FULL, standing
from bench.works import SYNC, Book, done

RATE = 100


def main() -> int:
    """Record one work, and say where the picture is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", type=int, default=70_000)
    parser.add_argument(
        "--full", action="store_true", help="a full fetch of which 1 %% differ, not a first load"
    )
    parser.add_argument("--into", type=Path, default=Path("build/profile"))
    asked = parser.parse_args()
    asked.into.mkdir(parents=True, exist_ok=True)
    graph = asked.into / ("full_fetch.svg" if asked.full else "first_load.svg")
    spy = Path(sysconfig.get_path("scripts")) / "py-spy"
    recording = (str(spy), "record", "--rate", str(RATE), "--output", str(graph), "--")
    with tempfile.TemporaryDirectory(prefix="claims-profile-") as name:
        folder = Path(name)
        book = Book(folder / "book", asked.claims)
        with standing(folder / "town", book.path) as sandbox:
            sync = SYNC
            if asked.full:
                done(SYNC, sandbox)
                write_changed(book.path, folder / "changed.csv", every=100)
                sandbox.put(folder / "changed.csv", FULL)
                sync = (*SYNC, "--full")
            cost, _ = done((*recording, *sync), sandbox)
    print(f"{cost.seconds:.1f} s under the profiler. Open {graph} in a browser: width is time.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
