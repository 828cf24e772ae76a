"""Signing in and reading: what an unchanged day cannot do without.

The report is run and fetched, and its claims are read back from Salesforce by their keys, with the fields that are
compared, by the pipeline's own clients; nothing is compared, stored or told.

    python -m bench.reading        (settings from the environment, as `claims-pipeline sandbox` prints them)
"""

from claims_pipeline.process_memory import keep_it_small

keep_it_small()

import csv  # noqa: E402 - polars reads its settings when it is loaded
import io  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import zipfile  # noqa: E402
from pathlib import Path  # noqa: E402
from tempfile import TemporaryDirectory  # noqa: E402

from bench.standing import FIRST, RECENT, REPORT  # noqa: E402
from claims_pipeline.claims.compare import fields_to_compare  # noqa: E402
from claims_pipeline.sync.connections import connect, read_settings  # noqa: E402


def main() -> int:
    """Fetch the report, read its claims back, say how many were there."""
    with (
        TemporaryDirectory(prefix="reading-") as name,
        connect(read_settings(os.environ), "bench") as connections,
    ):
        path = Path(name) / "report.zip"
        connections.collaboratemd.fetch_report(FIRST, REPORT, RECENT, path)
        with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as entry:
            keys = [
                row["ClaimID"]
                for row in csv.DictReader(io.TextIOWrapper(entry, encoding="utf-8", newline=""))
            ]
        fields = fields_to_compare(connections.salesforce.preflight().writable)
        records = connections.salesforce.read_claims(keys, fields)
    print(f"{records.height:,} claims read")
    return 0


if __name__ == "__main__":
    sys.exit(main())
