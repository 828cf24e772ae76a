"""Which rows an org would refuse, as far as its description tells: in Salesforce's codes, and never more than that."""

from typing import Any

import polars as pl
import pytest

from claims_pipeline.clients.salesforce import FieldDescription, Foresight, ObjectDescription

PAYORS = frozenset({"a0PAYOR"})
_PLAIN: dict[str, Any] = {
    "length": 0,
    "precision": 0,
    "scale": 0,
    "createable": True,
    "updateable": True,
    "nillable": True,
    "defaulted": False,
    "external_id": False,
    "unique": False,
    "case_sensitive": False,
    "auto_number": False,
    "reference_to": (),
    "choices": (),
    "restricted": False,
}
TEXT = {"type": "string", "length": 5}
CHOICE = {"type": "picklist", "length": 255, "choices": ("Yes", "No"), "restricted": True}
MONEY = {"type": "currency", "precision": 6, "scale": 2}
LINK = {"type": "reference"}


def foreseen(value: str | None, *, is_new: bool = False, **facts: Any) -> tuple[str | None, str | None]:
    """What the org would say of one value in a field of this kind."""
    found = FieldDescription(**{**_PLAIN, **facts, "name": "Field__c"})
    org = Foresight(ObjectDescription("Claim__c", True, True, {"Field__c": found}), {"Field__c": PAYORS})
    if facts["type"] != "reference":
        org = Foresight(org.description, {})
    payload = pl.DataFrame({"Field__c": [value]}, schema={"Field__c": pl.String})
    row = org.refusals(payload, pl.Series([is_new]))
    assert row.height == 1
    code, fields = row.row(0)
    return code, fields


@pytest.mark.parametrize(
    ("value", "facts", "code"),
    [
        ("abcde", TEXT, None),
        ("abcdef", TEXT, "STRING_TOO_LONG"),
        ("  abcde \n", TEXT, None),  # trimmed before it is sent
        ("ab\U0001f600c", TEXT, None),  # an emoji counts twice, as the org counts
        ("abc\U0001f600d", TEXT, "STRING_TOO_LONG"),
        ("Yes", CHOICE, None),
        ("Maybe", CHOICE, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("Maybe", {**CHOICE, "restricted": False}, None),
        (None, CHOICE, None),
        ("9999.99", MONEY, None),
        ("-9999.99", MONEY, None),
        ("10000.00", MONEY, "NUMBER_OUTSIDE_VALID_RANGE"),
        ("-10000.00", MONEY, "NUMBER_OUTSIDE_VALID_RANGE"),
        (None, MONEY, None),
        ("a0PAYOR", LINK, None),
        ("a0GONE", LINK, "INVALID_CROSS_REFERENCE_KEY"),
        (None, LINK, None),
        (None, {**TEXT, "nillable": False}, "REQUIRED_FIELD_MISSING"),
        ("   ", {**TEXT, "nillable": False}, "REQUIRED_FIELD_MISSING"),
        (None, {**TEXT, "nillable": False, "defaulted": True}, None),
    ],
)
def test_a_value_is_foreseen_as_the_org_would_take_it(
    value: str | None, facts: dict[str, Any], code: str | None
) -> None:
    for is_new in (True, False):
        assert foreseen(value, is_new=is_new, **facts) == (code, "Field__c" if code else None)


@pytest.mark.parametrize("facts", [TEXT, CHOICE, MONEY, LINK])
def test_what_is_left_as_it_stands_is_never_at_fault(facts: dict[str, Any]) -> None:
    assert foreseen("", **facts) == (None, None)
    assert foreseen("", **{**facts, "nillable": False}) == (None, None)
    assert foreseen("", is_new=True, **{**facts, "nillable": False})[0] == "REQUIRED_FIELD_MISSING"


def _org(**fields: dict[str, Any]) -> Foresight:
    described = {
        name: FieldDescription(**{**_PLAIN, **facts, "name": name}) for name, facts in fields.items()
    }
    return Foresight(ObjectDescription("Claim__c", True, True, described), {})


def test_a_field_that_we_never_send_is_asked_of_new_records_alone() -> None:
    org = _org(
        Claim_Number__c=TEXT,
        Region__c={**TEXT, "nillable": False},
        OwnerId={"type": "reference", "nillable": False},
        Id={"type": "id", "nillable": False, "createable": False},
        Done__c={"type": "boolean", "nillable": False},
        Number__c={**TEXT, "nillable": False, "auto_number": True},
    )
    rows = org.refusals(pl.DataFrame({"Claim_Number__c": ["1", "2"]}), pl.Series([True, False]))
    assert rows.rows() == [("REQUIRED_FIELD_MISSING", "Region__c"), (None, None)]


def test_one_code_a_row_values_first_with_every_field_that_it_blames() -> None:
    org = _org(A__c=TEXT, B__c=TEXT, C__c=MONEY, D__c={**TEXT, "nillable": False})
    payload = pl.DataFrame({"A__c": ["abcdef"], "B__c": ["ghijkl"], "C__c": ["10000.00"], "D__c": [""]})
    assert org.refusals(payload, pl.Series([True])).rows() == [("STRING_TOO_LONG", "A__c,B__c")]


def test_no_rows_no_answers() -> None:
    payload = pl.DataFrame(schema={"Field__c": pl.String})
    assert _org(Field__c=TEXT).refusals(payload, pl.Series([], dtype=pl.Boolean)).rows() == []
