"""The judge of files: what is whole passes, and each kind that was cut anywhere is told."""

from collections.abc import Callable
from pathlib import Path

import pytest

from claims_pipeline_tests.faults.judging import half_files
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.reporting.given import published
from claims_pipeline_tests.town import Town

KINDS = ("*.zip", "*.json", "*.parquet", "*.html", "*.csv")


@pytest.mark.journey
def test_what_a_sync_and_its_report_leave_is_whole_and_is_seen_when_it_is_cut(
    build_town: Callable[..., Town],
) -> None:
    town = build_town()
    town.put(report(row("1"), row("2", ClaimTotalAmount="12.3.4")))
    town.sync()
    published(town)
    storage = Path(town.environment["CLAIMS_STORAGE"])
    assert list(half_files(storage)) == []
    for kind in KINDS:
        path = sorted(storage.rglob(kind))[0]
        content = path.read_bytes()
        for kept in (0, len(content) // 2, len(content) - 10):
            path.write_bytes(content[:kept])
            assert list(half_files(storage)) == [f"the file {path.relative_to(storage)} is not whole"]
        path.write_bytes(content)
