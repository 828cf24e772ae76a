"""The Metadata API by simple-salesforce as it is: what is deployed, what is refused and where, and what follows."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceGeneralError

from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline_tests.sandbox.salesforce.conftest import Api
from claims_pipeline_tests.sandbox.salesforce.given_package import (
    APEX_META,
    NAMESPACE,
    PAGE_META,
    TEST_CLASS,
    field_grant,
    fields_file,
    manifest,
    object_file,
    object_grant,
    permission_set,
    text_field,
    zipped,
)

_MT = {"mt": "http://soap.sforce.com/2006/04/metadata"}
APEX = {"classes/ThingTest.cls": TEST_CLASS, "classes/ThingTest.cls-meta.xml": APEX_META}
ADDED_FIELD = {
    "package.xml": manifest(CustomField="Claim__c.Extra__c"),
    "objects/Claim__c.object": fields_file(text_field("Extra__c")),
}
NEW_OBJECT = {
    "package.xml": manifest(CustomObject="Thing__c", PermissionSet="Things"),
    "objects/Thing__c.object": object_file(
        text_field(
            "Key__c", more="<externalId>true</externalId><required>true</required><unique>true</unique>"
        ),
        text_field("Colour__c"),
    ),
    "permissionsets/Things.permissionset": permission_set(
        field_grant("Thing__c.Colour__c"), object_grant("Thing__c")
    ),
}


@dataclass
class Deployer:
    """simple-salesforce, signed in as the admin, and what it is told."""

    sf: Callable[[], Salesforce]

    def start(self, files: dict[str, Any] | io.BytesIO, **options: Any) -> tuple[Salesforce, str]:
        """Queue a deployment; the client and its id."""
        sf = self.sf()
        held = files if isinstance(files, io.BytesIO) else zipped(files)
        begun = sf.deploy(held, sandbox=True, **({"rollbackOnError": True} | options))
        assert begun["state"] == "Queued"
        assert begun["asyncId"] is not None
        return sf, begun["asyncId"]

    def run(self, files: dict[str, Any] | io.BytesIO, **options: Any) -> Any:
        """Deploy and ask until it has ended; simple-salesforce's own answer."""
        sf, deployment = self.start(files, **options)
        for _ in range(10):
            told = sf.checkDeployStatus(deployment)
            if told["state"] not in ("Pending", "InProgress", "Canceling"):
                return told
        raise AssertionError("the deployment never ends")

    def details(self, files: dict[str, Any] | io.BytesIO, **options: Any) -> list[dict[str, str]]:
        """Deploy, and every component failure with all that it says."""
        sf, deployment = self.start(files, **options)
        for _ in range(10):
            root = sf.mdapi._retrieve_deploy_result(deployment)
            if root.findtext("mt:done", namespaces=_MT) == "true":
                found = root.findall("mt:details/mt:componentFailures", _MT)
                return [{node.tag.rpartition("}")[2]: node.text or "" for node in one} for one in found]
        raise AssertionError("the deployment never ends")


@pytest.fixture
def deployer(org: Org, http: requests.Session, url: str, admin: User) -> Deployer:
    def sf() -> Salesforce:
        return Salesforce(
            session_id=org.sessions.open(admin).token, instance_url=url, session=http, version="66.0"
        )

    return Deployer(sf)


@pytest.fixture
def script(api: Api) -> Callable[..., None]:
    def tell(**given: object) -> None:
        assert api.post("/sandbox/deployments", given).status_code == 200

    return tell


@pytest.fixture
def as_admin(org: Org, http: requests.Session, url: str, admin: User) -> Api:
    return Api(http, url, org.sessions.open(admin).token)


def assign(org: Org, as_admin: Api, user: User, name: str = "Things") -> requests.Response:
    set_id = as_admin.get("query", params={"q": f"SELECT Id FROM PermissionSet WHERE Name = '{name}'"})
    (record,) = set_id.json()["records"]
    body = {"AssigneeId": user.id, "PermissionSetId": record["Id"]}
    return as_admin.post("sobjects/PermissionSetAssignment", body)


