"""Days on which much goes wrong at once: half-installed orgs, people's edits, races, refusals, empty answers."""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

import polars as pl
import pytest

from claims_pipeline.sandbox.salesforce.people import FieldAccess
from claims_pipeline.sandbox.salesforce.rows import RowError
from claims_pipeline.sandbox.salesforce.scripts import Refusal
from claims_pipeline.sandbox.salesforce.settings import ADMIN_USERNAME, INTEGRATION_USERNAME
from claims_pipeline.sandbox.systems import FULL_FILTER_ID, RECENT_FILTER_ID
from claims_pipeline.settings import FilterKind
from claims_pipeline.sync.connections import connect, read_settings
from claims_pipeline.sync.payors.mapping import matcher_of
from claims_pipeline.sync.payors.unmapped import unmapped_payors
from claims_pipeline.sync.settling.org_sums import OrgDiffers
from claims_pipeline.sync.settling.relink import relink
from claims_pipeline.sync.settling.send import Writer
from claims_pipeline.sync.summary import summary
from claims_pipeline_tests.journeys.conftest import FIRST, SECOND, Town
from claims_pipeline_tests.journeys.test_people import HEADER, report, row

Build = Callable[..., Town]
BY_COLLECTIONS, BY_BULK = {"SALESFORCE_BULK_FROM_ROWS": "1000000"}, {"SALESFORCE_BULK_FROM_ROWS": "1"}
KEY = "nobody knows health|nkh1"


def hide(town: Town, field: str, access: FieldAccess = FieldAccess.HIDDEN) -> None:
    """Take a field of `Claim__c` from the integration user."""
    user = town.sandbox.org.user(INTEGRATION_USERNAME)
    assert user is not None
    town.sandbox.org.set_access(user, "Claim__c", field, access)


def delete(town: Town, *numbers: str) -> None:
    """A person deletes claims."""
    admin = town.sandbox.org.user(ADMIN_USERNAME)
    assert admin is not None
    ids = [str(town.claims()[number]["Id"]) for number in numbers]
    assert all(result.success for result in town.sandbox.org.delete(admin, "Claim__c", ids))


def committed(town: Town) -> int:
    """The first customer's committed sequence."""
    with connect(read_settings(town.environment), "test") as connections:
        return connections.state.read(FIRST).committed_sequence


@pytest.mark.journey
@pytest.mark.parametrize(
    "field",
    [
        "Source_Customer__c",
        "Source_Payor_Key__c",
        "Source_Payor_Name__c",
        "Source_Status__c",
        "Source_Hash__c",
        "Source_Synced_At__c",
        "Source_Missing_Since__c",
    ],
)
def test_an_org_that_hides_one_of_our_fields_is_synced_without_it(town: Town, field: str) -> None:
    hide(town, field)
    town.put(report(row("500000001"), row("500000002")))
    first = town.full()
    assert first.synced.counts["created"] == 2
    assert any(field in warning for warning in first.synced.warnings)
    town.sandbox.salesforce_wire.clear_log()
    assert town.full().synced.counts["unchanged"] == 2
    assert town.writes() == []
    with connect(read_settings(town.environment), "test") as connections:
        listed = unmapped_payors(connections.salesforce, matcher_of(first.payors), connections.now())
        assert listed.rows == (0 if field == "Source_Payor_Key__c" else 1)


@pytest.mark.journey
@pytest.mark.parametrize("way", [BY_COLLECTIONS, BY_BULK], ids=["collections", "bulk"])
def test_after_a_full_fetch_the_orgs_own_sums_are_the_sources(build_town: Build, way: dict[str, str]) -> None:
    town = build_town(**way)
    town.put(report(row("500000001"), row("500000002"), row("500000003"), row("500000004")))
    town.full()
    town.edit("500000003", Source_Customer__c=SECOND)
    broken = row("500000004").replace("100.00", "1e5")
    town.put(report(row("500000001", paid="7.00"), row("500000003", paid="9.00"), broken))
    told = town.full().synced.org_sums
    assert told is not None
    assert (told.arrived.claims, told.arrived.org) == (1, told.arrived.source)
    assert told.arrived.org["Paid_Amount__c"] == Decimal("7.00")
    assert {name: sums.claims for name, sums in told.beside.items()} == {
        "held": 1,
        "rejected": 1,
        "missing": 1,
    }
    held = told.beside["held"]
    assert (held.source["Paid_Amount__c"], held.org["Paid_Amount__c"]) == (Decimal("9.00"), Decimal("0.00"))
    assert told.beside["missing"].org["Charged_Amount__c"] == Decimal("100.00")


