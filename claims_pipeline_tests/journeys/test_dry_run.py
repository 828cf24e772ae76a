"""A dry run: what it foretells is what the sync then does, and until then nothing is as it would not have been."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from claims_pipeline.claims.compare import MONEY_FIELDS
from claims_pipeline.clients.sync_state import Patience
from claims_pipeline.clients.sync_state import connect as connect_dynamodb
from claims_pipeline.errors import PermanentError
from claims_pipeline.sandbox.generator import ReportPlan, report_bytes
from claims_pipeline.settings import FilterKind
from claims_pipeline.storage.frames import Storage
from claims_pipeline.sync.connections import connect, read_settings
from claims_pipeline.sync.foreseen import foresee, foreseen_lines
from claims_pipeline.sync.options import SyncOptions
from claims_pipeline.sync.settling.bring import StoredClaims
from claims_pipeline.sync.settling.settle import settle
from claims_pipeline.sync.whole import WholeSync
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.journeys.conftest import FIRST, Town

pytestmark = pytest.mark.journey

_READS = re.compile(
    r"GET |POST /services/oauth2/token|POST /services/Soap/u/|POST .*/jobs/query$|DELETE .*/jobs/query/"
    r"|POST .*/composite$"  # sub-requests, which are queries here: `written` proves it
)
_SLOT = "report"


def items(town: Town) -> dict[str, Any]:
    """The sync state, item by item; the report slot's own apart."""
    settings = read_settings(town.environment).state
    client = connect_dynamodb(settings.region, settings.endpoint_url, Patience())
    found = client.scan(TableName=settings.table_name)["Items"]
    return {each["sync_id"]["S"]: each for each in found if _SLOT not in each["sync_id"]["S"]}


def files(town: Town) -> dict[str, str]:
    """The private storage, by digest; what lies apart of dry runs, and folders of runs at work, left out."""
    root = Path(town.environment["CLAIMS_STORAGE"])
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and path.relative_to(root).parts[0] not in ("dry_run", "work")
    }


def a_hard_org(town: Town) -> None:
    """An org that takes only small amounts, and no claim without an authorization."""
    claim = town.sandbox.org.schema.object("Claim__c")
    assert claim is not None
    spoiled = {
        "Charged_Amount__c": {"precision": 6},
        "Insurance_Authorization_Number__c": {"required": True},
    }
    fields = {name: replace(found, **spoiled.get(name, {})) for name, found in claim.fields.items()}
    town.sandbox.org.install(replace(claim, fields=fields))


def a_morning(town: Town) -> None:
    """Yesterday's claims stand in the org; today's report brings every kind of change to them."""
    town.put(report(*(row(f"A{n}") for n in range(8))))
    town.full()
    a_hard_org(town)
    town.edit("A1", Paid_Amount__c=1)  # healed
    town.edit("A2", Source_Customer__c="10009999")  # held
    town.map("nobody knows health|nkh1", next(iter(town.payors().values())))  # relinks
    today = [
        row("A0"),
        row("A1"),
        row("A2", ClaimTotalAmount="5.00"),
        row("A3", ClaimTotalAmount="250.00", ClaimBalance="210.00"),
        row("A4", ClaimTotalAmount="10000.00"),
        row("A5", PrimaryAuth=""),
        row("A6", ClaimTotalAmount="12,34"),
        row("N1", ClaimPrimaryPayerName="Brand New Health", PayerID="BNH"),
        row("N2", PrimaryAuth=""),
    ]
    town.put(report(*today))


def told(whole: WholeSync) -> dict[str, Any]:
    """What a sync, or a dry run, says of its work."""
    synced = whole.synced
    by_claim = synced.outcomes.frame.select("claim_number", "outcome", "code", "fields", "healed").collect()
    return {
        "claims": sorted(by_claim.rows()),
        "counts": dict(synced.counts),
        "refused": dict(synced.refused_by_code),
        "held": dict(synced.held_by_reason),
        "healed": dict(synced.healed_by_field),
        "relinked": dict(synced.relinked),
        "missing": dict(synced.missing),
        "rejected": whole.rejected.rows,
        "by field": dict(foresee(whole).updated_by_field),
        "moved": foresee(whole).moved,
    }