def names(api: Api, name: str) -> set[str]:
    return {found["name"] for found in api.get(f"sobjects/{name}/describe").json()["fields"]}


def test_a_field_is_added_and_seen_by_nobody(deployer: Deployer, api: Api, as_admin: Api, org: Org) -> None:
    told = deployer.run(ADDED_FIELD)
    assert told["state"] == "Succeeded"
    assert told["deployment_detail"] == {
        "total_count": "1",
        "failed_count": "0",
        "deployed_count": "1",
        "errors": [],
    }
    for signed_in in (api, as_admin):
        assert "Extra__c" not in names(signed_in, "Claim__c")
        refused = signed_in.get("query", params={"q": "SELECT Extra__c FROM Claim__c"})
        assert refused.json()[0]["errorCode"] == "INVALID_FIELD"
        written = signed_in.post("sobjects/Claim__c", {"Claim_Number__c": "1", "Extra__c": "x"})
        assert written.json()[0]["errorCode"] == "INVALID_FIELD"
    whole = org.schema.object("Claim__c")
    assert whole is not None and whole.field("Extra__c") is not None


def test_the_assigned_set_shows_what_it_grants_and_no_more(
    deployer: Deployer, api: Api, as_admin: Api, org: Org, me: User, admin: User
) -> None:
    assert deployer.run(NEW_OBJECT)["state"] == "Succeeded"
    assert api.get("sobjects/Thing__c/describe").status_code == 404
    assert api.post("sobjects/Thing__c", {"Key__c": "1"}).status_code == 404
    assert "Key__c" in names(as_admin, "Thing__c")  # an admin sees every object, and required fields
    assert "Colour__c" not in names(as_admin, "Thing__c")
    assert assign(org, as_admin, me).status_code == 201
    assert {"Key__c", "Colour__c"} <= names(api, "Thing__c")
    assert api.post("sobjects/Thing__c", {"Key__c": "1", "Colour__c": "red"}).status_code == 201
    found = api.get("query", params={"q": "SELECT Key__c, Colour__c FROM Thing__c"}).json()["records"]
    assert [(one["Key__c"], one["Colour__c"]) for one in found] == [("1", "red")]
    assert "Colour__c" not in names(as_admin, "Thing__c")


def test_a_field_granted_for_reading_cannot_be_written(
    deployer: Deployer, api: Api, as_admin: Api, org: Org, me: User
) -> None:
    files = NEW_OBJECT | {
        "permissionsets/Things.permissionset": permission_set(
            field_grant("Thing__c.Colour__c", edit=False), object_grant("Thing__c")
        )
    }
    deployer.run(files)
    assign(org, as_admin, me)
    refused = api.post("sobjects/Thing__c", {"Key__c": "1", "Colour__c": "red"}).json()[0]
    assert (refused["errorCode"], refused["fields"]) == ("INVALID_FIELD_FOR_INSERT_UPDATE", ["Colour__c"])


def test_deploying_a_set_again_replaces_it_as_a_whole(
    deployer: Deployer, api: Api, as_admin: Api, org: Org, me: User
) -> None:
    deployer.run(NEW_OBJECT)
    assign(org, as_admin, me)
    smaller = {
        "package.xml": manifest(PermissionSet="Things"),
        "permissionsets/Things.permissionset": permission_set(object_grant("Thing__c", edit=False)),
    }
    assert deployer.run(smaller)["state"] == "Succeeded"
    assert "Colour__c" not in names(api, "Thing__c")
    assert api.post("sobjects/Thing__c", {"Key__c": "1"}).json()[0]["errorCode"] == (
        "INSUFFICIENT_ACCESS_OR_READONLY"
    )