@pytest.mark.journey
def test_an_org_that_does_not_hold_what_was_sent_fails_a_full_sync_and_commits_nothing(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.put(report(row("500000001"), row("500000002")))

    def someone_interferes(*args: object) -> object:
        town.edit("500000001", Paid_Amount__c=1.0)
        delete(town, "500000002")
        return relink(*args)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr("claims_pipeline.sync.settling.beyond.relink", someone_interferes)
    with pytest.raises(OrgDiffers, match="1 no longer stand in Salesforce and 1 stand there with other"):
        town.full()
    monkeypatch.setattr("claims_pipeline.sync.settling.beyond.relink", relink)
    assert committed(town) == 0
    again = town.full()
    assert (again.synced.counts["created"], again.synced.counts["healed"]) == (1, 1)


@pytest.mark.journey
def test_the_proof_of_a_full_sync_costs_no_call_beyond_the_one_that_finds_missing_claims(town: Town) -> None:
    town.put(report(*(row(f"5000{place:05d}") for place in range(300))))
    town.full()
    town.sandbox.salesforce_wire.clear_log()
    town.full()
    queries = [access.path for access in town.sandbox.salesforce_wire.log if access.method == "POST"]
    assert sum(path.endswith("/jobs/query") for path in queries) == 1


@pytest.mark.journey
def test_a_hand_set_lookup_survives_when_a_person_edits_the_payor_key(town: Town) -> None:
    town.put(report(row("500000001")))
    town.sync()
    payor = next(iter(town.payors().values()))
    town.edit("500000001", Claim_Payor__c=payor, Source_Payor_Key__c="edited|")
    assert town.sync().synced.counts["healed"] == 1
    claim = town.claims()["500000001"]
    assert (claim["Source_Payor_Key__c"], claim["Claim_Payor__c"]) == (KEY, payor)


@pytest.mark.journey
def test_a_hand_set_lookup_survives_when_the_payor_columns_are_declared_absent(build_town: Build) -> None:
    town = build_town()
    town.put(report(row("500000001")))
    town.sync()
    payor = next(iter(town.payors().values()))
    town.edit("500000001", Claim_Payor__c=payor)
    lines = [line.split(",") for line in (HEADER, row("500000001").replace("DOE, JAN", "DOE JAN"))]
    without_id = "\r\n".join(",".join(cells[:3] + cells[4:]) for cells in lines).encode()
    town.put(without_id)
    config = town.sandbox.folder / "claims.toml"
    config.write_text(config.read_text().replace("filters =", 'absent_columns = ["payor_id"]\nfilters ='))
    town.sync()
    claim = town.claims()["500000001"]
    assert (claim["Payer__c"], claim["Source_Payor_Key__c"], claim["Claim_Payor__c"]) == ("NKH1", KEY, payor)
    assert town.sync().synced.sent == 0


@pytest.mark.journey
def test_a_first_full_fetch_without_a_row_marks_nothing_missing(town: Town) -> None:
    town.sandbox.put_report(FIRST, report(row("500000001")), RECENT_FILTER_ID)
    town.sandbox.put_report(FIRST, report(), FULL_FILTER_ID)
    town.sync()
    empty = town.full()
    assert empty.synced.missing == {}
    assert any("no row at all" in warning for warning in empty.synced.warnings)
    assert town.claims()["500000001"]["Source_Missing_Since__c"] is None
    believed = town.sync(kind=FilterKind.FULL, accept_empty=True)
    assert believed.synced.missing == {"updated": 1}


@pytest.mark.journey
def test_a_claim_that_comes_back_in_a_rejected_row_is_no_longer_called_missing(town: Town) -> None:
    town.put(report(row("500000001"), row("500000002")))
    town.full()
    town.put(report(row("500000001")))
    assert town.full().synced.missing == {"updated": 1}
    town.put(report(row("500000001"), row("500000002").replace("100.00", "1e5")))
    assert town.full().synced.missing == {"updated": 1}
    assert town.claims()["500000002"]["Source_Missing_Since__c"] is None


@pytest.mark.journey
def test_a_refused_link_and_a_refused_mark_are_told_with_their_codes(town: Town) -> None:
    town.put(report(row("500000001"), row("500000002")))
    town.full()
    town.map(KEY, next(iter(town.payors().values())))
    refusal = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "not today")
    town.sandbox.org.scripts.refusals.append(Refusal("Claim__c", "500000002", refusal))
    town.put(report(row("500000001")))
    whole = town.full()
    assert whole.synced.refused_beyond == {
        "relink": {"FIELD_CUSTOM_VALIDATION_EXCEPTION": 1},
        "missing": {"FIELD_CUSTOM_VALIDATION_EXCEPTION": 1},
    }
    assert not whole.all_arrived
    told = "\n".join(summary(whole.synced, whole.rejected))
    assert (
        "not linked to their payor, since Salesforce refused: FIELD_CUSTOM_VALIDATION_EXCEPTION (1)" in told
    )


