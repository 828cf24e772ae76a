"""What of ours an org lacks, has changed or hides: each told in the right words, and nothing else told."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from claims_pipeline.clients.salesforce.describe import FieldDescription, ObjectDescription
from claims_pipeline.clients.salesforce.metadata import (
    Definitions,
    Difference,
    FieldDefinition,
    Kind,
    Seen,
    definitions_of,
    differences,
    read_project,
    untold,
)
from claims_pipeline.clients.salesforce.metadata.definitions import Grants
from claims_pipeline.clients.salesforce.preflight import CLAIM_FIELDS, Holds

ME = "integration@acme.example"
KEY = FieldDefinition("Claim__c", "Claim_Number__c", "string", length=50, unique=True, external_id=True)
NUMBER = FieldDefinition("Mapping__c", "Amount__c", "currency", precision=18, scale=2)
KIND = FieldDefinition("Mapping__c", "Kind__c", "picklist", choices=("Yes", "No"), restricted=True)
LINK = FieldDefinition("Mapping__c", "Payor__c", "reference", reference_to="Claim_Payor__c")
STATUS = FieldDefinition("Mapping__c", "Status__c", "string", formula='IF(Ignored__c,\n "a", "b")')
DECIDED = FieldDefinition("Mapping__c", "Decided_At__c", "datetime")
REQUIRED = FieldDefinition(
    "Mapping__c", "Key__c", "string", length=255, required=True, unique=True, external_id=True
)
SOURCE = FieldDefinition("Claim__c", "Source_Hash__c", "string", length=40)
ALL = (KEY, SOURCE, NUMBER, KIND, LINK, STATUS, DECIDED, REQUIRED)
GRANTS = Grants(
    "Claims_Integration",
    {one.full_name: not one.formula for one in ALL if one not in (DECIDED, REQUIRED)},
    frozenset({"Claim__c", "Mapping__c"}),
)
OURS = Definitions(("Claim__c", "Mapping__c"), ALL, GRANTS)
EVERYTHING = frozenset({"Claim__c", "Mapping__c", *(one.full_name for one in ALL)})


def described(wanted: FieldDefinition) -> FieldDescription:
    return FieldDescription(
        name=wanted.name,
        type=wanted.type,
        length=wanted.length or (1300 if wanted.formula else 0),
        precision=wanted.precision,
        scale=wanted.scale,
        createable=not wanted.formula,
        updateable=not wanted.formula,
        nillable=not wanted.required,
        defaulted=False,
        external_id=wanted.external_id,
        unique=wanted.unique,
        case_sensitive=wanted.case_sensitive,
        auto_number=False,
        reference_to=(wanted.reference_to,) if wanted.reference_to else (),
        choices=wanted.choices,
        restricted=wanted.restricted,
        formula=wanted.formula.replace("\n", " ") or None,
    )


def org(*without: FieldDefinition) -> dict[str, ObjectDescription | None]:
    """The org as the integration user sees it: all that he is granted, without these."""
    gone = (*without, DECIDED)
    return {
        name: ObjectDescription(
            name, True, True, {one.name: described(one) for one in OURS.of(name) if one not in gone}
        )
        for name in OURS.objects
    }


def changed(
    wanted: FieldDefinition, change: Callable[[FieldDescription], FieldDescription]
) -> dict[str, ObjectDescription | None]:
    found = org()
    whole = found[wanted.object_name]
    assert whole is not None
    fields = {**whole.fields, wanted.name: change(whole.fields[wanted.name])}
    return {**found, wanted.object_name: replace(whole, fields=fields)}


def told(seen: Seen) -> list[Difference]:
    return list(differences(OURS, seen))


def test_an_org_like_ours_differs_in_nothing() -> None:
    assert told(Seen(org(), ME)) == []
    assert told(Seen(org(), ME, there=EVERYTHING)) == []


def test_what_people_alone_use_cannot_be_told_without_an_admin() -> None:
    assert untold(OURS, Seen(org(), ME)) == ["Mapping__c.Decided_At__c"]
    assert untold(OURS, Seen(org(), ME, there=EVERYTHING)) == []


def test_without_an_admin_missing_and_hidden_are_one() -> None:
    (found,) = told(Seen(org(SOURCE), ME))
    assert (found.kind, found.name) == (Kind.NOT_SEEN, "Claim__c.Source_Hash__c")
    assert "salesforce deploy" in found.words and ME in found.words


def test_an_admin_tells_missing_from_hidden() -> None:
    hidden = told(Seen(org(SOURCE), ME, there=EVERYTHING))
    missing = told(Seen(org(SOURCE), ME, there=EVERYTHING - {"Claim__c.Source_Hash__c"}))
    assert [one.kind for one in hidden] == [Kind.HIDDEN]
    assert [one.kind for one in missing] == [Kind.MISSING]


def test_a_field_of_people_alone_is_missed_by_an_admin() -> None:
    (found,) = told(Seen(org(), ME, there=EVERYTHING - {"Mapping__c.Decided_At__c"}))
    assert (found.kind, found.name) == (Kind.MISSING, "Mapping__c.Decided_At__c")


def test_a_missing_field_of_the_customers_own_object_is_made_in_setup() -> None:
    (found,) = told(Seen(org(KEY), ME, there=EVERYTHING - {"Claim__c.Claim_Number__c"}))
    assert "add it in Setup (string of 50, external id, unique)" in found.words
    assert "salesforce deploy" not in found.words


@pytest.mark.parametrize(
    ("there", "kind"),
    [(None, Kind.NOT_SEEN), (EVERYTHING, Kind.HIDDEN), (frozenset(), Kind.MISSING)],
)
def test_an_object_is_told_once_whatever_its_fields(there: frozenset[str] | None, kind: Kind) -> None:
    seen = org() | {"Mapping__c": None}
    known = there if there is None or there else EVERYTHING - {
        name for name in EVERYTHING if name.startswith("Mapping__c")
    }  # fmt: skip
    found = told(Seen(seen, ME, there=known))
    assert [(one.kind, one.name) for one in found] == [(kind, "Mapping__c")]


def test_a_hidden_objects_missing_field_is_told_too() -> None:
    there = EVERYTHING - {"Mapping__c.Amount__c"}
    found = told(Seen(org() | {"Mapping__c": None}, ME, there=there))
    assert [(one.kind, one.name) for one in found] == [
        (Kind.HIDDEN, "Mapping__c"),
        (Kind.MISSING, "Mapping__c.Amount__c"),
    ]


@pytest.mark.parametrize(
    ("wanted", "change", "kind", "says"),
    [
        (KEY, {"type": "double"}, Kind.CHANGED, "of type double, and ours of type string"),
        (KEY, {"length": 40}, Kind.CHANGED, "holds 40 characters, and ours 50"),
        (KEY, {"length": 80}, Kind.LARGER, "holds 80 characters, and ours 50"),
        (KEY, {"unique": False}, Kind.CHANGED, "it is not Unique, and ours is"),
        (KEY, {"external_id": False}, Kind.CHANGED, "it is not External ID, and ours is"),
        (KEY, {"case_sensitive": True}, Kind.CHANGED, "it is case-sensitive, and ours is not"),
        (NUMBER, {"nillable": False}, Kind.CHANGED, "it is required, and ours is not"),
        (REQUIRED, {"nillable": True}, Kind.CHANGED, "it is not required, and ours is"),
        (NUMBER, {"scale": 0}, Kind.CHANGED, "holds 0 decimals, and ours 2"),
        (NUMBER, {"precision": 12}, Kind.CHANGED, "holds 12 digits, and ours 18"),
        (KIND, {"choices": ("Yes",)}, Kind.CHANGED, "its choices lack No"),
        (KIND, {"choices": ("Yes", "No", "Maybe")}, Kind.LARGER, "1 choice(s) more"),
        (LINK, {"reference_to": ("Account",)}, Kind.CHANGED, "leads to Account, and ours to Claim_Payor__c"),
        (STATUS, {"formula": "1"}, Kind.CHANGED, "its formula is another"),
        (STATUS, {"formula": None}, Kind.CHANGED, "its formula is another"),
        (NUMBER, {"updateable": False}, Kind.READ_ONLY, "may read it, and not write it"),
    ],
)
def test_each_change_is_told(
    wanted: FieldDefinition, change: dict[str, object], kind: Kind, says: str
) -> None:
    seen = changed(wanted, lambda found: replace(found, **change))  # type: ignore[arg-type]
    (found,) = told(Seen(seen, ME))
    assert (found.kind, found.name) == (kind, wanted.full_name)
    assert says in found.words
    assert found.kind.is_harmless == (kind is Kind.LARGER)


def test_a_change_that_only_the_admin_sees_is_told() -> None:
    by_admin = changed(SOURCE, lambda found: replace(found, length=10))
    found = told(Seen(org(SOURCE), ME, by_admin, EVERYTHING))
    assert [(one.kind, one.name) for one in found] == [
        (Kind.CHANGED, "Claim__c.Source_Hash__c"),
        (Kind.HIDDEN, "Claim__c.Source_Hash__c"),
    ]


def test_our_own_source_defines_what_a_sync_writes() -> None:
    definitions = definitions_of(read_project())
    ours = {one.name: one for one in definitions.of("Claim__c")}
    assert {want.name for want in CLAIM_FIELDS} - {"Name"} == set(ours)
    types = {Holds.MONEY: "currency", Holds.DATE: "date", Holds.INSTANT: "datetime", Holds.LINK: "reference"}
    for want in CLAIM_FIELDS:
        if want.holds in types:
            assert ours[want.name].type == types[want.holds]
    assert definitions.of("Claim_Payor_Mapping__c")
