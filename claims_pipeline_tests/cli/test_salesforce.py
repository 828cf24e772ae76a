"""`claims-pipeline salesforce`: deployed into older and bare orgs, refused ones told, and an org's differences."""

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import requests

from claims_pipeline.cli.exits import Exit
from claims_pipeline.sandbox.salesforce.settings import ADMIN_USERNAME, INTEGRATION_USERNAME
from claims_pipeline.sandbox.systems import OrgAge, Sandbox, SandboxCustomer
from claims_pipeline_tests.command_line import Said, claims_pipeline, python_process
from claims_pipeline_tests.given_project import project
from claims_pipeline_tests.paths import REPOSITORY

AS_ADMIN = ("--username", ADMIN_USERNAME)
NS = "{http://soap.sforce.com/2006/04/metadata}"


class Place:
    """A sandbox, a project, and the command line between them."""

    def __init__(self, sandbox: Sandbox, source: Path) -> None:
        self.sandbox, self.source = sandbox, source
        self.environment = {
            name: value
            for name, value in sandbox.environment().items()
            if name.startswith("SALESFORCE_") or name == "CLAIMS_CA_BUNDLE"
        } | {"SALESFORCE_POLL_SECONDS": "0.01"}

    def run(self, *arguments: str, **environment: str) -> Said:
        """`claims-pipeline salesforce`, with the settings of Salesforce alone."""
        source = () if "--source" in arguments else ("--source", str(self.source))
        return claims_pipeline({**self.environment, **environment}, "salesforce", *arguments, *source)

    def tell(self, act: str, **given: object) -> None:
        """A control of the sandbox's."""
        answer = requests.post(
            f"{self.sandbox.salesforce.url}/sandbox/{act}",
            json=given,
            verify=self.environment["CLAIMS_CA_BUNDLE"],
            timeout=10,
        )
        assert answer.status_code == 200, answer.text

    def fields(self, object_name: str) -> set[str]:
        """What the org has, whoever sees it."""
        found = self.sandbox.org.schema.object(object_name)
        return set() if found is None else {one.name for one in found.fields.values() if one.custom}


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[OrgAge], Place]]:
    monkeypatch.chdir(tmp_path)
    opened: list[Sandbox] = []

    def make(age: OrgAge) -> Place:
        customers = (SandboxCustomer("10001001", "Riverside"),)
        opened.append(Sandbox(tmp_path / f"sandbox-{len(opened)}", customers=customers, org=age))
        return Place(opened[-1], project(tmp_path / f"project-{len(opened)}"))

    yield make
    for sandbox in opened:
        sandbox.close()


@pytest.fixture
def older(build: Callable[[OrgAge], Place]) -> Place:
    """An org with the predecessor's objects alone."""
    return build(OrgAge.OLDER)


def test_an_older_org_gets_ours_and_keeps_its_own(older: Place) -> None:
    before = older.sandbox.org.schema.object("Claim__c")
    assert before is not None
    said = older.run("deploy", *AS_ADMIN, "--assign", f"Claims_Integration={INTEGRATION_USERNAME}")
    assert said.code == Exit.ALL_ARRIVED, said.words
    after = older.sandbox.org.schema.object("Claim__c")
    assert after is not None
    assert {name: after.fields[name] for name in before.fields} == dict(before.fields)
    assert {name for name in after.fields if name not in before.fields} == {
        "Source_As_Of__c",
        "Source_Customer__c",
        "Source_Hash__c",
        "Source_Missing_Since__c",
        "Source_Payor_Key__c",
        "Source_Payor_Name__c",
        "Source_Status__c",
        "Source_Synced_At__c",
    }
    assert older.fields("Claim_Payor_Mapping__c")
    assert "The org has its own Claim__c and Claim_Payor__c" in said.out
    assert f"Permission set Claims_Integration given to {INTEGRATION_USERNAME}." in said.out
    assert "tests 2/2" in said.err


def test_an_org_that_lacks_a_field_of_its_own_is_told_and_served(older: Place) -> None:
    older.tell("fields/drop", object="Claim__c", field="Payer__c")
    said = older.run("deploy", *AS_ADMIN, "--assign", f"Claims_Integration={INTEGRATION_USERNAME}")
    assert said.code == Exit.ALL_ARRIVED, said.words
    assert (
        "Left out: permissions on Claim__c.Payer__c: the org has no such field. Add it in Setup" in said.out
    )
    found = older.run("diff", *AS_ADMIN)
    assert found.code == Exit.NOT_ALL_ARRIVED
    assert "missing  Claim__c.Payer__c" in found.out
    assert "add it in Setup (string of 50)" in found.out


def test_a_place_that_cannot_be_written_is_told(older: Place) -> None:
    said = older.run("deploy", "--zip", "no/such/folder.zip")
    assert said.code == Exit.PERMANENT
    assert "no/such/folder.zip cannot be written (No such file or directory)" in said.err


