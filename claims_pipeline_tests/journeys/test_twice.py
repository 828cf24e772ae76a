"""Running twice changes nothing, however the same claims are printed, in whatever org, by whichever way."""

import csv
import io
import random
from collections.abc import Callable

import pytest

from claims_pipeline.sandbox.generator import Labels, ReportPlan, report_bytes
from claims_pipeline_tests.journeys.conftest import Town
from claims_pipeline_tests.paths import DATA

PLAN = ReportPlan(claims=150, seed=7, faults=0.02)
CLAIMS_REPORT = DATA / "reports" / "claims_report.csv"
BY_COLLECTIONS, BY_BULK = {"SALESFORCE_BULK_FROM_ROWS": "1000000"}, {"SALESFORCE_BULK_FROM_ROWS": "1"}


def report(**changes: object) -> bytes:
    return b"".join(report_bytes(ReportPlan(**{**PLAN.__dict__, **changes})))  # type: ignore[arg-type]


def changed_rows(change: Callable[[list[list[str]]], list[list[str]]]) -> bytes:
    """The claims report with its rows changed."""
    with CLAIMS_REPORT.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    out = io.StringIO(newline="")
    csv.writer(out).writerows([header, *change(rows)])
    return out.getvalue().encode()


def nothing_is_written(town: Town, *, but: str = "nothing") -> bool:
    town.sandbox.salesforce_wire.clear_log()
    whole = town.sync()
    assert whole.synced.sent == 0
    return [written for written in town.writes() if but not in written] == []


@pytest.mark.journey
@pytest.mark.parametrize("way", [BY_COLLECTIONS, BY_BULK], ids=["collections", "bulk"])
def test_the_second_run_writes_nothing(build_town: Callable[..., Town], way: dict[str, str]) -> None:
    town = build_town(**way)
    town.put(report())
    first = town.sync()
    assert first.synced.counts["created"] == len(town.claims()) > 100
    assert town.writes() != []
    assert nothing_is_written(town)


@pytest.mark.journey
def test_the_same_claims_in_another_print_write_nothing(town: Town) -> None:
    town.put(CLAIMS_REPORT)
    town.sync()
    shuffled = changed_rows(lambda rows: random.Random(3).sample(rows, len(rows)))
    town.put(shuffled)
    assert nothing_is_written(town)

    def dollars(rows: list[list[str]]) -> list[list[str]]:
        return [
            [f"${cell}" if cell.replace(".", "").isdigit() and "." in cell else cell for cell in row]
            for row in rows
        ]

    printed = changed_rows(dollars)
    assert printed != changed_rows(lambda rows: rows)
    town.put(printed)
    assert nothing_is_written(town)


@pytest.mark.journey
def test_the_other_label_family_and_another_style_write_nothing(town: Town) -> None:
    town.put(report(labels=Labels.RUN_TOGETHER, status=False))
    town.sync()
    other = next(family for family in Labels if family is not Labels.RUN_TOGETHER)
    town.put(report(labels=other, style=1, status=False))
    assert nothing_is_written(
        town, but="Claim_Sync_Issue__c"
    )  # an issue names the report's column, as it is called


@pytest.mark.journey
@pytest.mark.parametrize("way", [BY_COLLECTIONS, BY_BULK], ids=["collections", "bulk"])
def test_an_org_without_our_fields_is_synced_and_left_alone_the_second_time(
    build_town: Callable[..., Town], way: dict[str, str]
) -> None:
    town = build_town(**way)
    org = town.sandbox.org
    claim = org.schema.object("Claim__c")
    assert claim is not None
    for name in [field for field in claim.fields if field.startswith("Source_")]:
        org.drop_field("Claim__c", name)
    for name in ("Claim_Payor_Mapping__c", "Claim_Sync_Issue__c", "Claim_Sync_Status__c"):
        org.drop_object(name)
    town.put(report())
    first = town.sync()
    assert first.synced.counts["created"] > 100
    assert any("Source_Hash__c" in warning for warning in first.synced.warnings)
    assert nothing_is_written(town)


@pytest.mark.journey
def test_both_ways_of_sending_leave_the_same_org(build_town: Callable[..., Town]) -> None:
    """Created, then changed and cleared: field by field the same, but for stamps and ids."""
    left = []
    for way in (BY_COLLECTIONS, BY_BULK):
        town = build_town(**way)
        town.put(report())
        town.sync()
        town.put(report(as_of=PLAN.as_of.replace(day=28)))
        changed = town.sync()
        assert changed.synced.counts["updated"] > 0
        own = {
            "Id",
            "SystemModstamp",
            "CreatedDate",
            "LastModifiedDate",
            "Source_Synced_At__c",
            "Source_As_Of__c",
        }
        names = {record_id: name for name, record_id in town.payors().items()}
        left.append(
            {
                number: {
                    field: names.get(str(value), value) if field == "Claim_Payor__c" else value
                    for field, value in record.items()
                    if field not in own
                }
                for number, record in town.claims().items()
            }
        )
    assert left[0] == left[1]
