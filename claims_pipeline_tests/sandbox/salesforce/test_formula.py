"""Formulas, worked out by SQLite: our metadata's own, and the language that they are written in."""

import sqlite3
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_pipeline.sandbox.salesforce.formula import compile_formula, field_paths
from claims_pipeline.sandbox.salesforce.formula_values import FormulaError, Kind, Moment, SqlValue
from claims_pipeline.sandbox.salesforce.metadata import read_schema
from claims_pipeline_tests.sandbox.salesforce.given_org import NOW, ask, insert, org_at_noon

AT = Moment(today="2026-11-23", now="2026-11-23T12:00:00.000Z")
FIELDS = {
    "Name": SqlValue("'Zed'", Kind.TEXT),
    "Empty": SqlValue("NULL", Kind.TEXT),
    "Five": SqlValue("5.0", Kind.NUMBER),
    "No_Number": SqlValue("NULL", Kind.NUMBER),
    "Seen": SqlValue("'2026-11-01'", Kind.DATE),
    "Never": SqlValue("NULL", Kind.DATE),
    "Written": SqlValue("'2026-11-02T23:30:00.000Z'", Kind.DATETIME),
    "Yes": SqlValue("1", Kind.BOOLEAN),
}


def value_of(formula: str, *, blanks_as_zero: bool = False) -> object:
    made = compile_formula(formula, lambda path: FIELDS[".".join(path)], AT, blanks_as_zero=blanks_as_zero)
    return sqlite3.connect(":memory:").execute(f"SELECT {made.sql}").fetchone()[0]


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ('IF(Yes, "a", "b")', "a"),
        ('IF(NOT(ISBLANK(Empty)), "a", "b")', "b"),
        ("AND(Yes, Five > 4, NOT(FALSE))", 1),
        ("OR(Five < 4, ISBLANK(Never))", 1),
        ("Yes && Five = 5 || FALSE", 1),
        ("! Yes", 0),
        ('Name & " & " & Empty & "."', "Zed & ."),
        ('"it\'s" + \' "q"\'', 'it\'s "q"'),
        ("TODAY() - Seen", 22.0),
        ("BLANKVALUE(Never, TODAY()) - Seen", 22.0),
        ("Never - Seen", None),
        ("Seen + 30", "2026-12-01"),
        ("Seen - 1", "2026-10-31"),
        ("DATEVALUE(Written)", "2026-11-02"),
        ("DATE(2026, 1, 5)", "2026-01-05"),
        ("YEAR(Seen) + MONTH(Seen) / 2", 2031.5),
        ("2 + 3 * 4 ^ 2 - -1", 51.0),
        ("Five + No_Number", None),
        ("TEXT(Five)", "5"),
        ("TEXT(Five / 2)", "2.5"),
        ("TEXT(Seen)", "2026-11-01"),
        ('Name = "Zed"', 1),
        ('Empty = ""', 1),
        ('Name <> "Zed"', 0),
        ("Never = Never", 1),
        ("No_Number < 3", 0),
        ('CASE(Name, "Abe", 1, "Zed", 2, 3)', 2.0),
        ('ISPICKVAL(Name, "Zed")', 1),
        ("LEFT(Name, 2) & RIGHT(Name, 1) & MID(Name, 2, 1) & TEXT(LEN(Name))", "Zede3"),
        ('CONTAINS(Name, "ed")', 1),
        ('BEGINS(Name, "ed")', 0),
        ('SUBSTITUTE(UPPER(Name), "E", "-")', "Z-D"),
        ("ROUND(MAX(1, 2.345), 2) + ABS(-1) + FLOOR(1.9) + CEILING(1.1) + MIN(4, 5)", 10.35),
        ("/* why */ 1", 1.0),
    ],
)
def test_a_formula_gives_what_salesforce_gives(formula: str, value: object) -> None:
    found = value_of(formula)
    assert found == (pytest.approx(value) if isinstance(value, float) else value)


def test_blank_numbers_are_zero_where_the_field_says_so() -> None:
    assert value_of("Five + No_Number", blanks_as_zero=True) == 5.0


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("VLOOKUP(Name)", "VLOOKUP()"),
        ("IF(Yes, 1)", "IF() does not take 2"),
        ("IF(Yes, 1, Name)", "mixes number and text"),
        ("Name + 1 = ", "line 1"),
        ("Name & Five", "& takes text, received number"),
        ("AND(Name)", "A condition takes boolean"),
    ],
)
def test_what_the_sandbox_cannot_work_out_is_refused_by_name(formula: str, said: str) -> None:
    with pytest.raises(FormulaError, match=said.replace("(", r"\(").replace(")", r"\)")):
        value_of(formula)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_text_comes_through_as_a_literal(text: str) -> None:
    written = text.replace("\\", "\\\\").replace('"', '\\"')
    assert value_of(f'"{written}"') == text


def test_every_formula_of_our_metadata_can_be_worked_out() -> None:
    org = org_at_noon()
    formulas = [
        (schema.name, found.name, found.formula)
        for schema in read_schema().objects.values()
        for found in schema.fields.values()
        if found.formula is not None
    ]
    assert {name for _, name, _ in formulas} >= {"Status__c", "Days_Open__c"}
    for object_name, name, formula in formulas:
        assert field_paths(formula)
        assert ask(org, f"SELECT {name} FROM {object_name} WHERE {name} != null ORDER BY {name}") == []


def test_a_mapping_row_says_whose_word_stands() -> None:
    org = org_at_noon()
    (payor,) = insert(org, "Claim_Payor__c", {"Name": "AETNA"})
    insert(
        org,
        "Claim_Payor_Mapping__c",
        {"Payor_Key__c": "ignored|", "Ignored__c": True, "Claim_Payor__c": payor},
        {"Payor_Key__c": "mapped|", "Claim_Payor__c": payor, "Automatic_Match__c": payor},
        {"Payor_Key__c": "automatic|", "Automatic_Match__c": payor},
        {"Payor_Key__c": "unmapped|"},
    )
    found = ask(org, "SELECT Payor_Key__c, Status__c FROM Claim_Payor_Mapping__c")
    assert all(record["Payor_Key__c"] == record["Status__c"].lower() + "|" for record in found), found
    assert ask(
        org, "SELECT COUNT(Id) n FROM Claim_Payor_Mapping__c WHERE Status__c IN ('MAPPED', 'Ignored')"
    ) == [{"n": 2}]


def test_an_issue_counts_its_days_until_it_is_resolved() -> None:
    org = org_at_noon()
    seen = (NOW - timedelta(days=10)).date().isoformat()
    required = {
        found.name: "x"
        for found in read_schema().objects["Claim_Sync_Issue__c"].fields.values()
        if found.required
        and found.createable
        and found.custom
        and found.default is None
        and not found.picklist
        and found.type == "string"
    }
    insert(
        org,
        "Claim_Sync_Issue__c",
        {**required, "Issue_Key__c": "1", "First_Seen_On__c": seen},
        {**required, "Issue_Key__c": "2", "First_Seen_On__c": seen, "Resolved_On__c": "2026-11-15"},
    )
    found = ask(
        org,
        "SELECT Issue_Key__c, Days_Open__c FROM Claim_Sync_Issue__c WHERE Days_Open__c > 0 ORDER BY Days_Open__c",
    )
    assert [record["Days_Open__c"] for record in found] == [2.0, 10.0]