@pytest.mark.journey
def test_the_summary_tells_what_the_fetch_warned_of(town: Town) -> None:
    long_name = "N" * 100
    town.put(
        report(row("500000001").replace("DOE, JAN", long_name)).decode().encode("cp1252")
        + "\r\né".encode("cp1252")
    )
    whole = town.sync()
    told = "\n".join(summary(whole.synced, whole.rejected))
    assert "Windows-1252" in told
    assert "1 claim(s) have a Name that is cut" in told


def racing(town: Town, monkeypatch: pytest.MonkeyPatch, **fields: object) -> None:
    """Someone else creates the claim between our comparison and our first write, which is refused as a duplicate."""
    error = RowError(
        "DUPLICATE_VALUE", "duplicate value found: Claim_Number__c duplicates value on record with id: x"
    )
    upsert = Writer.upsert

    def once_compared(frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        compared = list(frames)
        admin = town.sandbox.org.user(ADMIN_USERNAME)
        assert admin is not None
        new = {"Claim_Number__c": "500000001", "Name": "RACER", **fields}
        assert town.sandbox.org.insert(admin, "Claim__c", [new])[0].success
        town.sandbox.org.scripts.refusals.append(Refusal("Claim__c", "500000001", error, times=1))
        yield from compared

    def someone_is_faster(writer: Writer, frames: Iterable[pl.DataFrame], purpose: str) -> object:
        return upsert(writer, once_compared(frames) if purpose == "claims" else frames, purpose)

    monkeypatch.setattr(Writer, "upsert", someone_is_faster)


@pytest.mark.journey
@pytest.mark.parametrize("way", [BY_COLLECTIONS, BY_BULK], ids=["collections", "bulk"])
def test_a_racing_create_is_read_again_and_sent_once_more(
    build_town: Build, monkeypatch: pytest.MonkeyPatch, way: dict[str, str]
) -> None:
    town = build_town(**way)
    racing(town, monkeypatch)
    town.put(report(row("500000001"), row("500000002")))
    counts = town.sync().synced.counts
    assert (counts["created"], counts["updated"], counts["refused"]) == (1, 1, 0)
    assert town.claims()["500000001"]["Name"] == "DOE, JAN (1)"


@pytest.mark.journey
def test_a_racing_create_by_another_customer_is_never_written_over(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    racing(town, monkeypatch, Source_Customer__c=SECOND)
    town.put(report(row("500000001"), row("500000002")))
    assert dict(town.sync().synced.held_by_reason) == {"OTHER_CUSTOMER": 1}
    assert town.claims()["500000001"]["Name"] == "RACER"


@pytest.mark.journey
def test_a_duplicate_of_another_field_is_a_refusal_and_not_sent_again(town: Town) -> None:
    error = RowError(
        "DUPLICATE_VALUE", "duplicate value found: MR_Number__c duplicates value on record with id: x"
    )
    town.sandbox.org.scripts.refusals.append(Refusal("Claim__c", "500000001", error, times=1))
    town.put(report(row("500000001")))
    assert dict(town.sync().synced.refused_by_code) == {"DUPLICATE_VALUE": 1}


@pytest.mark.journey
def test_claims_that_a_person_deleted_are_created_again_and_counted(town: Town) -> None:
    town.put(report(row("500000001"), row("500000002"), row("500000003")))
    assert town.sync().synced.counts["recreated"] == 0
    delete(town, "500000001", "500000002")
    town.put(report(row("500000001"), row("500000002"), row("500000003"), row("500000004")))
    assert town.sync(dry_run=True).synced.counts["recreated"] == 2
    again = town.sync()
    assert (again.synced.counts["created"], again.synced.counts["recreated"]) == (3, 2)
    assert "someone had deleted them in Salesforce" in "\n".join(summary(again.synced, again.rejected))
    town.put(report(row("500000001", paid="1.00"), row("500000005")))
    assert town.sync().synced.counts["recreated"] == 0