@pytest.mark.parametrize("kind", list(FilterKind))
def test_what_it_foretells_is_what_the_sync_then_does(town: Town, kind: FilterKind) -> None:
    a_morning(town)
    foretold = told(town.sync(kind=kind, dry_run=True))
    before = {name: _sum(town, name) for name in MONEY_FIELDS}
    assert told(town.sync(kind=kind)) == foretold
    assert foretold["refused"] == {"NUMBER_OUTSIDE_VALID_RANGE": 1, "REQUIRED_FIELD_MISSING": 2}
    assert foretold["held"] == {"OTHER_CUSTOMER": 1}
    assert foretold["healed"] == {"Claim_Payor__c": 1, "Paid_Amount__c": 1}
    assert foretold["by field"]["Charged_Amount__c"] == 1
    assert foretold["relinked"] == {"updated": 5}  # two beyond the report, three that are refused or held
    assert foretold["missing"] == ({"updated": 1} if kind is FilterKind.FULL else {})
    for name in MONEY_FIELDS:
        assert foretold["moved"][name].difference == _sum(town, name) - before[name] != 0


def _sum(town: Town, name: str) -> Decimal:
    return sum((Decimal(str(claim[name] or 0)) for claim in town.claims().values()), Decimal(0))


def test_new_payors_are_those_that_the_mapping_table_does_not_list(town: Town) -> None:
    a_morning(town)
    foreseen = foresee(town.sync(dry_run=True))
    assert foreseen.new_payors is not None
    (new,) = foreseen.new_payors
    assert (new.key, new.claims, new.charged, new.rule) == (
        "brand new health|bnh",
        1,
        Decimal("100.00"),
        "UNMAPPED",
    )
    lines = list(foreseen_lines(foreseen))
    assert any("Brand New Health (BNH); no payor fits: to map" in line for line in lines)
    town.sync()
    assert foresee(town.sync(dry_run=True)).new_payors == ()


def test_an_org_without_a_mapping_table_tells_no_new_payors(town: Town) -> None:
    town.sandbox.org.drop_object("Claim_Payor_Mapping__c")
    town.put(report(row("B1")))
    foreseen = foresee(town.sync(dry_run=True))
    assert foreseen.new_payors is None
    assert "cannot be told" in list(foreseen_lines(foreseen))[-1]


@pytest.mark.parametrize("kind", list(FilterKind))
def test_state_files_and_org_are_as_if_it_had_not_been(town: Town, kind: FilterKind) -> None:
    a_morning(town)
    org = [town.sandbox.org.records(name) for name in town.sandbox.org.schema.objects]
    before = (items(town), files(town))
    town.sandbox.salesforce_wire.clear_log()
    written = town.sandbox.org.written = []
    town.sync(kind=kind, dry_run=True)
    assert (items(town), files(town)) == before
    assert [town.sandbox.org.records(name) for name in town.sandbox.org.schema.objects] == org
    assert written == []
    asked = [f"{each.method} {each.path}" for each in town.sandbox.salesforce_wire.log]
    assert len(asked) > 5
    assert [each for each in asked if not _READS.match(each)] == []


def test_a_sync_after_it_takes_the_sequence_that_it_would_have_taken(town: Town) -> None:
    a_morning(town)
    (last,) = {int(each["sequence"]["N"]) for name, each in items(town).items() if name == FIRST}
    town.sync(dry_run=True)
    town.sync(dry_run=True)
    assert town.sync().synced.outcomes.stamp.sequence == last + 1


def test_its_files_lie_apart_and_can_never_be_synced(
    town: Town, tmp_path: Path, build_town: Callable[..., Town]
) -> None:
    a_morning(town)
    whole = town.sync(dry_run=True)
    storage = Storage(town.environment["CLAIMS_STORAGE"])
    stored = StoredClaims(
        storage.read(f"transformed_claims/{FIRST}", dry_run=True),
        storage.read(f"rejected_claims/{FIRST}", dry_run=True),
        whole.payors,
    )
    town.sandbox.salesforce_wire.clear_log()
    never = pytest.raises(PermanentError, match="come from a dry run and can never be synced")
    with connect(read_settings(town.environment), "a-thief") as connections, never:
        settle(stored, SyncOptions(), connections, tmp_path, lambda _: None)
    assert town.writes() == []
    assert storage.read(f"transformed_claims/{FIRST}").stamp.sequence is not None
    storage.close()


def test_a_whole_generated_report_is_foretold_claim_by_claim(town: Town) -> None:
    town.put(b"".join(report_bytes(ReportPlan(claims=400, faults=0.05))))
    a_hard_org(town)
    foretold = told(town.sync(dry_run=True))
    assert told(town.sync()) == foretold
    assert foretold["refused"]
