"""Reconciliation: each way in which Salesforce can differ from the source after a full fetch is told apart."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from claims_pipeline.errors import PermanentError
from claims_pipeline.sandbox.generator import ReportPlan, report_bytes
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.rows import RowError
from claims_pipeline.sandbox.salesforce.scripts import Refusal, Rewrite, Trigger
from claims_pipeline.sandbox.salesforce.settings import ADMIN_USERNAME
from claims_pipeline.sandbox.salesforce.tables import Stored
from claims_pipeline.settings import FilterKind
from claims_pipeline.storage import buckets
from claims_pipeline.sync.connections import connect, read_settings
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.reconciliation import placing
from claims_pipeline.sync.reconciliation import reconcile as acting
from claims_pipeline.sync.reconciliation.findings import MOST_NAMED, Group, Reconciliation
from claims_pipeline.sync.reconciliation.reconcile import CommittedMeanwhile, NoFullFetch, reconcile
from claims_pipeline.sync.settling.bring import StoredClaims
from claims_pipeline.sync.settling.settle import settle
from claims_pipeline.sync.settling.standing import standing
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.journeys.conftest import FIRST, SECOND, Town
from claims_pipeline_tests.town import towns

pytestmark = pytest.mark.journey

Build = Callable[..., Town]
AMOUNTS = {"charged": "Charged_Amount__c", "paid": "Paid_Amount__c", "balance": "Total_BDP__c"}


def reconciled(town: Town, customer: str = FIRST) -> Reconciliation:
    """The customer's reconciliation. Whatever it finds, it writes nothing, and it counts every claim once."""
    town.sandbox.salesforce_wire.clear_log()
    with (
        connect(read_settings(town.environment), uuid.uuid4().hex) as connections,
        connections.storage.work_folder("test") as work,
    ):
        before = connections.state.read(customer)
        found = reconcile(customer, connections, work, lambda _: None)
        assert connections.state.read(customer) == before
        assert town.writes() == []
        asked = [access.path for access in town.sandbox.salesforce_wire.log if access.method == "POST"]
        assert sum(path.endswith("/jobs/query") for path in asked) == 1
        claims = connections.storage.read(f"transformed_claims/{customer}")
        assert found.source[0] == claims.rows
        charged = claims.frame.select(pl.col("Charged_Amount__c").sum()).collect().item()
        assert found.source[1]["Charged_Amount__c"] == Decimal(str(charged)).quantize(Decimal("0.01"))
    if found.extras_told:
        theirs = [each for each in standing_claims(town) if each["Source_Customer__c"] == customer]
        assert found.org[0] == len(theirs)
        charged = sum((Decimal(str(each["Charged_Amount__c"] or 0)) for each in theirs), Decimal())
        assert found.org[1]["Charged_Amount__c"] == charged.quantize(Decimal("0.01"))
    return found


def standing_claims(town: Town) -> list[dict[str, Stored]]:
    """The org's claims that are not in its recycle bin."""
    return [each for each in town.sandbox.org.records("Claim__c") if not each["IsDeleted"]]


def counts(found: Reconciliation) -> dict[Group, int]:
    return {group: each.sums.claims for group, each in found.groups.items()}


def money(charged: str, paid: str, balance: str) -> dict[str, Decimal]:
    return {
        AMOUNTS["charged"]: Decimal(charged),
        AMOUNTS["paid"]: Decimal(paid),
        AMOUNTS["balance"]: Decimal(balance),
    }


def admin(town: Town) -> User:
    user = town.sandbox.org.user(ADMIN_USERNAME)
    assert user is not None
    return user


def add(town: Town, **fields: object) -> None:
    """A claim that the admin makes by hand."""
    (result,) = town.sandbox.org.insert(admin(town), "Claim__c", [fields])
    assert result.success, result.errors


def delete(town: Town, claim_number: str) -> None:
    (record,) = [each for each in standing_claims(town) if each["Claim_Number__c"] == claim_number]
    (result,) = town.sandbox.org.delete(admin(town), "Claim__c", [str(record["Id"])])
    assert result.success, result.errors


def refuse(town: Town, claim_number: str) -> None:
    error = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no")
    town.sandbox.org.scripts.refusals.append(Refusal("Claim__c", claim_number, error))