def test_a_bare_org_gets_everything(build: Callable[[OrgAge], Place]) -> None:
    bare = build(OrgAge.BARE)
    said = bare.run("deploy", *AS_ADMIN, "--assign", ADMIN_USERNAME)
    assert said.code == Exit.ALL_ARRIVED, said.words
    assert "Payer__c" in bare.fields("Claim__c")
    assert "Payor_ID__c" in bare.fields("Claim_Payor__c")
    assert bare.sandbox.org.components.has("Layout", "Claim__c-Claim Layout")
    for name in ("Claim_Payor_Mapping", "Claims_Integration"):
        assert f"Permission set {name} given to {ADMIN_USERNAME}." in said.out


@pytest.mark.parametrize("age", [OrgAge.OLDER, OrgAge.BARE])
@pytest.mark.parametrize("what", ["all", "fields"])
def test_what_stands_in_salesforce_is_taken_by_every_org(
    build: Callable[[OrgAge], Place], age: OrgAge, what: str
) -> None:
    place = build(age)
    ours = str(REPOSITORY / "salesforce")
    said = place.run("deploy", *AS_ADMIN, "--what", what, "--source", ours)
    assert said.code == Exit.ALL_ARRIVED, said.words
    again = place.run("deploy", *AS_ADMIN, "--what", what, "--source", ours)
    assert again.code == Exit.ALL_ARRIVED, again.words


def test_fields_then_the_page(older: Place) -> None:
    assert older.run("deploy", *AS_ADMIN, "--what", "fields").code == Exit.ALL_ARRIVED
    assert older.sandbox.org.grants.named("Claim_Payor_Mapping") is None
    said = older.run("deploy", *AS_ADMIN, "--what", "page")
    assert said.code == Exit.ALL_ARRIVED, said.words
    assert older.sandbox.org.components.has("ApexPage", "Thing")
    assert older.sandbox.org.grants.named("Claim_Payor_Mapping") is not None


def test_the_page_without_its_fields_is_refused_with_file_and_line(older: Place) -> None:
    said = older.run("deploy", *AS_ADMIN, "--what", "page")
    assert said.code == Exit.PERMANENT
    assert "Error: salesforce/force-app/main/default/permissionsets/Claims_Integration" in said.out
    assert "no CustomField named Claim__c.Source_As_Of__c found" in said.out
    assert "Nothing was changed" in said.err
    assert older.sandbox.org.components.standing == {}


def test_a_check_changes_nothing_and_says_so(older: Place) -> None:
    schema = older.sandbox.org.schema
    said = older.run("deploy", *AS_ADMIN, "--check-only")
    assert said.code == Exit.ALL_ARRIVED
    assert "The org would take the package. Nothing was changed" in said.out
    assert older.sandbox.org.schema is schema


def test_a_problem_is_told_at_its_source(older: Place) -> None:
    field = "force-app/main/default/objects/Claim__c/fields/Source_Hash__c.field-meta.xml"
    path = older.source / field
    path.write_text(path.read_text().replace("<length>40</length>", "<length>400</length>"))
    schema = older.sandbox.org.schema
    said = older.run("deploy", *AS_ADMIN)
    assert said.code == Exit.PERMANENT
    (line,) = [line for line in said.out.splitlines() if line.startswith("Error")]
    assert line.startswith(f"Error: salesforce/{field}:2 (objects/Claim__c.object:")
    assert line.endswith(
        "CustomField Claim__c.Source_Hash__c: Value too long for field: length, maximum length is: 255"
    )
    assert "1 component problem(s)" in said.err
    assert older.sandbox.org.schema is schema


def test_a_failed_test_and_little_coverage_are_printed(older: Place) -> None:
    older.tell(
        "deployments",
        fail_tests=[
            {"class": "ThingControllerTest", "method": "greets", "message": "Expected: 1, Actual: 2"}
        ],
        coverage_warnings=[{"name": "ThingController", "message": "Test coverage is 61%, 75% is required"}],
    )
    said = older.run("deploy", *AS_ADMIN)
    assert said.code == Exit.PERMANENT
    assert "Test failed: ThingControllerTest.greets: Expected: 1, Actual: 2" in said.out
    assert "    Class.ThingControllerTest.greets: line 1, column 1" in said.out
    assert "Coverage: ThingController: Test coverage is 61%" in said.out
    assert "1 failed test(s), 1 class(es) with too little coverage" in said.err
    assert older.sandbox.org.components.standing == {}


def test_one_canceled_in_the_org_is_told(older: Place) -> None:
    older.tell("deployments", cancel=True)
    said = older.run("deploy", *AS_ADMIN)
    assert said.code == Exit.PERMANENT
    assert "was canceled in the org; nothing was changed" in said.err


