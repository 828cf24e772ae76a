"""From an org of the predecessor's to the first whole sync: deployed, assigned, and only then everything is carried."""

import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline.clients.salesforce import OrgNotReady
from claims_pipeline.errors import PermanentError
from claims_pipeline.sandbox.generator import ReportPlan, report_bytes
from claims_pipeline.sandbox.salesforce.settings import ADMIN_USERNAME, INTEGRATION_USERNAME
from claims_pipeline.sandbox.systems import OrgAge, Sandbox, SandboxCustomer
from claims_pipeline_tests.command_line import Said, claims_pipeline
from claims_pipeline_tests.journeys.conftest import FIRST, Town
from claims_pipeline_tests.paths import REPOSITORY

pytestmark = pytest.mark.journey

_GRANTED = re.compile(r" *<fieldPermissions>.*?</fieldPermissions>\n", re.DOTALL)


@pytest.fixture
def older_town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """A town whose org has the predecessor's objects alone."""
    with ExitStack() as runs:
        customers = (SandboxCustomer(FIRST, "Riverside"),)
        sandbox = runs.enter_context(Sandbox(tmp_path / "town", customers=customers, org=OrgAge.OLDER))
        for name, value in sandbox.dynamodb.environment().items():
            monkeypatch.setenv(name, value)
        own = {"DYNAMODB_TABLE_NAME": f"state-{uuid.uuid4().hex}", "SALESFORCE_POLL_SECONDS": "0.01"}
        town = Town(sandbox, {**sandbox.environment(), **own}, runs)
        town.put(b"".join(report_bytes(ReportPlan(claims=150, seed=7))))
        yield town


@pytest.fixture
def salesforce(older_town: Town) -> Callable[..., Said]:
    def run(*arguments: str) -> Said:
        return claims_pipeline(older_town.environment, "salesforce", *arguments)

    return run


def test_the_permission_set_is_all_that_a_new_integration_user_needs(
    older_town: Town, salesforce: Callable[..., Said]
) -> None:
    with pytest.raises(PermanentError):
        older_town.full()
    assert salesforce("diff").code == Exit.NOT_ALL_ARRIVED
    deployed = salesforce(
        "deploy", "--username", ADMIN_USERNAME, "--assign", f"Claims_Integration={INTEGRATION_USERNAME}"
    )
    assert deployed.code == Exit.ALL_ARRIVED, deployed.words
    assert salesforce("diff").code == Exit.ALL_ARRIVED
    whole = older_town.full()
    claims = older_town.claims()
    assert whole.synced.counts["created"] == len(claims) > 100
    assert all(claim["Source_Customer__c"] == FIRST for claim in claims.values())
    (status,) = older_town.sandbox.org.records("Claim_Sync_Status__c")
    assert status["Customer__c"] == FIRST
    checked = claims_pipeline(older_town.environment, "check")
    assert checked.code == Exit.ALL_ARRIVED, checked.words


def test_deploying_again_touches_no_claim(older_town: Town, salesforce: Callable[..., Said]) -> None:
    salesforce(
        "deploy", "--username", ADMIN_USERNAME, "--assign", f"Claims_Integration={INTEGRATION_USERNAME}"
    )
    older_town.full()
    before = older_town.claims()
    assert len(before) > 100
    assert salesforce("deploy", "--username", ADMIN_USERNAME).code == Exit.ALL_ARRIVED
    assert older_town.full().synced.sent == 0
    assert older_town.claims() == before


def test_without_a_deployment_a_user_of_the_predecessors_still_syncs_with_warnings(older_town: Town) -> None:
    """He sees the predecessor's objects by his profile, and nothing of ours is there."""
    me = older_town.sandbox.org.user(INTEGRATION_USERNAME)
    assert me is not None
    security = older_town.sandbox.org.field_security
    for name in ("Claim__c", "Claim_Payor__c"):
        whole = older_town.sandbox.org.schema.object(name)
        assert whole is not None
        security.guard_object(name, open_to=[me])
        security.guard(name, whole.fields, open_to=[me])
    whole = older_town.full()
    assert whole.synced.counts["created"] == len(older_town.claims()) > 100


def test_half_a_permission_set_stops_a_sync_before_it_sends(
    older_town: Town, salesforce: Callable[..., Said], tmp_path: Path
) -> None:
    source = tmp_path / "salesforce"
    shutil.copytree(REPOSITORY / "salesforce", source, ignore=shutil.ignore_patterns("node_modules"))
    path = source / "force-app/main/default/permissionsets/Claims_Integration.permissionset-meta.xml"
    whole = path.read_text()
    half = _GRANTED.sub(lambda found: "" if "Claim__c.Paid_Amount__c" in found[0] else found[0], whole)
    assert half != whole
    path.write_text(half)
    assign = ("--assign", f"Claims_Integration={INTEGRATION_USERNAME}")
    salesforce("deploy", "--username", ADMIN_USERNAME, *assign, "--source", str(source))
    with pytest.raises(OrgNotReady, match="Paid_Amount__c"):
        older_town.full()
    assert older_town.claims() == {}