def test_assignments_and_grants_are_records_for_admins_alone(
    deployer: Deployer, api: Api, as_admin: Api, org: Org, me: User
) -> None:
    deployer.run(NEW_OBJECT)
    assert assign(org, as_admin, me).status_code == 201
    assert assign(org, as_admin, me).json()[0]["errorCode"] == "DUPLICATE_VALUE"
    soql = (
        "SELECT Assignee.Username, PermissionSet.Name FROM PermissionSetAssignment "
        f"WHERE AssigneeId = '{me.id}' AND PermissionSet.Name = 'Things'"
    )
    (found,) = as_admin.get("query", params={"q": soql}).json()["records"]
    assert (found["Assignee"]["Username"], found["PermissionSet"]["Name"]) == (me.username, "Things")
    fields = (
        "SELECT Field, PermissionsRead, PermissionsEdit FROM FieldPermissions WHERE Parent.Name = 'Things'"
    )
    (grant,) = as_admin.get("query", params={"q": fields}).json()["records"]
    assert (grant["Field"], grant["PermissionsEdit"]) == ("Thing__c.Colour__c", True)
    for hidden in (soql, fields):
        assert api.get("query", params={"q": hidden}).json()[0]["errorCode"] == "INVALID_TYPE"


def test_a_set_taken_away_hides_again(
    deployer: Deployer, api: Api, as_admin: Api, org: Org, me: User
) -> None:
    deployer.run(NEW_OBJECT)
    assignment = assign(org, as_admin, me).json()["id"]
    assert api.get("sobjects/Thing__c/describe").status_code == 200
    assert as_admin.delete(f"sobjects/PermissionSetAssignment/{assignment}").status_code == 204
    assert api.get("sobjects/Thing__c/describe").status_code == 404


def test_a_check_changes_nothing(deployer: Deployer, org: Org) -> None:
    before = org.schema
    assert deployer.run(NEW_OBJECT, checkOnly=True)["state"] == "Succeeded"
    assert org.schema is before
    assert org.grants.named("Things") is None


def test_it_is_pending_then_in_progress_then_done(deployer: Deployer) -> None:
    sf, deployment = deployer.start(ADDED_FIELD)
    states = [sf.checkDeployStatus(deployment)["state"] for _ in range(4)]
    assert states == ["Pending", "InProgress", "Succeeded", "Succeeded"]


def test_a_canceled_one_changes_nothing(deployer: Deployer, org: Org, script: Callable[..., None]) -> None:
    script(cancel=True)
    before = org.schema
    assert deployer.run(ADDED_FIELD)["state"] == "Canceled"
    assert org.schema is before


def changed(**files: str | None) -> dict[str, str]:
    """The new object's package with files changed (names by their last part), or taken out (None)."""
    result: dict[str, str] = dict(NEW_OBJECT)
    for short, content in files.items():
        name = next(found for found in NEW_OBJECT if found.rpartition("/")[2].partition(".")[0] == short)
        if content is None:
            del result[name]
        else:
            result[name] = content
    return result


