"""Stored raw rows to claims and rejected rows: every row accounted for, whatever the slices and buckets."""

import dataclasses
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from claims_pipeline.claims.columns import COLUMNS
from claims_pipeline.claims.header import ColumnChoice
from claims_pipeline.claims.reading import RAW_ROWS, read_report
from claims_pipeline.sandbox.generator import ReportPlan, report_bytes
from claims_pipeline.storage.buckets import PartWriter
from claims_pipeline.storage.frames import Stamp, StampedFrame, Storage
from claims_pipeline.storage.report_zip import open_entries
from claims_pipeline.sync import transform as steps
from claims_pipeline.sync.balance import DoesNotBalance
from claims_pipeline.sync.fetching.reports import file_facts
from claims_pipeline.sync.payors.mapping import NO_CUSTOMER, SCHEMA
from claims_pipeline.sync.transform import Transformed, transform

AT = datetime(2026, 2, 15, 2, 0, tzinfo=UTC)
CUSTOMER = "10001001"
LENGTHS = {column.salesforce: 50 for column in COLUMNS if column.salesforce} | {
    "Name": 80,
    "Source_Payor_Name__c": 255,
}
NO_PAYORS = StampedFrame(pl.LazyFrame(schema=SCHEMA), Stamp(NO_CUSTOMER, 0, AT, {"mapping_table": False}))


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(str(tmp_path / "storage"))


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "step"
    folder.mkdir()
    yield folder


def raw_of(report: bytes, storage: Storage, folder: Path) -> StampedFrame:
    """Raw rows of one report, kept and stored as `fetch` does."""
    path = folder / "20020.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("Claims.csv", report)
    rows, facts = PartWriter(folder / "raw", RAW_ROWS), []
    for entry in open_entries(path):
        reading = read_report(entry.open, entry.kind, columns=ColumnChoice(), run=0, file=len(facts))
        for part in reading:
            rows.write(part)
        facts.append(reading.facts)
    reports = [
        {"filter": "20020", "rows": rows.rows, "kept_as": storage.keep_report(path, CUSTOMER, 1, "20020.zip")}
    ]
    stamp = Stamp(CUSTOMER, 1, AT, {"reports": reports, **file_facts(CUSTOMER, facts)})
    storage.write(f"raw_collaboratemd_claims/{CUSTOMER}", StampedFrame(rows.scan(), stamp))
    return storage.read(f"raw_collaboratemd_claims/{CUSTOMER}")


def run(report: bytes, storage: Storage, work: Path) -> Transformed:
    return transform(raw_of(report, storage, work), NO_PAYORS, LENGTHS, storage, work)


def test_rows_keys_and_dollars_balance_over_faulty_and_repeated_rows(storage: Storage, work: Path) -> None:
    done = run(b"".join(report_bytes(ReportPlan(claims=400, faults=0.1, repeated=0.1))), storage, work)
    done.require_balance()
    balance = done.balance
    assert balance.report_rows == balance.accepted_rows + sum(balance.rejected_rows.values())
    assert balance.claims == done.claims.rows > 300
    assert balance.merged_rows > 0
    assert len(balance.rejected_rows) >= 5


def test_the_outcome_does_not_depend_on_slices_or_buckets(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = b"".join(report_bytes(ReportPlan(claims=300, faults=0.1)))
    found = []
    for buckets in (1, 7):
        folder = tmp_path / str(buckets)
        folder.mkdir()
        monkeypatch.setattr(steps, "bucket_count", lambda _, count=buckets: count)
        done = run(report, storage, folder)
        done.require_balance()
        found.append(
            (done.claims.frame.sort("claim_key").collect(), done.rejected.frame.sort("row_number").collect())
        )
    assert found[0][0].equals(found[1][0])
    assert found[0][1].equals(found[1][1])


def test_a_report_without_rows_gives_no_claims_and_balances(storage: Storage, work: Path) -> None:
    header = b"".join(report_bytes(ReportPlan(claims=1))).split(b"\r\n")[0]
    done = run(header + b"\r\n", storage, work)
    done.require_balance()
    assert (done.claims.rows, done.rejected.rows) == (0, 0)
    assert "matched_payor" in done.claims.frame.collect_schema()


def test_a_row_lost_on_the_way_is_told_by_the_second_reader(
    storage: Storage, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = steps.clean_rows
    monkeypatch.setattr(
        steps, "clean_rows", lambda rows, rules: honest(rows.filter(pl.col("row_number") != 5), rules)
    )
    done = run(b"".join(report_bytes(ReportPlan(claims=20, oddities=0))), storage, work)
    with pytest.raises(DoesNotBalance, match=r"1 row\(s\) of the report came to nothing: file 0 row 5"):
        done.require_balance()


def test_a_row_read_twice_is_told(storage: Storage, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = steps.settle_claims

    def doubled(rows: pl.DataFrame, rules: steps.RowRules) -> object:
        settled = honest(rows, rules)
        return dataclasses.replace(settled, accepted=pl.concat([settled.accepted, settled.accepted.head(1)]))

    monkeypatch.setattr(steps, "settle_claims", doubled)
    done = run(b"".join(report_bytes(ReportPlan(claims=20, oddities=0))), storage, work)
    with pytest.raises(DoesNotBalance, match="came out that no file holds"):
        done.require_balance()


def test_a_cent_lost_on_the_way_is_told(
    storage: Storage, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = steps.settle_claims

    def short(rows: pl.DataFrame, rules: steps.RowRules) -> object:
        settled = honest(rows, rules)
        paid = pl.col("Paid_Amount__c")
        less = pl.when(pl.int_range(pl.len()) == 0).then(
            paid.fill_null(0) + pl.lit("0.01").cast(pl.Decimal(16, 2))
        )
        claims = settled.claims.with_columns(
            less.otherwise(paid).cast(pl.Decimal(16, 2)).alias("Paid_Amount__c")
        )
        return dataclasses.replace(settled, claims=claims)

    monkeypatch.setattr(steps, "settle_claims", short)
    done = run(b"".join(report_bytes(ReportPlan(claims=20))), storage, work)
    with pytest.raises(DoesNotBalance, match="Paid_Amount__c"):
        done.require_balance()
