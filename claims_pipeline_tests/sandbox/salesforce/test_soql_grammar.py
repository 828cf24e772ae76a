"""SOQL as text: what is a statement, and in which words what is none is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_pipeline.sandbox.salesforce.soql_errors import SoqlError
from claims_pipeline.sandbox.salesforce.soql_grammar import MAX_SOQL_CHARACTERS, parse
from claims_pipeline.sandbox.salesforce.soql_tree import And, Call, Comparison, FieldRef, LiteralKind, Not, Or


def test_a_whole_statement_is_read() -> None:
    found = parse(
        "select Name n, count(Id) from Claim__c AS c using scope everything where (not Name like 'a%') and "
        "(DOS__c = last_n_days:7 or X__c != null) with security_enforced group by Name having count(Id) > 1 "
        "order by Name desc nulls last limit 5 offset 2 for view all rows"
    )
    assert (found.source, found.alias, found.limit, found.offset, found.all_rows) == (
        "Claim__c",
        "c",
        5,
        2,
        True,
    )
    assert isinstance(found.where, And)
    assert isinstance(found.where.parts[0], Not)
    assert isinstance(found.where.parts[1], Or)
    assert isinstance(found.select[1].what, Call)
    assert found.order_by[0].descending
    assert found.order_by[0].nulls_last


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("'x'", LiteralKind.STRING),
        ("12", LiteralKind.NUMBER),
        ("-1.50", LiteralKind.NUMBER),
        ("2026-01-05", LiteralKind.DATE),
        ("2026-01-05T12:00:00Z", LiteralKind.DATETIME),
        ("2026-01-05T12:00:00.000+0000", LiteralKind.DATETIME),
        ("2026-01-05T12:00:00-05:00", LiteralKind.DATETIME),
        ("true", LiteralKind.BOOLEAN),
        ("NULL", LiteralKind.NULL),
        ("this_month", LiteralKind.DATE_WORD),
        ("LAST_N_DAYS:30", LiteralKind.DATE_WORD),
        ("Bob", LiteralKind.WORD),
    ],
)
def test_a_literal_is_known_by_how_it_is_written(written: str, kind: LiteralKind) -> None:
    where = parse(f"SELECT Id FROM Claim__c WHERE X__c = {written}").where
    assert isinstance(where, Comparison)
    assert not isinstance(where.right, tuple)
    assert getattr(where.right, "kind", None) is kind


@pytest.mark.parametrize(
    ("soql", "said"),
    [
        ("SELECT Id FRM Claim__c", "ERROR at Row:1:Column:15\nunexpected token: 'Claim__c'"),
        ("SELECT Id FROM", "unexpected token: '<EOF>'"),
        ("", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM C WHERE a = 1 AND b = 2 OR c = 3", "unexpected token: 'OR'"),
        ("SELECT Id FROM C WHERE a = 1 AND NOT b = 2", "ERROR at Row:1:Column:38\nunexpected token: 'b'"),
        ('SELECT Id FROM C WHERE a = "x"', "no viable alternative at character '\"'"),
        ("SELECT Id FROM C WHERE a = 'it's'", "unexpected token: 's'"),
        ("SELECT Id FROM C WHERE a = 'x", "mismatched character '<EOF>' expecting '''"),
        ("SELECT Id FROM C WHERE a = :key", "Bind variables only allowed in Apex code"),
        ("SELECT Id FROM C WHERE a IN ()", "unexpected token: ')'"),
        ("SELECT Id FROM C LIMIT -1", "unexpected token: '-1'"),
        ("SELECT * FROM C", "no viable alternative at character '*'"),
        ("SELECT Id\nFROM C\nWHERE", "ERROR at Row:3:Column:6"),
    ],
)
def test_what_is_no_soql_is_refused_where_it_goes_wrong(soql: str, said: str) -> None:
    with pytest.raises(SoqlError) as refused:
        parse(soql)
    assert refused.value.code == "MALFORMED_QUERY"
    assert said in refused.value.message


def test_a_statement_may_have_a_hundred_thousand_characters_and_no_more() -> None:
    start = "SELECT Id FROM Claim__c WHERE Name IN ('"
    longest = start + "x" * (MAX_SOQL_CHARACTERS - len(start) - 2) + "')"
    parse(longest)
    with pytest.raises(SoqlError, match="cannot be longer than 100000"):
        parse(longest.replace("('", "(' "))


@given(st.lists(st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,10}", fullmatch=True), min_size=1, max_size=4))
def test_any_path_of_names_is_a_field(names: list[str]) -> None:
    reserved = {"select", "from", "where", "and", "or", "not", "in", "like", "null", "true", "false"}
    path = tuple(name for name in names if name.lower() not in reserved) or ("Id",)
    what = parse(f"SELECT Id, {'.'.join(('P', *path))} FROM C").select[1].what
    assert isinstance(what, FieldRef)
    assert what.path == ("P", *path)


@given(st.text(max_size=60))
def test_no_text_ends_in_anything_but_a_statement_or_a_refusal(text: str) -> None:
    try:
        parse(text)
    except SoqlError as refused:
        assert refused.code == "MALFORMED_QUERY"