@pytest.mark.parametrize(
    ("files", "file", "name", "problem", "place"),
    [
        (
            changed(package=manifest(CustomObject=["Thing__c", "Missing__c"], PermissionSet="Things")),
            "package.xml",
            "Missing__c",
            "An object 'Missing__c' of type CustomObject was named in package.xml, but was not found in zipped "
            "directory",
            None,
        ),
        (
            changed(package=manifest(CustomObject="Thing__c")),
            "permissionsets/Things.permissionset",
            "Things",
            "Not in package.xml",
            None,
        ),
        (
            changed(package=manifest(CustomObject="Thing__c", PermissionSett="Things")),
            "package.xml",
            "PermissionSett",
            "Unknown type name 'PermissionSett' specified in package.xml",
            ("1", "125"),
        ),
        (changed(package=None), "package.xml", "", "No package.xml found", None),
        (
            changed(Thing__c=f"<CustomObject {NAMESPACE}>\n  <label>Thing</label\n</CustomObject>"),
            "objects/Thing__c.object",
            "Thing__c",
            "Error parsing file: not well-formed (invalid token)",
            ("3", "1"),
        ),
        (
            changed(Thing__c=object_file(text_field("Key__c", more="\n<lenght>3</lenght>"))),
            "objects/Thing__c.object",
            "Thing__c",
            "Error parsing file: Element {http://soap.sforce.com/2006/04/metadata}lenght invalid at this location in "
            "type CustomField",
            ("3", "1"),
        ),
        (
            changed(Thing__c=object_file(text_field("Key__c"), "<label>a</label>", text_field("Colour__c"))),
            "objects/Thing__c.object",
            "Thing__c",
            "Error parsing file: Element fields is duplicated at this location in type CustomObject",
            ("4", "1"),
        ),
        (
            changed(
                Thing__c=object_file(
                    text_field("Colour__c"), "<fields><fullName>To__c</fullName><label>To</label>"
                    "<referenceTo>Nowhere__c</referenceTo><type>Lookup</type></fields>"
                )
            ),
            "objects/Thing__c.object",
            "Thing__c.To__c",
            "referenceTo value of 'Nowhere__c' does not resolve to a valid sObject type",
            ("3", "1"),
        ),
        (
            changed(Things=permission_set(field_grant("Thing__c.Key__c"))),
            "permissionsets/Things.permissionset",
            "Things",
            "You cannot deploy to a required field: Thing__c.Key__c",
            ("1", "64"),
        ),
        (
            changed(Things=permission_set(field_grant("Thing__c.Color__c"))),
            "permissionsets/Things.permissionset",
            "Things",
            "In field: field - no CustomField named Thing__c.Color__c found",
            ("1", "64"),
        ),
        (
            changed(Things=permission_set(object_grant("Thing__c", read=False))),
            "permissionsets/Things.permissionset",
            "Things",
            "Permission Create Thing__c depends on permission(s): Read Thing__c",
            ("1", "64"),
        ),
        (
            {
                "package.xml": manifest(ApexPage="Things"),
                "pages/Things.page": '<apex:page controller="ThingController"/>',
                "pages/Things.page-meta.xml": PAGE_META,
            },
            "pages/Things.page",
            "Things",
            "Apex class 'ThingController' does not exist",
            ("1", "1"),
        ),
        (
            {"package.xml": manifest(ApexClass="ThingTest"), "classes/ThingTest.cls": TEST_CLASS},
            "package.xml",
            "ThingTest",
            "An object 'ThingTest' of type ApexClass was named in package.xml, but was not found in zipped directory",
            None,
        ),
        (
            {
                "package.xml": manifest(CustomField="Nothing__c.Extra__c"),
                "objects/Nothing__c.object": fields_file(text_field("Extra__c")),
            },
            "objects/Nothing__c.object",
            "Nothing__c.Extra__c",
            "In field: fullName - no CustomObject named Nothing__c found",
            ("2", "1"),
        ),
        (
            {
                "package.xml": manifest(ValidationRule="Claim__c.Sane"),
                "objects/Claim__c.object": fields_file(
                    "<validationRules><fullName>Sane</fullName><active>true</active>"
                    "<errorConditionFormula>ISBLANK(Claim_Nmber__c)</errorConditionFormula>"
                    "<errorMessage>No.</errorMessage></validationRules>"
                ),
            },
            "objects/Claim__c.object",
            "Claim__c.Sane",
            "Field Claim_Nmber__c does not exist. Check spelling.",
            ("2", "1"),
        ),
    ],
)  # fmt: skip
def test_a_wrong_package_changes_nothing_and_says_where(
    deployer: Deployer,
    org: Org,
    files: dict[str, str],
    file: str,
    name: str,
    problem: str,
    place: tuple[str, str] | None,
) -> None:
    before = org.schema
    failures = deployer.details(files)
    told = [one for one in failures if one["problem"] == problem]
    assert told, failures
    assert (told[0]["fileName"], told[0]["fullName"]) == (file, name)
    assert (told[0]["problemType"], told[0]["success"]) == ("Error", "false")
    if place is not None:
        assert (told[0]["lineNumber"], told[0]["columnNumber"]) == place
    assert org.schema is before
    assert org.grants.named("Things") is None


