"""The real client over TLS against the sandbox's Metadata API, and against answers that no org should give."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from claims_pipeline.clients.salesforce import (
    AddressRefused,
    Patience,
    SalesforceLogin,
    SignInRefused,
)
from claims_pipeline.clients.salesforce.metadata import (
    DeployedElsewhere,
    DeployOptions,
    DeployStatus,
    MayNotDeploy,
    MetadataClient,
)
from claims_pipeline.clients.salesforce.metadata.assigning import NoSuchPermissionSet, NoSuchUser
from claims_pipeline.sandbox.faults import Access, Fault, FaultsAndLog
from claims_pipeline.sandbox.salesforce.app import create_app
from claims_pipeline.sandbox.salesforce.metadata import read_older_schema
from claims_pipeline.sandbox.salesforce.org import Org, guard_from_new_users
from claims_pipeline.sandbox.salesforce.settings import (
    ADMIN_USERNAME,
    INTEGRATION_USERNAME,
    OrgSettings,
)
from claims_pipeline.sandbox.serving import LocalAuthority, serve
from claims_pipeline_tests.clients.salesforce.conftest import FakeTime
from claims_pipeline_tests.clients.salesforce.scripted_org import ScriptedOrg, Told
from claims_pipeline_tests.sandbox.salesforce.given_package import (
    APEX_META,
    TEST_CLASS,
    field_grant,
    fields_file,
    manifest,
    object_grant,
    permission_set,
    text_field,
    zipped,
)

ADDED = {
    "package.xml": manifest(CustomField="Claim__c.Extra__c", PermissionSet="Things"),
    "objects/Claim__c.object": fields_file(text_field("Extra__c")),
    "permissionsets/Things.permissionset": permission_set(
        field_grant("Claim__c.Extra__c"), object_grant("Claim__c")
    ),
}
PATIENCE = Patience(first_poll_seconds=1, longest_poll_seconds=8, job_seconds=600)


@dataclass
class Sandbox:
    """An older org behind TLS."""

    url: str
    org: Org
    wire: FaultsAndLog
    ca_file: Path
    time: FakeTime
    key: str
    opened: list[MetadataClient] = field(default_factory=list)

    def client(self, username: str = ADMIN_USERNAME, **login: Any) -> MetadataClient:
        """A client that never really waits, by JWT unless told otherwise."""
        by_jwt = {"consumer_key": "sandbox-consumer-key", "private_key": self.key}
        client = MetadataClient(
            SalesforceLogin(domain=self.url, ca_bundle=self.ca_file, username=username, **(login or by_jwt)),
            clock=self.time.clock,
            sleep=self.time.sleep,
            jitter=lambda: 0.0,
            patience=PATIENCE,
        )
        self.opened.append(client)
        return client

    def soap(self) -> list[Access]:
        """The calls of the Metadata API."""
        return [found for found in self.wire.log if "/Soap/m/" in found.path]

    def act(self, act: str, **given: object) -> dict[str, Any]:
        """One of the sandbox's controls."""
        answer = requests.post(f"{self.url}/sandbox/{act}", json=given, verify=str(self.ca_file), timeout=10)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def fault(self, path: str, **how: Any) -> None:
        self.wire.faults.add(Fault("POST", path, **how))


@pytest.fixture
def sandbox(authority: LocalAuthority, private_key: str, fake_time: FakeTime) -> Iterator[Sandbox]:
    public = load_pem_private_key(private_key.encode(), None).public_key()
    certificate = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    org = Org(
        read_older_schema(), clock=lambda: datetime.now(UTC), settings=OrgSettings(certificate=certificate)
    )
    guard_from_new_users(org)
    wire = FaultsAndLog(create_app(org))
    served = serve(wire, certificate=authority.certificate)
    found = Sandbox(served.url, org, wire, authority.ca_file, fake_time, private_key)
    yield found
    for client in found.opened:
        client.close()
    served.close()
    org.close()


def content(files: dict[str, str]) -> bytes:
    return zipped(files).getvalue()


def deploy(client: MetadataClient, files: dict[str, str], **options: Any) -> tuple[DeployStatus, list[str]]:
    told: list[str] = []
    status = client.deploy(
        content(files), DeployOptions(**options), tell=lambda found: told.append(str(found.state))
    )
    return status, told


def test_it_deploys_and_tells_every_change_once(sandbox: Sandbox) -> None:
    status, told = deploy(sandbox.client(), ADDED)
    assert told == ["Pending", "InProgress", "Succeeded"]
    assert status.success
    assert status.deployed == ("CustomField Claim__c.Extra__c", "PermissionSet Things")
    assert {found.path for found in sandbox.soap()} == {"/services/Soap/m/66.0"}