def test_an_unknown_user_is_told_before_anything_is_deployed(older: Place) -> None:
    schema = older.sandbox.org.schema
    said = older.run("deploy", *AS_ADMIN, "--assign", "nobody@acme.example")
    assert said.code == Exit.PERMANENT
    assert "no active user nobody@acme.example" in said.err
    assert older.sandbox.org.schema is schema


def test_the_integration_user_may_not_deploy(older: Place) -> None:
    said = older.run("deploy")
    assert said.code == Exit.PERMANENT
    assert f"{INTEGRATION_USERNAME} may not change this org's metadata" in said.err
    assert "--username" in said.err


def test_where_the_address_is_not_let_in_the_package_is_written_with_the_steps(
    older: Place, tmp_path: Path
) -> None:
    older.tell("addresses", restricted=True)
    said = older.run("deploy", *AS_ADMIN)
    assert said.code == Exit.BY_HAND
    assert "the org does not let this address in" in said.err
    for words in (
        "Rollback On Error",
        "RunSpecifiedTests with Run Tests ThingControllerTest",
        "https://workbench.developerforce.com",
        "sf project deploy start --metadata-dir claims-salesforce.zip --single-package --test-level RunSpecifiedTests "
        "--tests ThingControllerTest",
        "Claim_Payor_Mapping and Claims_Integration",
    ):
        assert words in said.out
    older.tell("addresses", restricted=False)
    with zipfile.ZipFile(tmp_path / "claims-salesforce.zip") as opened:
        claim = ElementTree.fromstring(opened.read("objects/Claim__c.object"))
    assert claim.find(f"{NS}label") is None  # it can do a customer's Claim__c no harm
    written = (tmp_path / "claims-salesforce.zip").read_bytes()
    assert older.run("deploy", "--zip", "again.zip").code == Exit.ALL_ARRIVED
    assert (tmp_path / "again.zip").read_bytes() == written


def test_the_zip_by_hand_is_the_one_that_is_deployed(older: Place, tmp_path: Path) -> None:
    """An older org takes the very bytes that `--zip` writes."""
    assert older.run("deploy", "--zip", "by-hand.zip").code == Exit.ALL_ARRIVED
    sent = len((tmp_path / "by-hand.zip").read_bytes())
    assert older.run("deploy", *AS_ADMIN).code == Exit.ALL_ARRIVED
    (deploy,) = [one for one in older.sandbox.salesforce_wire.log if one.request_bytes > sent]
    assert deploy.path == "/services/Soap/m/66.0"
    assert deploy.request_bytes - 4 * ((sent + 2) // 3) < 2_000


def test_a_zip_needs_no_settings_and_no_org(older: Place) -> None:
    older.environment.clear()
    said = older.run("deploy", "--zip", "complete.zip", "--complete")
    assert said.code == Exit.ALL_ARRIVED
    assert "it would overwrite them" in said.out
    with zipfile.ZipFile("complete.zip") as opened:
        claim = ElementTree.fromstring(opened.read("objects/Claim__c.object"))
    assert claim.findtext(f"{NS}label") == "Claim"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--complete"], "--complete goes with --zip"),
        (["--zip", "a.zip", "--check-only"], "--zip asks no org"),
        (["--zip", "a.zip", "--assign", "a@b.example"], "--zip asks no org"),
        (["--what", "nothing"], "is not one of"),
        ([*AS_ADMIN, "--assign", "Nonsense=a@b.example"], "no permission set Nonsense"),
        ([*AS_ADMIN, "--assign", "Claims_Integration="], "names no user"),
    ],
)
def test_options_that_do_not_fit_are_told(older: Place, arguments: list[str], says: str) -> None:
    said = older.run("deploy", *arguments)
    assert said.code == Exit.USAGE
    assert says in said.err
    assert not list(Path.cwd().glob("*.zip"))


def test_only_the_settings_of_salesforce_are_asked_for(older: Place) -> None:
    said = claims_pipeline({}, "salesforce", "diff")
    assert said.code == Exit.SETTINGS
    assert "SALESFORCE_DOMAIN" in said.err
    assert "COLLABORATEMD" not in said.err


def test_by_password_the_admins_is_asked_for(older: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["admin-password", "adminTOKEN"])
    asked: list[str] = []

    def prompt(what: str, **how: object) -> str:
        assert how["hide_input"] is True
        asked.append(what)
        return next(answers)

    monkeypatch.setattr("claims_pipeline.cli.salesforce_deploy.click.prompt", prompt)
    kept = ("SALESFORCE_DOMAIN", "CLAIMS_CA_BUNDLE", "SALESFORCE_USERNAME", "SALESFORCE_POLL_SECONDS")
    older.environment = {name: older.environment[name] for name in kept} | {
        "SALESFORCE_PASSWORD": "sandbox-password",
        "SALESFORCE_SECURITY_TOKEN": "sandboxTOKEN",
    }
    said = older.run("deploy", *AS_ADMIN, "--check-only")
    assert said.code == Exit.ALL_ARRIVED, said.words
    assert [what.partition(" of ")[0] for what in asked] == ["Password", "Security token"]
    assert "admin-password" not in said.words
    assert "ends in Summer '27" in said.err