def test_simple_salesforce_reads_the_failures(deployer: Deployer) -> None:
    told = deployer.run(changed(package=manifest(CustomObject="Thing__c")))
    assert told["state"] == "Failed"
    assert told["deployment_detail"]["errors"] == [
        {
            "type": "PermissionSet",
            "file": "permissionsets/Things.permissionset",
            "status": "Error",
            "message": "Not in package.xml",
        }
    ]


def test_without_rollback_the_good_ones_stay_in_a_sandbox_alone(
    deployer: Deployer, org: Org, http: requests.Session, url: str
) -> None:
    files = changed(Things=permission_set(field_grant("Thing__c.Color__c")))
    assert deployer.run(files, rollbackOnError=False)["state"] == "Failed"  # production always rolls back
    object.__setattr__(org.settings, "is_sandbox", True)
    assert deployer.run(files, rollbackOnError=False)["state"] == "SucceededPartial"
    assert org.schema.object("Thing__c") is not None
    assert org.grants.named("Things") is None


def test_missing_files_may_be_allowed(deployer: Deployer) -> None:
    files = changed(package=manifest(CustomObject=["Thing__c", "Missing__c"], PermissionSet="Things"))
    told = deployer.run(files, allowMissingFiles=True, ignoreWarnings=True)
    assert told["state"] == "Succeeded"


def test_an_object_that_is_named_is_overwritten(deployer: Deployer, org: Org) -> None:
    """What a deploy of ours must never do to a customer's Claim__c."""
    files = {
        "package.xml": manifest(CustomObject="Claim__c"),
        "objects/Claim__c.object": object_file(label="Overwritten"),
    }
    deployer.run(files)
    found = org.schema.object("Claim__c")
    assert found is not None
    assert found.label == "Overwritten"
    assert found.field("Claim_Number__c") is not None


TESTED = APEX | {"package.xml": manifest(ApexClass="ThingTest")}
SPECIFIED: dict[str, Any] = {"testLevel": "RunSpecifiedTests", "tests": ["ThingTest"]}


def test_the_test_methods_of_the_named_class_run(deployer: Deployer) -> None:
    sf, deployment = deployer.start(TESTED, **SPECIFIED)
    for _ in range(3):
        root = sf.mdapi._retrieve_deploy_result(deployment)
    passed = root.findall("mt:details/mt:runTestResult/mt:successes/mt:methodName", _MT)
    assert [node.text for node in passed] == ["works", "worksToo", "oldStyle"]
    assert root.findtext("mt:numberTestsTotal", namespaces=_MT) == "3"


def test_a_failing_test_fails_the_deployment(
    deployer: Deployer, org: Org, script: Callable[..., None]
) -> None:
    script(fail_tests=[{"class": "ThingTest", "method": "works", "message": "System.AssertException: no"}])
    told = deployer.run(TESTED, **SPECIFIED)
    assert told["state"] == "Failed"
    assert told["unit_test_detail"]["errors"] == [
        {
            "class": "ThingTest",
            "method": "works",
            "message": "System.AssertException: no",
            "stack_trace": "Class.ThingTest.works: line 1, column 1",
        }
    ]
    assert org.components.names("ApexClass") == []


def test_too_little_coverage_fails_the_deployment(deployer: Deployer, script: Callable[..., None]) -> None:
    script(
        coverage_warnings=[
            {"name": "ThingController", "message": "Test coverage is 61%, at least 75% is required"}
        ]
    )
    assert deployer.run(TESTED, **SPECIFIED)["state"] == "Failed"


def test_a_component_is_told_to_fail(deployer: Deployer, script: Callable[..., None]) -> None:
    script(fail_components=[{"name": "ThingTest", "problem": "Invalid type: Thng", "line": 4, "column": 9}])
    (failure,) = deployer.details(TESTED, **SPECIFIED)
    assert (failure["fileName"], failure["lineNumber"], failure["columnNumber"]) == (
        "classes/ThingTest.cls",
        "4",
        "9",
    )
    assert failure["problem"] == "Invalid type: Thng"