def test_by_password_it_signs_in_below_65_and_deploys_in_66(sandbox: Sandbox) -> None:
    client = sandbox.client(password="admin-password", security_token="adminTOKEN", api_version="66.0")
    status, _ = deploy(client, ADDED)
    assert status.success
    soap = [found.path for found in sandbox.wire.log if "/Soap/" in found.path]
    assert soap[0] == "/services/Soap/u/64.0"
    assert set(soap[1:]) == {"/services/Soap/m/66.0"}


def test_the_data_version_changes_nothing(sandbox: Sandbox) -> None:
    client = sandbox.client(password="admin-password", security_token="adminTOKEN", api_version="59.0")
    assert deploy(client, ADDED)[0].success
    assert client.describe("Claim__c") is not None
    assert "/services/data/v59.0/sobjects/Claim__c/describe" in {found.path for found in sandbox.wire.log}


def test_data_is_still_spoken_as_json_after_a_deployment(sandbox: Sandbox) -> None:
    """simple-salesforce's own deploy leaves its client sending XML."""
    client = sandbox.client()
    deploy(client, ADDED)
    (given,) = client.permission_sets.assign([("Things", INTEGRATION_USERNAME)])
    assert given.given
    seen = sandbox.client(INTEGRATION_USERNAME).describe("Claim__c")
    assert seen is not None and "Extra__c" in seen.fields


def test_a_failure_keeps_file_line_and_column(sandbox: Sandbox) -> None:
    files = ADDED | {
        "permissionsets/Things.permissionset": permission_set("\n  ", field_grant("Claim__c.Exta__c"))
    }
    status, _ = deploy(sandbox.client(), files)
    assert not status.success
    (problem,) = status.problems
    assert (problem.file, problem.line, problem.column) == ("permissionsets/Things.permissionset", 2, 3)
    assert problem.problem == "In field: field - no CustomField named Claim__c.Exta__c found"
    assert not problem.is_warning


def test_failed_tests_and_coverage_are_told(sandbox: Sandbox, org_script: Callable[..., None]) -> None:
    org_script(
        fail_tests=[{"class": "ThingTest", "method": "works", "message": "System.AssertException: <no>"}],
        coverage_warnings=[{"name": "Thing", "message": "61%"}],
    )
    files = {
        "package.xml": manifest(ApexClass="ThingTest"),
        "classes/ThingTest.cls": TEST_CLASS,
        "classes/ThingTest.cls-meta.xml": APEX_META,
    }
    status, _ = deploy(sandbox.client(), files, tests=("ThingTest",))
    (failure,) = status.test_failures
    assert (failure.class_name, failure.method) == ("ThingTest", "works")
    assert failure.message == "System.AssertException: <no>"
    assert status.coverage_warnings == ("Thing: 61%",)
    assert status.tests == (2, 3)


@pytest.fixture
def org_script(sandbox: Sandbox) -> Callable[..., None]:
    def tell(act: str = "deployments", **given: object) -> None:
        sandbox.act(act, **given)

    return tell


def test_the_waits_grow_and_are_bounded(sandbox: Sandbox, org_script: Callable[..., None]) -> None:
    org_script(polls=14)
    deploy(sandbox.client(), ADDED)
    slept = sandbox.time.slept
    assert len(slept) == 14
    assert slept[0] == 1
    assert slept == sorted(slept)
    assert slept[-1] == max(slept) == PATIENCE.longest_poll_seconds


def test_one_that_never_ends_is_given_up_in_time(sandbox: Sandbox, org_script: Callable[..., None]) -> None:
    org_script(polls=10_000)
    with pytest.raises(DeployedElsewhere, match="Deployment Status") as gone:
        deploy(sandbox.client(), ADDED)
    assert "0Af" in str(gone.value)
    assert 600 < sandbox.time.seconds < 700
    assert len(sandbox.soap()) < 100


def test_a_session_lost_while_it_waits_is_renewed_and_nothing_sent_twice(
    sandbox: Sandbox, org_script: Callable[..., None]
) -> None:
    client = sandbox.client()
    told = []

    def expire(found: DeployStatus) -> None:
        told.append(str(found.state))
        if found.state == "Pending":
            org_script("sessions/expire")

    status = client.deploy(content(ADDED), DeployOptions(), tell=expire)
    assert status.success
    assert told == ["Pending", "InProgress", "Succeeded"]
    assert sum(found.path.endswith("/token") for found in sandbox.wire.log) == 2
    assert sum(found.request_bytes > 2_000 for found in sandbox.soap()) == 1