def drop_fields(town: Town, *names: str) -> None:
    for name in names:
        town.sandbox.org.drop_field("Claim__c", name)


def ten(*changed: list[str]) -> bytes:
    """A report of the claims 1 to 10, some of them changed."""
    others = {cells[0]: cells for cells in changed}
    return report(*(others.get(f"5{place:08d}", row(f"5{place:08d}")) for place in range(1, 11)))


def claim(place: int) -> str:
    return f"5{place:08d}"


@pytest.fixture(scope="module")
def town_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with towns(tmp_path_factory.mktemp("reconciliation")) as build:
        yield build(COLLABORATEMD_POLL_SECONDS="0.01", SALESFORCE_POLL_SECONDS="0.01")


@pytest.fixture
def town(town_of_module: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    """The module's town without a claim, worked on from a storage and a state of this test's own."""
    for name, value in town_of_module.sandbox.dynamodb.environment().items():
        monkeypatch.setenv(name, value)
    ids = [str(each["Id"]) for each in standing_claims(town_of_module)]
    for first in range(0, len(ids), 200):
        town_of_module.sandbox.org.delete(admin(town_of_module), "Claim__c", ids[first : first + 200])
    return town_of_module.anew(tmp_path)


@pytest.fixture
def synced(town: Town) -> Town:
    """A town in which ten claims of $100.00 have arrived by a full fetch."""
    town.put(ten())
    town.full()
    return town


def test_after_a_full_fetch_all_is_equal(town: Town) -> None:
    town.put(b"".join(report_bytes(ReportPlan(claims=300, faults=0))))
    town.full()
    found = reconciled(town)
    assert found.is_equal
    assert counts(found) == {Group.EQUAL: len(town.claims())}
    assert found.source == found.org
    assert found.groups[Group.EQUAL].named == ()
    assert found.not_compared == ()


def test_another_customers_claims_in_the_same_org_are_no_part_of_it(synced: Town) -> None:
    synced.put(report(row("700000001"), row("700000002")), SECOND)
    synced.full(SECOND)
    assert counts(reconciled(synced)) == {Group.EQUAL: 10}
    assert counts(reconciled(synced, SECOND)) == {Group.EQUAL: 2}


def test_a_deleted_claim_is_missing(synced: Town) -> None:
    delete(synced, claim(3))
    found = reconciled(synced)
    assert not found.is_equal
    assert counts(found) == {Group.EQUAL: 9, Group.MISSING: 1}
    assert found.groups[Group.MISSING].named == (claim(3),)
    assert found.groups[Group.MISSING].sums.source == money("100.00", "40.00", "60.00")
    assert found.unexplained_dollars == money("-100.00", "-40.00", "-60.00")
    assert (found.missing, found.extra, found.different) == (1, 0, 0)


EDITS: dict[str, object] = {
    "Name": "EDITED",
    "MR_Number__c": None,
    "Source_Payor_Name__c": "EDITED",
    "Payer__c": "EDITED",
    "Insurance_Authorization_Number__c": "au1",
    "DOS__c": "2020-01-01",
    "DOS_End__c": "2030-01-01",
    "Claim_Submitted_Date__c": None,
    "EFT_or_Paper_Check__c": "EDITED",
    "Paid_Date__c": "2020-01-01",
    "Source_Status__c": "EDITED",
    "Paid_Y_or_N__c": "No",
    "Source_Payor_Key__c": "edited|",
    "Source_Missing_Since__c": "2026-02-01",
    "Claim_Number__c": "a1",
}


def test_every_field_that_was_changed_is_named(town: Town) -> None:
    numbers = dict(zip([*(claim(n) for n in range(14)), "A1"], EDITS, strict=True))
    town.put(report(*map(row, numbers)))
    town.full()
    for number, field in numbers.items():
        town.edit(number, **{field: EDITS[field]})
    found = reconciled(town)
    assert counts(found) == {Group.DIFFERENT: len(EDITS)}
    assert found.groups[Group.DIFFERENT].differing == dict.fromkeys(EDITS, 1)
    assert set(found.groups[Group.DIFFERENT].named) == set(numbers)
    assert set(found.unexplained_dollars.values()) == {Decimal("0.00")}


def test_one_cent_is_found_in_each_amount(synced: Town) -> None:
    synced.edit(claim(4), Charged_Amount__c=100.01)
    synced.edit(claim(5), Paid_Amount__c=39.99)
    synced.edit(claim(6), Total_BDP__c=60.01)
    found = reconciled(synced)
    assert found.groups[Group.DIFFERENT].differing == dict.fromkeys(AMOUNTS.values(), 1)
    assert found.unexplained_dollars == money("0.01", "-0.01", "0.01")


def test_cents_that_cancel_out_in_the_sums_are_found_all_the_same(synced: Town) -> None:
    synced.edit(claim(4), Charged_Amount__c=100.01)
    synced.edit(claim(5), Charged_Amount__c=99.99)
    found = reconciled(synced)
    assert found.source == found.org
    assert not found.is_equal
    assert found.groups[Group.DIFFERENT].differing == {"Charged_Amount__c": 2}


def test_a_payor_that_a_person_linked_or_took_off_is_no_difference(town: Town) -> None:
    town.sandbox.add_payors([{"Name": "Only Once Health", "Payor_ID__c": "OOH1"}])
    town.put(ten(row(claim(1), ClaimPrimaryPayerName="Only Once Health", PayerID="OOH1")))
    town.full()
    assert town.claims()[claim(1)]["Claim_Payor__c"] is not None
    town.edit(claim(1), Claim_Payor__c=None)
    town.edit(claim(2), Claim_Payor__c=town.payors()["Only Once Health"])
    assert counts(reconciled(town)) == {Group.EQUAL: 10}


def test_a_claim_made_by_hand_under_our_number_is_extra(synced: Town) -> None:
    add(synced, Claim_Number__c="BY-HAND", Source_Customer__c=FIRST, Charged_Amount__c=12.34)
    found = reconciled(synced)
    assert counts(found) == {Group.EQUAL: 10, Group.EXTRA: 1}
    assert found.groups[Group.EXTRA].named == ("BY-HAND",)
    assert found.unexplained_dollars == money("12.34", "0.00", "0.00")


def test_a_claim_made_by_hand_without_a_number_is_extra_and_named_by_its_record(synced: Town) -> None:
    add(synced, Source_Customer__c=FIRST)
    add(synced, Source_Customer__c=FIRST)
    found = reconciled(synced)
    assert counts(found) == {Group.EQUAL: 10, Group.EXTRA: 2}
    records = {
        str(record["Id"])
        for record in synced.sandbox.org.records("Claim__c")
        if record["Claim_Number__c"] is None
    }
    assert set(found.groups[Group.EXTRA].named) == records


def test_a_claim_that_the_source_lost_is_extra_and_explained_by_its_mark(synced: Town) -> None:
    synced.put(report(*(row(claim(place)) for place in range(1, 9))))
    synced.full()
    found = reconciled(synced)
    assert found.is_equal
    assert counts(found) == {Group.EQUAL: 8, Group.EXTRA_MARKED: 2}
    assert found.groups[Group.EXTRA_MARKED].sums.org == money("200.00", "80.00", "120.00")
    assert set(found.unexplained_dollars.values()) == {Decimal("0.00")}
    synced.edit(claim(9), Source_Missing_Since__c=None)
    found = reconciled(synced)
    assert counts(found) == {Group.EQUAL: 8, Group.EXTRA_MARKED: 1, Group.EXTRA: 1}
    assert found.groups[Group.EXTRA].named == (claim(9),)


def test_claims_of_rejected_rows_stand_apart_whether_the_org_has_them_or_not(synced: Town) -> None:
    broken = [row(number, ClaimTotalAmount="1e5") for number in (claim(1), claim(2))]
    synced.put(ten(*broken))
    synced.full()
    delete(synced, claim(2))
    found = reconciled(synced)
    assert found.is_equal
    assert counts(found) == {Group.EQUAL: 8, Group.MISSING_REJECTED: 1, Group.EXTRA_REJECTED: 1}
    assert found.groups[Group.EXTRA_REJECTED].sums.org["Charged_Amount__c"] == Decimal("100.00")
    assert found.explained == 2


def test_while_rows_have_no_readable_claim_id_an_unmarked_extra_claim_stays_unexplained(synced: Town) -> None:
    synced.put(report(*(row(claim(place)) for place in range(1, 10)), row("")))
    synced.full()
    found = reconciled(synced)
    assert not found.is_equal
    assert counts(found) == {Group.EQUAL: 9, Group.EXTRA_UNREADABLE: 1}
    assert found.unreadable_ids == 1


def test_refused_claims_are_told_apart_as_missing_or_different(synced: Town) -> None:
    changed = row(claim(1), ClaimTotalAmount="175.50")
    refuse(synced, claim(1))
    refuse(synced, "900000001")
    synced.put(ten(changed) + report(row("900000001")).split(b"\r\n", 1)[1])
    assert synced.full().synced.counts["refused"] == 2
    found = reconciled(synced)
    assert found.is_equal
    assert counts(found) == {Group.EQUAL: 9, Group.MISSING_REFUSED: 1, Group.DIFFERENT_REFUSED: 1}
    different = found.groups[Group.DIFFERENT_REFUSED]
    assert different.differing == {"Charged_Amount__c": 1}
    assert different.sums.source["Charged_Amount__c"] == Decimal("175.50")
    assert different.sums.org["Charged_Amount__c"] == Decimal("100.00")


def test_a_refused_change_does_not_explain_a_claim_that_was_deleted_since(synced: Town) -> None:
    refuse(synced, claim(1))
    synced.put(ten(row(claim(1), ClaimTotalAmount="175.50")))
    assert synced.full().synced.counts["refused"] == 1
    delete(synced, claim(1))
    assert counts(reconciled(synced)) == {Group.EQUAL: 9, Group.MISSING: 1}


def test_a_claim_held_for_another_customer_is_explained_and_one_handed_over_since_is_not(
    synced: Town,
) -> None:
    synced.edit(claim(1), Source_Customer__c=SECOND)
    synced.edit(claim(2), Source_Customer__c=SECOND)
    assert synced.full().synced.counts["held"] == 2
    found = reconciled(synced)
    assert found.is_equal
    assert counts(found) == {Group.EQUAL: 8, Group.MISSING_OTHER_CUSTOMER: 2}
    synced.edit(claim(3), Source_Customer__c=SECOND)
    synced.edit(claim(4), Source_Customer__c=None)
    delete(synced, claim(2))
    found = reconciled(synced)
    assert not found.is_equal
    assert counts(found) == {
        Group.EQUAL: 6,
        Group.MISSING_OTHER_CUSTOMER: 1,
        Group.MISSING_HANDED_OVER: 2,
        Group.MISSING: 1,
    }
    assert set(found.groups[Group.MISSING_HANDED_OVER].named) == {claim(3), claim(4)}
    assert found.groups[Group.MISSING].named == (claim(2),)


def test_what_the_org_rewrites_is_explained_once_a_sync_has_held_it(town: Town) -> None:
    town.sandbox.org.scripts.triggers.append(Trigger("Claim__c", "MR_Number__c", Rewrite.SET, "REWRITTEN"))
    town.put(ten())
    town.full()
    found = reconciled(town)
    assert counts(found) == {Group.DIFFERENT: 10}
    assert town.full().synced.held_by_reason == {"REWRITTEN_BY_ORG": 10}
    found = reconciled(town)
    assert found.is_equal
    assert counts(found) == {Group.DIFFERENT_REWRITTEN: 10}
    assert found.groups[Group.DIFFERENT_REWRITTEN].differing == {"MR_Number__c": 10}
    town.edit(claim(1), Paid_Amount__c=1.0)
    assert counts(reconciled(town)) == {Group.DIFFERENT_REWRITTEN: 9, Group.DIFFERENT: 1}


def test_every_kind_at_once_is_mended_by_the_next_full_sync(synced: Town) -> None:
    delete(synced, claim(1))
    synced.edit(claim(2), MR_Number__c="EDITED")
    synced.edit(claim(3), Source_Customer__c=None)
    add(synced, Claim_Number__c="BY-HAND", Source_Customer__c=FIRST)
    found = reconciled(synced)
    assert (found.missing, found.extra, found.different) == (2, 1, 1)
    synced.full()
    found = reconciled(synced)
    assert found.is_equal
    assert counts(found) == {Group.EQUAL: 10, Group.EXTRA_MARKED: 1}


def test_a_field_that_is_left_to_the_org_is_not_compared_and_that_is_said(build_town: Build) -> None:
    town = build_town(SALESFORCE_FIELDS_LEFT_ALONE="MR_Number__c,Total_BDP__c")
    town.put(ten())
    town.full()
    town.edit(claim(1), MR_Number__c="THEIRS", Total_BDP__c=1.0)
    found = reconciled(town)
    assert found.is_equal
    assert set(found.not_compared) == {"MR_Number__c", "Total_BDP__c"}
    assert found.money == ("Charged_Amount__c", "Paid_Amount__c")


def test_without_source_customer_extras_cannot_be_told_and_the_rest_is_compared(build_town: Build) -> None:
    town = build_town()
    drop_fields(town, "Source_Customer__c")
    town.put(ten())
    town.full()
    add(town, Claim_Number__c="BY-HAND")
    town.edit(claim(1), Paid_Amount__c=40.01)
    delete(town, claim(2))
    found = reconciled(town)
    assert not found.extras_told
    assert counts(found) == {Group.EQUAL: 8, Group.MISSING: 1, Group.DIFFERENT: 1}
    assert "Source_Customer__c" in found.not_compared


def test_on_the_predecessors_fields_alone_all_that_the_source_names_is_compared(build_town: Build) -> None:
    town = build_town()
    schema = town.sandbox.org.schema.object("Claim__c")
    assert schema is not None
    drop_fields(town, *[name for name in schema.fields if name.startswith("Source_")])
    town.put(ten())
    town.full()
    assert reconciled(town).is_equal
    town.edit(claim(1), Name="EDITED")
    found = reconciled(town)
    assert counts(found) == {Group.EQUAL: 9, Group.DIFFERENT: 1}
    assert found.groups[Group.DIFFERENT].differing == {"Name": 1}


@pytest.mark.parametrize("rows_a_bucket", [1, 7, 40])
def test_the_number_of_buckets_changes_nothing(
    town: Town, monkeypatch: pytest.MonkeyPatch, rows_a_bucket: int
) -> None:
    numbers = [f"6{place:08d}" for place in range(90)]
    town.put(report(*map(row, numbers)))
    town.full()
    for number in numbers[:30]:
        town.edit(number, Paid_Amount__c=40.01)
    for number in numbers[30:35]:
        delete(town, number)
    for place in range(4):
        add(town, Claim_Number__c=f"BY-HAND-{place}", Source_Customer__c=FIRST)
    monkeypatch.setattr(buckets, "ROWS_A_BUCKET", rows_a_bucket)
    found = reconciled(town)
    assert counts(found) == {Group.EQUAL: 55, Group.MISSING: 5, Group.EXTRA: 4, Group.DIFFERENT: 30}
    assert found.groups[Group.DIFFERENT].differing == {"Paid_Amount__c": 30}
    assert found.unexplained_dollars == money("-500.00", "-199.70", "-300.00")
    named = found.groups[Group.DIFFERENT].named
    assert len(named) == len(set(named)) == MOST_NAMED
    assert set(named) <= set(numbers[:30])


def test_of_30_000_claims_no_more_than_a_bucket_is_held(
    build_town: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The org holds far more than the report: the buckets are cut by the larger side."""
    town = build_town()
    town.put(ten())
    town.full()
    for first in range(0, 30_000, 200):
        rows = [
            {"Claim_Number__c": f"X{first + place}", "Source_Customer__c": FIRST, "Paid_Amount__c": 0.01}
            for place in range(200)
        ]
        town.sandbox.org.insert(admin(town), "Claim__c", rows)
    held: list[int] = []
    honest = placing.Placing.place

    def watched(self: placing.Placing, *frames: pl.DataFrame) -> object:
        held.extend(frame.height for frame in frames)
        return honest(self, *frames)

    monkeypatch.setattr(placing.Placing, "place", watched)
    monkeypatch.setattr(buckets, "ROWS_A_BUCKET", 1_000)
    found = reconciled(town)
    assert counts(found) == {Group.EQUAL: 10, Group.EXTRA: 30_000}
    assert found.unexplained_dollars["Paid_Amount__c"] == Decimal("300.00")
    assert len(held) == 3 * 31  # buckets, each of source, outcomes and org
    assert sum(held) == 10 + 10 + 30_010
    assert max(held) < 1_300


def no_full_fetch(town: Town, words: str) -> None:
    town.sandbox.salesforce_wire.clear_log()
    with (
        connect(read_settings(town.environment), "nothing") as connections,
        connections.storage.work_folder("test") as work,
        pytest.raises(NoFullFetch, match=words) as told,
    ):
        reconcile(FIRST, connections, work, lambda _: None)
    assert f"claims-pipeline sync --full --customer {FIRST}" in str(told.value)
    assert town.sandbox.salesforce_wire.log == []


def test_without_a_full_fetch_it_says_what_to_run(town: Town) -> None:
    no_full_fetch(town, "none is stored")
    town.put(ten())
    town.sync()
    no_full_fetch(town, r"the last fetch \(1\) was a recent one")
    town.full()
    assert reconciled(town).is_equal
    town.sync()
    no_full_fetch(town, r"the last fetch \(3\) was a recent one")


def test_frames_of_different_fetches_are_not_compared(synced: Town) -> None:
    with connect(read_settings(synced.environment), "keeping") as connections:
        old = connections.storage.read(f"rejected_claims/{FIRST}")
        synced.full()
        connections.storage.write(f"rejected_claims/{FIRST}", old)
    no_full_fetch(synced, "are not of one fetch")


def test_a_fetch_that_is_not_the_committed_one_is_not_compared(synced: Town, tmp_path: Path) -> None:
    elsewhere = replace(synced, environment={**synced.environment, "CLAIMS_STORAGE": str(tmp_path / "other")})
    elsewhere.sync()
    no_full_fetch(synced, "the stored fetch is 1, the committed one 2")


def test_a_sync_that_commits_meanwhile_makes_the_result_void(
    synced: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*args: object, **named: object) -> object:
        synced.full()
        return standing(*args, **named)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(acting, "standing", meanwhile)
    with pytest.raises(CommittedMeanwhile, match=r"a sync \(of fetch 2\) was committed .* Run it again"):
        reconciled(synced)


def replay(town: Town) -> None:
    """The stored fetch is synced once more, as Dagster does it when one asset is run again."""
    with (
        connect(read_settings(town.environment), "replay") as connections,
        connections.storage.work_folder("replay") as work,
    ):
        names = (f"transformed_claims/{FIRST}", f"rejected_claims/{FIRST}", "payor_mapping")
        stored = StoredClaims(*map(connections.storage.read, names))
        settle(stored, SyncOptions(kind=FilterKind.FULL), connections, work, lambda _: None)


def test_a_replay_that_commits_the_same_fetch_meanwhile_makes_it_void_too(
    synced: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*args: object, **named: object) -> object:
        replay(synced)
        return standing(*args, **named)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(acting, "standing", meanwhile)
    with pytest.raises(CommittedMeanwhile, match=r"a sync \(of fetch 1\) was committed"):
        reconciled(synced)


def test_a_fetch_that_has_begun_since_is_said(synced: Town) -> None:
    assert not reconciled(synced).newer_fetch
    with connect(read_settings(synced.environment), "beginning") as connections:
        connections.state.next_sequence(FIRST)
    assert reconciled(synced).newer_fetch


def test_another_org_behind_the_same_settings_is_not_compared(synced: Town) -> None:
    name = f"salesforce_synced_claims/{FIRST}"
    with connect(read_settings(synced.environment), "another") as connections:
        stored = connections.storage.read(name)
        told = {**stored.stamp.facts["sync"], "organization_id": "00D000000000001EAA"}
        stamp = replace(stored.stamp, facts={**stored.stamp.facts, "sync": told})
        connections.storage.write(name, replace(stored, stamp=stamp))
    with pytest.raises(PermanentError, match="the last sync wrote to the org 00D000000000001EAA"):
        reconciled(synced)
