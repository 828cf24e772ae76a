"""A value is trimmed, converted or refused as Salesforce documents it, whatever way it comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_pipeline.sandbox.salesforce.metadata import read_schema
from claims_pipeline.sandbox.salesforce.rows import RowError, Wire
from claims_pipeline.sandbox.salesforce.validation import (
    Check,
    Stored,
    ValueRefused,
    check_for,
    clean_text,
    utf16_length,
)

SCHEMA = read_schema()
CLAIM = SCHEMA.objects["Claim__c"]
MAPPING = SCHEMA.objects["Claim_Payor_Mapping__c"]
PAYOR = "a01Vx0000000001IAA"
NBSP = "\u00a0"


def check(name: str, wire: Wire = Wire.JSON) -> Check:
    field = CLAIM.field(name) or MAPPING.field(name)
    assert field is not None
    return check_for(field, wire, SCHEMA)


def refusal(name: str, value: object, wire: Wire = Wire.JSON) -> RowError:
    with pytest.raises(ValueRefused) as refused:
        check(name, wire)(value)
    return refused.value.error


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("Name", "  Doe, Jane \t\r\n", "Doe, Jane"),
        ("Name", "", None),
        ("Name", " \t ", None),
        ("Name", f"{NBSP}Doe{NBSP}", f"{NBSP}Doe{NBSP}"),
        ("Name", "#N/A", "#N/A"),
        ("Name", "half \ud83d a pair", "half \ufffd a pair"),
        ("Claim_Number__c", "x" * 50, "x" * 50),
        ("Claim_Number__c", "  " + "x" * 50 + "  ", "x" * 50),
        ("Charged_Amount__c", 1204.5, 1204.5),
        ("Charged_Amount__c", "1204.50", 1204.5),
        ("Charged_Amount__c", "-0.01", -0.01),
        ("Charged_Amount__c", 123.456, 123.456),
        ("Charged_Amount__c", "9999999999999998", 9999999999999998.0),
        ("DOS__c", "2026-02-28", "2026-02-28"),
        ("Source_As_Of__c", "2026-01-05T17:04:09.123Z", "2026-01-05T17:04:09.000Z"),
        ("Source_As_Of__c", "2026-01-05T17:04:09+02:00", "2026-01-05T15:04:09.000Z"),
        ("Source_As_Of__c", "2026-01-05T17:04:09-0500", "2026-01-05T22:04:09.000Z"),
        ("Paid_Y_or_N__c", "Yes", "Yes"),
        ("Claim_Payor__c", PAYOR[:15], PAYOR),
        ("Claim_Payor__c", "", None),
        ("Ignored__c", True, 1),
        ("Ignored__c", "FALSE", 0),
        ("Ignored__c", None, 0),
        ("DOS__c", None, None),
        ("Charged_Amount__c", None, None),
    ],
)
def test_what_a_field_takes(name: str, value: object, stored: Stored) -> None:
    assert check(name)(value) == stored


LONG = "x" * 51
PICKED = "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
REFUSED = [
    (
        "Claim_Number__c",
        LONG,
        "STRING_TOO_LONG",
        f"Claim Number: data value too large: {LONG} (max length=50)",
    ),
    ("Claim_Number__c", "\U0001f600" * 26, "STRING_TOO_LONG", "(max length=50)"),
    ("Paid_Y_or_N__c", "Maybe", PICKED, "Paid?: bad value for restricted picklist field: Maybe"),
    (
        "Charged_Amount__c",
        "1" + "0" * 16,
        "NUMBER_OUTSIDE_VALID_RANGE",
        "value outside of valid range on numeric",
    ),
    ("Charged_Amount__c", 10**400, "NUMBER_OUTSIDE_VALID_RANGE", "Charged Amount"),
    ("DOS__c", "0001-01-01", "FIELD_INTEGRITY_EXCEPTION", "invalid date: 0001-01-01"),
    ("Claim_Payor__c", "60054", "MALFORMED_ID", "Claim Payor: id value of incorrect type: 60054"),
    ("Claim_Payor__c", "005Vx0000000001IAA", "MALFORMED_ID", "id value of incorrect type"),
]


@pytest.mark.parametrize(("name", "value", "code", "says"), REFUSED)
@pytest.mark.parametrize("wire", list(Wire))
def test_what_a_field_refuses_by_either_way(
    name: str, value: object, code: str, says: str, wire: Wire
) -> None:
    error = refusal(name, value, wire)
    assert error.code == code
    assert says in error.message
    assert error.fields == (name,)


WRONG_TYPES = [
    ("DOS__c", "12/31/24", "date"),
    ("DOS__c", "2026-02-30", "date"),
    ("DOS__c", "2026-1-5", "date"),
    ("DOS__c", "2026-01-05T00:00:00.000Z", "date"),
    ("Source_As_Of__c", "2026-01-05", "datetime"),
    ("Source_As_Of__c", "2026-01-05T10:00:00", "datetime"),
    ("Source_As_Of__c", "2026-01-05T25:00:00Z", "datetime"),
    ("Charged_Amount__c", "$5.00", "double"),
    ("Charged_Amount__c", "1,204.50", "double"),
    ("Charged_Amount__c", "NaN", "double"),
    ("Charged_Amount__c", "(12.00)", "double"),
    ("Ignored__c", "maybe", "boolean"),
]


@pytest.mark.parametrize(("name", "value", "kind"), [*WRONG_TYPES, ("DOS__c", "", "date")])
def test_json_refuses_another_type_as_its_parser_does(name: str, value: str, kind: str) -> None:
    error = refusal(name, value)
    assert error.code == "JSON_PARSER_ERROR"
    assert error.message.startswith(
        f"Cannot deserialize instance of {kind} from VALUE_STRING value {value} or request"
    )


@pytest.mark.parametrize(("name", "value", "kind"), WRONG_TYPES)
def test_csv_refuses_another_type_by_the_fields_label(name: str, value: str, kind: str) -> None:
    error = refusal(name, value, Wire.CSV)
    assert error.code == "INVALID_TYPE_ON_FIELD_IN_RECORD"
    assert error.message.endswith(f": value not of required type: {value}")
    assert error.fields == (name,)


@pytest.mark.parametrize(
    ("name", "value", "token"),
    [
        ("Name", 12, "VALUE_NUMBER_INT"),
        ("Name", 1.5, "VALUE_NUMBER_FLOAT"),
        ("Name", True, "VALUE_TRUE"),
        ("Name", {"a": 1}, "START_OBJECT"),
        ("Charged_Amount__c", [1], "START_ARRAY"),
        ("Charged_Amount__c", True, "VALUE_TRUE"),
        ("DOS__c", 20260105, "VALUE_NUMBER_INT"),
    ],
)
def test_json_of_another_kind_is_refused_by_its_token(name: str, value: object, token: str) -> None:
    assert f"from {token} value" in refusal(name, value).message


@given(st.text(max_size=60))
def test_text_is_stored_whole_or_refused_never_cut(text: str) -> None:
    cleaned = clean_text(text)
    if cleaned is not None and utf16_length(cleaned) > 50:
        assert refusal("MR_Number__c", text).code == "STRING_TOO_LONG"
    else:
        assert check("MR_Number__c")(text) == cleaned
        assert check("MR_Number__c")(cleaned) == cleaned