def test_failures_that_pass_are_waited_out(sandbox: Sandbox) -> None:
    client = sandbox.client()
    client.sign_in()
    sandbox.fault("/Soap/m/", status=503, times=4, after=1)
    assert deploy(client, ADDED)[0].success


def test_a_lost_answer_to_the_package_is_never_repeated(sandbox: Sandbox) -> None:
    client = sandbox.client()
    client.sign_in()
    sandbox.fault("/Soap/m/", status=502, before=False)
    with pytest.raises(DeployedElsewhere, match="may have been taken, or not"):
        deploy(client, ADDED)
    # the org took it once; its own list is asked, for the access log is written after the answer
    assert sandbox.act("deployments")["deployments"] == 1


def test_a_user_without_the_right_is_told_which(sandbox: Sandbox) -> None:
    with pytest.raises(MayNotDeploy, match="Modify Metadata") as refused:
        deploy(sandbox.client(INTEGRATION_USERNAME), ADDED)
    assert INTEGRATION_USERNAME in str(refused.value)


def test_a_jwt_for_a_token_is_refused_after_one_renewal(
    sandbox: Sandbox, org_script: Callable[..., None]
) -> None:
    org_script("tokens", jwt=True)
    with pytest.raises(SignInRefused, match="opaque tokens"):
        deploy(sandbox.client(), ADDED)
    assert sum(found.path.endswith("/token") for found in sandbox.wire.log) == 2


@pytest.mark.parametrize(
    "login",
    [{}, {"password": "admin-password", "security_token": "adminTOKEN"}],
)
def test_an_address_that_is_not_let_in_is_told_as_such(
    sandbox: Sandbox, org_script: Callable[..., None], login: dict[str, str]
) -> None:
    org_script("addresses", restricted=True)
    with pytest.raises(AddressRefused, match="address"):
        sandbox.client(**login).sign_in()


def test_an_unknown_network_without_a_token_is_told_as_such(sandbox: Sandbox) -> None:
    with pytest.raises(AddressRefused, match="LOGIN_MUST_USE_SECURITY_TOKEN"):
        sandbox.client(password="admin-password").sign_in()


def test_another_refusal_is_none_of_the_address(sandbox: Sandbox) -> None:
    with pytest.raises(SignInRefused) as refused:
        sandbox.client("stranger@acme.example").sign_in()
    assert not isinstance(refused.value, AddressRefused)


def test_what_stands_is_found(sandbox: Sandbox) -> None:
    assert sandbox.client().standing().objects == {"Claim__c", "Claim_Payor__c"}
    found = sandbox.client().listed("CustomObject", "CustomField")
    assert {"Claim__c", "Claim_Payor__c"} <= found["CustomObject"]
    assert "Claim__c.Payer__c" in found["CustomField"]


def test_an_object_that_describe_hides_is_not_taken_for_missing(sandbox: Sandbox) -> None:
    sandbox.wire.faults.add(
        Fault("GET", "sobjects/Claim__c/describe", status=404, body=b'[{"errorCode": "NOT_FOUND"}]',
              headers={"Content-Type": "application/json"})
    )  # fmt: skip
    assert "Claim__c" in sandbox.client().standing().objects


def test_fields_that_the_org_requires_are_noted(sandbox: Sandbox) -> None:
    whole = sandbox.org.schema.object("Claim__c")
    assert whole is not None
    fields = {**whole.fields, "Payer__c": replace(whole.fields["Payer__c"], required=True)}
    sandbox.org.install(replace(whole, fields=fields))
    fixed = sandbox.client().standing().fixed_fields
    assert "Claim__c.Payer__c" in fixed
    assert "Claim__c.Paid_Amount__c" not in fixed


def test_users_and_sets_that_are_not_there_are_named_together(sandbox: Sandbox) -> None:
    sets = sandbox.client().permission_sets
    with pytest.raises(NoSuchUser, match=r"anna@x\.example, ben@x\.example"):
        sets.user_ids(["anna@x.example", ADMIN_USERNAME, "ben@x.example"])
    with pytest.raises(NoSuchPermissionSet, match="Things"):
        list(sets.assign([("Things", ADMIN_USERNAME)]))


def test_assigning_twice_is_told_and_harmless(sandbox: Sandbox) -> None:
    client = sandbox.client()
    deploy(client, ADDED)
    wanted = [("Things", INTEGRATION_USERNAME.upper())]
    assert [one.given for one in client.permission_sets.assign(wanted)] == [True]
    assert [(one.given, one.problem) for one in client.permission_sets.assign(wanted)] == [(False, None)]