def test_a_test_class_that_is_nowhere_is_refused(deployer: Deployer) -> None:
    told = deployer.run(TESTED, testLevel="RunSpecifiedTests", tests=["OtherTest"])
    assert told["state"] == "Failed"
    assert "OtherTest" in told["deployment_detail"]["errors"][0]["message"]


@pytest.mark.parametrize(
    ("username", "code"),
    [("integration@claims.example", "INSUFFICIENT_ACCESS"), (None, "INVALID_SESSION_ID")],
)
def test_who_may_not_deploy_hears_a_fault(
    org: Org, http: requests.Session, url: str, username: str | None, code: str
) -> None:
    user = org.user(username or "")
    token = "00DVx0!AQnobody" if user is None else org.sessions.open(user).token
    sf = Salesforce(session_id=token, instance_url=url, session=http, version="66.0")
    with pytest.raises(SalesforceGeneralError) as refused:
        sf.deploy(zipped(ADDED_FIELD), sandbox=True)
    assert refused.value.status == 500
    assert f"<faultcode>sf:{code}</faultcode>" in str(refused.value.content)


def test_a_jwt_is_good_for_rest_and_not_for_soap(
    org: Org, http: requests.Session, url: str, api: Api
) -> None:
    assert api.post("/sandbox/tokens", {"jwt": True}).status_code == 200
    form = {
        "grant_type": "client_credentials",
        "client_id": org.settings.consumer_key,
        "client_secret": org.settings.consumer_secret,
    }
    object.__setattr__(org.settings, "client_credentials_username", "admin@claims.example")
    token = http.post(f"{url}/services/oauth2/token", data=form, timeout=10).json()["access_token"]
    assert Api(http, url, token).get("limits").status_code == 200
    sf = Salesforce(session_id=token, instance_url=url, session=http, version="66.0")
    with pytest.raises(SalesforceGeneralError, match="INVALID_SESSION_ID"):
        sf.deploy(zipped(ADDED_FIELD), sandbox=True)
    newer = Salesforce(session_id=token, instance_url=url, session=http, version="68.0")
    assert newer.deploy(zipped(ADDED_FIELD), sandbox=True)["state"] == "Queued"


def test_an_address_that_the_profile_forbids_is_refused(
    org: Org, http: requests.Session, url: str, api: Api
) -> None:
    assert api.post("/sandbox/addresses", {"restricted": True}).status_code == 200
    form = {"grant_type": "client_credentials"}
    refused = http.post(f"{url}/services/oauth2/token", data=form, timeout=10)
    assert (refused.status_code, refused.json()["error_description"]) == (400, "ip restricted")


def test_garbage_for_a_zip_is_a_fault(deployer: Deployer) -> None:
    with pytest.raises(SalesforceGeneralError, match="The zip file cannot be read"):
        deployer.start(io.BytesIO(b"no zip"))


def test_what_stands_is_listed_whatever_is_visible(
    deployer: Deployer, org: Org, http: requests.Session, url: str, admin: User
) -> None:
    deployer.run(ADDED_FIELD)
    token = org.sessions.open(admin).token
    body = (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:met="http://soap.sforce.com/2006/04/metadata"><soapenv:Header><met:SessionHeader>'
        f"<met:sessionId>{token}</met:sessionId></met:SessionHeader></soapenv:Header><soapenv:Body>"
        "<met:listMetadata><met:queries><met:type>CustomField</met:type></met:queries>"
        "<met:asOfVersion>66.0</met:asOfVersion></met:listMetadata></soapenv:Body></soapenv:Envelope>"
    )
    headers = {"Content-Type": "text/xml", "SOAPAction": "listMetadata"}
    answer = http.post(f"{url}/services/Soap/m/66.0", data=body, headers=headers, timeout=10)
    assert "<fullName>Claim__c.Extra__c</fullName>" in answer.text