def test_client_credentials_cannot_be_another_user(older: Place) -> None:
    del older.environment["SALESFORCE_PRIVATE_KEY"]
    said = older.run("deploy", *AS_ADMIN, SALESFORCE_CONSUMER_SECRET="sandbox-consumer-secret")
    assert said.code == Exit.SETTINGS
    assert "client credentials sign in as the app's own user" in said.err


def kinds(said: Said) -> dict[str, str]:
    return {one["name"]: one["kind"] for one in json.loads(said.out)["differences"]}


def test_diff_before_and_after(older: Place) -> None:
    said = older.run("diff", "--json", *AS_ADMIN)
    assert said.code == Exit.NOT_ALL_ARRIVED
    assert kinds(said)["Claim_Payor_Mapping__c"] == "missing"
    assert kinds(said)["Claim__c"] == "hidden"
    assert kinds(said)["Claim__c.Source_Hash__c"] == "missing"
    assert older.run("deploy", *AS_ADMIN).code == Exit.ALL_ARRIVED
    hidden = older.run("diff", "--json", *AS_ADMIN)
    assert hidden.code == Exit.NOT_ALL_ARRIVED
    assert set(kinds(hidden).values()) == {"hidden"}
    assert "permission set Claims_Integration" in kinds(hidden)
    given = older.run("deploy", *AS_ADMIN, "--assign", f"Claims_Integration={INTEGRATION_USERNAME}")
    assert given.code == Exit.ALL_ARRIVED
    for arguments in ((), AS_ADMIN):
        said = older.run("diff", *arguments)
        assert said.code == Exit.ALL_ARRIVED, said.words
        assert "The org has all of ours" in said.out
    assert "Claim_Payor_Mapping__c.Decided_At__c" in older.run("diff").out  # people's own: not for his eyes


def test_diff_tells_a_field_dropped_changed_or_hidden_since(older: Place) -> None:
    older.run("deploy", *AS_ADMIN, "--assign", f"Claims_Integration={INTEGRATION_USERNAME}")
    older.tell("fields/drop", object="Claim__c", field="Source_Status__c")
    older.tell(
        "field-access", object="Claim__c", field="Payer__c", access="hidden", **{"as": INTEGRATION_USERNAME}
    )
    older.tell(
        "field-access", object="Claim__c", field="DOS__c", access="readonly", **{"as": INTEGRATION_USERNAME}
    )
    said = older.run("diff", *AS_ADMIN)
    assert said.code == Exit.NOT_ALL_ARRIVED
    assert "missing  Claim__c.Source_Status__c: the org has no such field." in said.out
    assert f"hidden  Claim__c.Payer__c: it is there, and hidden from {INTEGRATION_USERNAME}" in said.out
    assert f"read-only  Claim__c.DOS__c: {INTEGRATION_USERNAME} may read it, and not write it" in said.out
    assert "3 difference(s) to be mended" in said.out
    blind = older.run("diff", "--json")
    assert kinds(blind)["Claim__c.Source_Status__c"] == "not seen"
    assert kinds(blind)["Claim__c.Payer__c"] == "not seen"


def test_an_installed_package_deploys_what_the_repository_does(tmp_path: Path) -> None:
    """`setup.py` puts salesforce/ beside the code, where it is found without a repository."""
    installed = tmp_path / "site-packages"
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "claims_pipeline", installed / "claims_pipeline", ignore=unwanted)
    shutil.copytree(REPOSITORY / "salesforce", installed / "claims_pipeline" / "salesforce_project")
    written = {}
    for place in (installed, REPOSITORY):
        target = tmp_path / f"{place.name}.zip"
        code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from claims_pipeline import cli; cli.main()"
        said = python_process({}, "-c", code, str(place), "salesforce", "deploy", "--zip", str(target))
        assert said.code == Exit.ALL_ARRIVED, said.words
        written[place] = target.read_bytes()
    assert written[installed] == written[REPOSITORY]
    schema = (
        "from claims_pipeline.sandbox.salesforce.metadata import read_schema; print(*read_schema().objects)"
    )
    code = f"import sys; sys.path.insert(0, sys.argv.pop(1)); {schema}"
    assert "Claim_Payor_Mapping__c" in python_process({}, "-c", code, str(installed)).out