def envelope(body: str) -> Told:
    text = (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        f'xmlns="http://soap.sforce.com/2006/04/metadata"><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>'
    )
    return Told(200, text.encode(), {"Content-Type": "text/xml; charset=utf-8"})


STARTED = envelope(
    "<deployResponse><result><done>false</done><id>0Af1</id><state>Queued</state></result></deployResponse>"
)
XML = {"Content-Type": "text/xml"}


@pytest.fixture
def scripted(org: ScriptedOrg, authority: LocalAuthority, fake_time: FakeTime) -> Iterator[MetadataClient]:
    client = MetadataClient(
        SalesforceLogin(
            domain=org.url, ca_bundle=authority.ca_file, consumer_key="key", consumer_secret="secret"
        ),
        clock=fake_time.clock,
        sleep=fake_time.sleep,
        jitter=lambda: 0.0,
        patience=PATIENCE,
    )
    yield client
    client.close()


@pytest.mark.parametrize(
    "answer",
    [
        Told(200, b"", XML),
        Told(200, b"<html>maintenance</html>", {"Content-Type": "text/html"}),
        Told(200, b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", XML),
        envelope("<checkDeployStatusResponse/>"),
        envelope("<checkDeployStatusResponse><result><done>perhaps</done></result></checkDeployStatusResponse>"),
        envelope("<somethingElse/>"),
        Told(500, b"<soapenv:Envelope xmlns:soapenv='x'/>", XML),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_asked_for_again_and_then_given_up(
    org: ScriptedOrg, scripted: MetadataClient, answer: Told
) -> None:
    org.on("POST", "/Soap/m/66.0$", STARTED, answer)
    with pytest.raises(DeployedElsewhere, match="deployment 0Af1"):
        scripted.deploy(b"zip", DeployOptions(), tell=lambda _: None)
    deploys = [asked for asked in org.asked_of("POST", "/Soap/") if b"<met:deploy>" in asked.body]
    assert len(deploys) == 1


def test_what_is_sent_is_the_wsdls(org: ScriptedOrg, scripted: MetadataClient) -> None:
    done = envelope(
        "<checkDeployStatusResponse><result><done>true</done><id>0Af1</id><status>Brandnew</status>"
        "<success>true</success></result></checkDeployStatusResponse>"
    )
    org.on("POST", "/Soap/m/66.0$", STARTED, done)
    status = scripted.deploy(
        content(ADDED), DeployOptions(check_only=True, tests=("ThingTest",)), tell=lambda _: None
    )
    assert (status.state, status.success) == ("Brandnew", True)  # a state of tomorrow does not stop us
    sent = org.asked_of("POST", "/Soap/m/")[0]
    assert sent.headers["SOAPAction"] == "deploy"
    body = sent.body.decode()
    names = (
        "allowMissingFiles", "autoUpdatePackage", "checkOnly", "ignoreWarnings", "performRetrieve",
        "purgeOnDelete", "rollbackOnError", "runTests", "singlePackage", "testLevel",
    )  # fmt: skip
    places = [body.index(f"<met:{name}>") for name in names]
    assert places == sorted(places)
    for told in ("<met:checkOnly>true<", "<met:rollbackOnError>true<", "<met:runTests>ThingTest<"):
        assert told in body
    assert "None" not in body.partition("</met:ZipFile>")[2]
    assert sent.headers["Content-Type"].startswith("text/xml")


@pytest.mark.parametrize(
    ("code", "error", "says"),
    [
        ("sf:INSUFFICIENT_ACCESS", MayNotDeploy, "Author Apex"),
        ("sf:SERVER_UNAVAILABLE", DeployedElsewhere, "Look in Setup"),
        ("sf:UNSUPPORTED_API_VERSION", Exception, "older release"),
        ("sf:ODD_CODE", Exception, "ODD_CODE"),
    ],
)
def test_faults_are_told_apart(
    org: ScriptedOrg, scripted: MetadataClient, code: str, error: type[Exception], says: str
) -> None:
    fault = envelope(
        f"<soapenv:Fault><faultcode>{code}</faultcode><faultstring>secret</faultstring></soapenv:Fault>"
    )
    org.on("POST", "/Soap/m/66.0$", Told(500, fault.body, XML))
    with pytest.raises(error, match=says) as refused:
        scripted.deploy(b"zip", DeployOptions(), tell=lambda _: None)
    assert "secret" not in str(refused.value)


def test_a_spent_quota_is_told(sandbox: Sandbox) -> None:
    client = sandbox.client()
    client.sign_in()
    sandbox.org.api_requests_used = sandbox.org.daily_api_requests
    with pytest.raises(Exception, match="REQUEST_LIMIT_EXCEEDED"):
        deploy(client, ADDED)
