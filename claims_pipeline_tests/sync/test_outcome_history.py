"""What each sync did to which claim is kept: ids, codes, field names and row numbers; never a value."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from claims_pipeline.clients.sync_state import SyncState
from claims_pipeline.sandbox.salesforce.rows import RowError
from claims_pipeline.sandbox.salesforce.scripts import Refusal
from claims_pipeline.storage.frames import Storage
from claims_pipeline.sync.settling.history import SCHEMA, history_name, syncs_of
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.town import FIRST, Town

BAD = {"ClaimTotalAmount": "12.3.4"}
REFUSAL = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "the rule quotes DOE, JAN", ("MR_Number__c",))

pytestmark = pytest.mark.journey


def storage_of(town: Town) -> Storage:
    return Storage(town.environment["CLAIMS_STORAGE"])


def kept(town: Town, sequence: int) -> dict[str, tuple[Any, ...]]:
    """Claim -> outcome, code, fields, row numbers."""
    frame = storage_of(town).read(history_name(FIRST, sequence)).frame.collect()
    assert frame.schema == SCHEMA
    return {
        line["claim_id"]: (
            line["outcome"],
            line["code"],
            line["fields"],
            [each["row_number"] for each in line["places"] or ()],
        )
        for line in frame.iter_rows(named=True)
    }


def test_each_sync_leaves_a_line_for_what_it_did_and_none_for_the_unchanged(town: Town) -> None:
    town.sandbox.org.scripts.refusals.append(Refusal("Claim__c", "3", REFUSAL))
    town.put(report(row("1"), row("2"), row("3"), row("Bad", **BAD), row("bad")))
    town.sync()
    town.put(report(row("2"), row("1", ClaimAmountPaid="50.00")))
    town.sync(accept_empty=True)
    town.put(report(row("2")))
    town.full()
    assert kept(town, 1) == {
        "1": ("created", None, None, [2]),
        "2": ("created", None, None, [3]),
        "3": ("refused", REFUSAL.code, ["MR_Number__c"], [4]),
        "Bad": ("rejected", "BAD_MONEY", ["charged"], [5, 6]),
        "bad": ("rejected", "CONFLICTING_DUPLICATE", None, [5, 6]),
    }
    assert kept(town, 2) == {"1": ("updated", None, ["Paid_Amount__c"], [3])}
    assert kept(town, 3) == {"1": ("missing", None, None, [])}
    syncs = syncs_of(FIRST, storage_of(town))
    assert syncs.select("sequence", "kind", "report_rows", "events").rows() == [
        (3, "full", 1, 1),
        (2, "recent", 2, 1),
        (1, "recent", 5, 5),
    ]


def test_no_value_of_a_claim_is_in_it(town: Town) -> None:
    town.put(report(row("1"), row("Bad", **BAD)))
    town.sync()
    town.put(report(row("1", PateintNameID="ROE, ANN (2)", ClaimAmountPaid="51.37")))
    town.sync()
    for sequence in (1, 2):
        stored = storage_of(town).read(history_name(FIRST, sequence))
        text = f"{stored.frame.collect().to_dicts()} {stored.stamp.to_text()}"
        for value in ("DOE", "ROE", "MR-1", "AU1", "100.00", "51.37", "12.3.4", "Nobody Knows", "PAID"):
            assert value not in text


def test_it_is_written_before_the_commit_and_again_alike_when_the_sync_is_repeated(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.put(report(row("1"), row("Bad", **BAD)))
    with monkeypatch.context() as patched:

        def dies(*_: object) -> None:
            raise KeyboardInterrupt

        patched.setattr(SyncState, "commit", dies)
        with pytest.raises(KeyboardInterrupt):
            town.sync()
    assert kept(town, 1)["1"][0] == "created"
    town.sync()
    lines = [kept(town, sequence) for sequence in syncs_of(FIRST, storage_of(town))["sequence"]]
    assert [each["1"][0] for each in lines if "1" in each] == ["created"]
    assert all(each["Bad"][0] == "rejected" for each in lines)


def test_a_dry_run_leaves_no_line(town: Town) -> None:
    town.put(report(row("1")))
    town.sync(dry_run=True)
    assert syncs_of(FIRST, storage_of(town)).is_empty()


def test_a_damaged_list_begins_anew_and_the_sync_arrives(build_town: Callable[..., Town]) -> None:
    town = build_town()
    town.put(report(row("1")))
    town.sync()
    folder = Path(town.environment["CLAIMS_STORAGE"])
    for name in (f"outcome_history/{FIRST}/syncs.parquet", f"open_issues/{FIRST}.parquet"):
        (folder / name).write_bytes(b"PAR1 cut")
    town.put(report(row("1"), row("2")))
    whole = town.sync()
    assert any("kept list of open issues was damaged" in each for each in whole.synced.warnings)
    assert syncs_of(FIRST, storage_of(town)).get_column("sequence").to_list() == [2]
    assert isinstance(storage_of(town).read(history_name(FIRST, 1)).frame, pl.LazyFrame)
