"""The org is what `salesforce/` says: every object and field, with words for people, in the shapes Salesforce wants."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from claims_pipeline.claims.columns import COLUMNS
from claims_pipeline.sandbox.salesforce.metadata import OBJECTS_FOLDER, MetadataError, read_schema
from claims_pipeline.sandbox.salesforce.schema import FieldType, ObjectSchema, OrgSchema
from claims_pipeline_tests.paths import REPOSITORY

NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"
FIELD_FILES = sorted(OBJECTS_FOLDER.glob("*/fields/*.field-meta.xml"))
OURS = ("Claim__c", "Claim_Payor__c", "Claim_Payor_Mapping__c", "Claim_Sync_Issue__c", "Claim_Sync_Status__c")
MOST_HELP = 510


@pytest.fixture(scope="module")
def schema() -> OrgSchema:
    return read_schema()


def the(schema: OrgSchema, name: str) -> ObjectSchema:
    found = schema.object(name)
    assert found is not None
    return found


def test_the_project_is_pinned_to_one_api_version() -> None:
    project = json.loads((REPOSITORY / "salesforce" / "sfdx-project.json").read_text())
    assert project["sourceApiVersion"] == "66.0"
    assert project["packageDirectories"] == [{"path": "force-app", "default": True}]


def test_every_object_of_ours_is_there_beside_the_standard_ones(schema: OrgSchema) -> None:
    assert {name for name, found in schema.objects.items() if found.custom} == set(OURS)
    assert {"User", "Profile", "Organization"} <= schema.objects.keys()
    prefixes = [found.key_prefix for found in schema.objects.values()]
    assert len(set(prefixes)) == len(prefixes)


@pytest.mark.parametrize("path", FIELD_FILES, ids=lambda path: path.name.partition(".")[0])
def test_every_field_file_has_its_name_and_words_for_people(path: Path) -> None:
    root = ElementTree.parse(path).getroot()
    assert root.findtext(f"{NAMESPACE}fullName") == path.name.removesuffix(".field-meta.xml")
    for tag in ("label", "description", "inlineHelpText"):
        assert root.findtext(NAMESPACE + tag), f"{path.name} has no {tag}"
    assert len(root.findtext(f"{NAMESPACE}inlineHelpText") or "") <= MOST_HELP
    assert len(root.findtext(f"{NAMESPACE}label") or "") <= 40


@pytest.mark.parametrize(
    ("object_name", "key"),
    [
        ("Claim__c", "Claim_Number__c"),
        ("Claim_Payor_Mapping__c", "Payor_Key__c"),
        ("Claim_Sync_Issue__c", "Issue_Key__c"),
        ("Claim_Sync_Status__c", "Customer__c"),
    ],
)
def test_a_key_is_unique_whatever_the_case(schema: OrgSchema, object_name: str, key: str) -> None:
    found = the(schema, object_name).field(key)
    assert found is not None
    assert found.external_id
    assert found.case_insensitive_key


def test_only_keys_and_what_claims_are_read_by_are_external_ids(schema: OrgSchema) -> None:
    named = {
        f"{name}.{found.name}"
        for name in OURS
        for found in the(schema, name).fields.values()
        if found.external_id
    }
    assert named == {
        "Claim__c.Claim_Number__c",
        "Claim__c.Source_Customer__c",
        "Claim__c.Source_Payor_Key__c",
        "Claim_Payor_Mapping__c.Payor_Key__c",
        "Claim_Sync_Issue__c.Issue_Key__c",
        "Claim_Sync_Status__c.Customer__c",
    }


@pytest.mark.parametrize("column", [found for found in COLUMNS if found.salesforce], ids=lambda c: c.field)
def test_every_column_of_the_report_has_its_field(schema: OrgSchema, column: object) -> None:
    name = getattr(column, "salesforce", "")
    assert the(schema, "Claim__c").field(name) is not None


def test_lengths_and_money_are_as_agreed(schema: OrgSchema) -> None:
    claim = the(schema, "Claim__c")
    lengths = {
        name: claim.fields[name].length for name in ("Name", "Claim_Number__c", "MR_Number__c", "Payer__c")
    }
    assert lengths == {"Name": 80, "Claim_Number__c": 50, "MR_Number__c": 50, "Payer__c": 50}
    assert (claim.fields["Source_Customer__c"].length, claim.fields["Source_Hash__c"].length) == (8, 40)
    assert claim.fields["Source_Payor_Key__c"].length == 255
    money = [found for found in claim.fields.values() if found.type is FieldType.CURRENCY]
    assert {(found.precision, found.scale) for found in money} == {(18, 2)}
    assert len(money) == 3
    assert claim.fields["Paid_Y_or_N__c"].picklist == ("Yes", "No")


def test_lookups_let_their_records_stand_when_the_parent_goes() -> None:
    for path in FIELD_FILES:
        root = ElementTree.parse(path).getroot()
        if root.findtext(f"{NAMESPACE}type") == "Lookup":
            assert root.findtext(f"{NAMESPACE}deleteConstraint") == "SetNull", path.name


def test_formulas_are_read_and_never_written(schema: OrgSchema) -> None:
    status = the(schema, "Claim_Payor_Mapping__c").fields["Status__c"]
    days = the(schema, "Claim_Sync_Issue__c").fields["Days_Open__c"]
    for found in (status, days):
        assert found.formula
        assert not (found.createable or found.updateable or found.stored)


def test_names_are_written_or_counted_up(schema: OrgSchema) -> None:
    assert the(schema, "Claim__c").fields["Name"].createable
    mapping = the(schema, "Claim_Payor_Mapping__c").fields["Name"]
    assert (mapping.createable, mapping.display_format) == (False, "PM-{000000}")


def test_names_are_found_in_any_case_and_lookups_by_their_relationship(schema: OrgSchema) -> None:
    claim = the(schema, "CLAIM__C")
    assert claim.field("claim_number__C") is claim.fields["Claim_Number__c"]
    assert claim.relationship("claim_payor__R") is claim.fields["Claim_Payor__c"]
    assert claim.relationship("LastModifiedBy") is claim.fields["LastModifiedById"]
    assert claim.relationship("Nobody__r") is None


def test_an_org_without_a_field_lacks_the_formulas_that_speak_of_it(schema: OrgSchema) -> None:
    without = the(schema, "Claim_Payor_Mapping__c").without(["Ignored__c"])
    assert without.field("Ignored__c") is None
    assert without.field("Status__c") is None
    assert without.field("Payor_Key__c") is not None


def test_an_org_without_an_object_lacks_the_lookups_to_it(schema: OrgSchema) -> None:
    without = schema.without("Claim_Payor__c")
    assert without.object("Claim_Payor__c") is None
    assert the(without, "Claim__c").field("Claim_Payor__c") is None
    assert the(without, "Claim__c").field("Claim_Number__c") is not None


def test_a_folder_without_objects_is_an_error_that_says_where(tmp_path: Path) -> None:
    with pytest.raises(MetadataError, match=r"object-meta\.xml under"):
        read_schema(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [("<CustomField", "not well-formed"), ("<CustomField/>", "no <fullName>")],
)
def test_a_broken_field_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    folder = tmp_path / "Thing__c" / "fields"
    folder.mkdir(parents=True)
    (folder.parent / "Thing__c.object-meta.xml").write_text(
        '<CustomObject xmlns="http://soap.sforce.com/2006/04/metadata"><label>Thing</label>'
        "<nameField><label>Name</label><type>Text</type></nameField>"
        "<pluralLabel>Things</pluralLabel></CustomObject>"
    )
    (folder / "Bad__c.field-meta.xml").write_text(content)
    with pytest.raises(MetadataError, match=message) as told:
        read_schema(tmp_path)
    assert "Bad__c.field-meta.xml" in str(told.value)
