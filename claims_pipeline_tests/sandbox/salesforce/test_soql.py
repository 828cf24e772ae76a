"""SOQL over the org's records: what is found, in which shape, and what is refused with which code."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import FieldAccess
from claims_pipeline.sandbox.salesforce.soql import execute
from claims_pipeline.sandbox.salesforce.soql_errors import SoqlError
from claims_pipeline_tests.sandbox.salesforce.given_org import ask, insert, integration, org_at_noon, refusal


@pytest.fixture(scope="module")
def org() -> Iterator[Org]:
    """Two payors and six claims: no test here changes them."""
    org = org_at_noon()
    aetna, zenith = insert(
        org, "Claim_Payor__c", {"Name": "ÄTNA (#60054)", "Payor_ID__c": "60054"}, {"Name": "Zenith"}
    )
    rows: list[tuple[str, str, float | None, str | None, str | None]] = [
        ("C1", "Ännie Doe", 100.0, "2026-11-22", aetna),
        ("C2", "bob o'hara", 250.5, "2026-11-23", aetna),
        ("C3", "Carl_X 50%", None, "2026-10-31", zenith),
        ("C4", "Carl-X 50", 0.0, None, None),
        ("C5", "back\\slash", 12345678.9, "2025-12-31", zenith),
        ("C6", "Eve", -3.25, "2026-01-01", None),
    ]
    insert(
        org,
        "Claim__c",
        *(
            {
                "Claim_Number__c": key,
                "Name": name,
                "Charged_Amount__c": money,
                "DOS__c": day,
                "Claim_Payor__c": payor,
            }
            for key, name, money, day, payor in rows
        ),
    )
    yield org
    org.close()


def keys(org: Org, where: str) -> str:
    """The numbers of the claims found, run together: `C1 C2` is `12`."""
    found = ask(org, f"SELECT Claim_Number__c FROM Claim__c WHERE {where} ORDER BY Claim_Number__c")
    return "".join(record["Claim_Number__c"][1:] for record in found)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        # Text, without regard to case; quotes and backslashes escaped.
        ("Claim_Number__c = 'c1'", "1"),
        ("Name = 'ÄNNIE DOE'", "1"),
        ("Name = 'BOB O\\'HARA'", "2"),
        ("Name = 'back\\\\slash'", "5"),
        ("Name = 'back\\u005cslash'", "5"),
        ("Name != 'eve'", "12345"),
        ("Name <> 'eve'", "12345"),
        ("Claim_Number__c > 'c4'", "56"),
        ("Claim_Number__c IN ('C2', 'c3', 'none')", "23"),
        ("Claim_Number__c NOT IN ('C2', 'c3')", "1456"),
        # LIKE: % and _ are wildcards unless escaped.
        ("Name LIKE 'carl_x 50%'", "34"),
        ("Name LIKE 'carl\\_x 50\\%'", "3"),
        ("Name LIKE '%\\\\slash'", "5"),
        ("Name LIKE 'än%'", "1"),
        ("(NOT Name LIKE 'carl%') AND Claim_Number__c < 'c6'", "125"),
        # Numbers; null is less than nothing and equal to null alone.
        ("Charged_Amount__c > 0", "125"),
        ("Charged_Amount__c >= 0.0", "1245"),
        ("Charged_Amount__c = -3.25", "6"),
        ("Charged_Amount__c = null", "3"),
        ("Charged_Amount__c != null", "12456"),
        ("Charged_Amount__c != 100", "23456"),
        ("Charged_Amount__c IN (100, 250.50, null)", "123"),
        ("NOT (Charged_Amount__c > 0)", "346"),
        # Dates, and words for them on Monday 2026-11-23.
        ("DOS__c = 2026-11-22", "1"),
        ("DOS__c < 2026-01-01", "5"),
        ("DOS__c = TODAY", "2"),
        ("DOS__c = yesterday", "1"),
        ("DOS__c = LAST_N_DAYS:1", "12"),
        ("DOS__c = THIS_WEEK", "12"),
        ("DOS__c = LAST_MONTH", "3"),
        ("DOS__c = THIS_QUARTER", "123"),
        ("DOS__c = THIS_YEAR", "1236"),
        ("DOS__c != THIS_YEAR", "45"),
        ("DOS__c < THIS_YEAR", "5"),
        ("DOS__c > LAST_MONTH", "12"),
        ("DOS__c >= LAST_MONTH", "123"),
        ("DOS__c <= LAST_YEAR", "5"),
        ("DOS__c IN (TODAY, LAST_YEAR)", "25"),
        ("CALENDAR_YEAR(DOS__c) = 2025", "5"),
        # Instants.
        ("CreatedDate = TODAY", "123456"),
        ("CreatedDate = 2026-11-23T07:00:00-05:00", "123456"),
        ("CreatedDate > 2026-11-23T12:00:00.000+0000", ""),
        ("LastModifiedDate >= 2026-11-23T11:59:59Z", "123456"),
        # Ids and relationships.
        ("Claim_Payor__c = null", "46"),
        ("Claim_Payor__r.Name = 'zenith'", "35"),
        ("Claim_Payor__r.Payor_ID__c = null", "3456"),
        ("Claim_Payor__c IN (SELECT Id FROM Claim_Payor__c WHERE Payor_ID__c != null)", "12"),
        ("Claim_Payor__c NOT IN (SELECT Id FROM Claim_Payor__c WHERE Payor_ID__c != null)", "3456"),
        ("IsDeleted = false", "123456"),
        ("IsDeleted != FALSE", ""),
        # Logic.
        ("(Claim_Payor__c = null AND Charged_Amount__c = 0) OR Name = 'Eve'", "46"),
        ("Claim_Payor__c = null AND (Charged_Amount__c = 0 OR Name = 'Bob')", "4"),
    ],
)
def test_a_condition_finds_what_salesforce_finds(org: Org, where: str, found: str) -> None:
    assert keys(org, where) == found


def test_a_record_comes_with_its_type_and_url_and_its_values_in_salesforces_forms(org: Org) -> None:
    (record,) = execute(
        org,
        integration(org),
        "SELECT Id, Name, Charged_Amount__c, DOS__c, IsDeleted, CreatedDate, Claim_Payor__r.Name, LastModifiedBy.Name "
        "FROM Claim__c WHERE Claim_Number__c = 'C1'",
        version="61.0",
    ).records
    assert list(record) == [
        "attributes",
        "Id",
        "Name",
        "Charged_Amount__c",
        "DOS__c",
        "IsDeleted",
        "CreatedDate",
        "Claim_Payor__r",
        "LastModifiedBy",
    ]
    assert record["attributes"] == {
        "type": "Claim__c",
        "url": f"/services/data/v61.0/sobjects/Claim__c/{record['Id']}",
    }
    assert (record["Charged_Amount__c"], record["DOS__c"], record["IsDeleted"]) == (
        100.0,
        "2026-11-22",
        False,
    )
    assert isinstance(record["Charged_Amount__c"], float)
    assert record["CreatedDate"] == "2026-11-23T12:00:00.000+0000"
    payor, modifier = record["Claim_Payor__r"], record["LastModifiedBy"]
    assert isinstance(payor, dict)
    assert isinstance(modifier, dict)
    assert payor["Name"] == "ÄTNA (#60054)"
    assert payor["attributes"]["type"] == "Claim_Payor__c"
    assert modifier["attributes"]["type"] == "User"
    assert modifier["Name"] == integration(org).name


def test_a_parent_that_is_not_there_is_null(org: Org) -> None:
    found = ask(
        org, "SELECT Claim_Payor__r.Name, Claim_Payor__r.CreatedBy.Name FROM Claim__c WHERE Name = 'Eve'"
    )
    assert found == [{"Claim_Payor__r": None}]


def test_a_parent_of_a_parent_is_nested(org: Org) -> None:
    found = ask(
        org, "SELECT c.Claim_Payor__r.CreatedBy.Username FROM Claim__c c WHERE c.Claim_Number__c = 'C1'"
    )
    assert found == [{"Claim_Payor__r": {"CreatedBy": {"Username": integration(org).username}}}]


def test_an_id_may_be_given_with_fifteen_characters(org: Org) -> None:
    record_id = ask(org, "SELECT Id FROM Claim__c WHERE Name = 'Eve'")[0]["Id"]
    assert keys(org, f"Id = '{record_id[:15]}'") == "6"
    assert keys(org, f"Id != '{record_id}'") == "12345"


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("Charged_Amount__c", "364125"),
        ("Charged_Amount__c DESC", "352146"),
        ("Charged_Amount__c DESC NULLS LAST", "521463"),
        ("Name", "52436"),
        ("DOS__c NULLS LAST, Claim_Number__c", "563124"),
        ("Claim_Payor__r.Name DESC NULLS LAST, Claim_Number__c DESC", "215364"),
    ],
)
def test_nulls_come_first_unless_told_otherwise(org: Org, order: str, found: str) -> None:
    where = "WHERE Name != 'Ännie Doe'" if order == "Name" else ""
    records = ask(org, f"SELECT Claim_Number__c FROM Claim__c {where} ORDER BY {order}")
    shown = "".join(record["Claim_Number__c"][1:] for record in records)
    assert shown == found


def test_limit_and_offset_cut_the_ordered_result(org: Org) -> None:
    soql = "SELECT Claim_Number__c FROM Claim__c ORDER BY Claim_Number__c LIMIT 2 OFFSET 3"
    assert [record["Claim_Number__c"] for record in ask(org, soql)] == ["C4", "C5"]
    assert ask(org, "SELECT Id FROM Claim__c OFFSET 2000") == []


def test_count_without_a_field_answers_by_the_total_alone(org: Org) -> None:
    found = execute(org, integration(org), "SELECT COUNT() FROM Claim__c WHERE Charged_Amount__c > 0")
    assert (found.total, list(found.records), found.count_only) == (3, [], True)
    assert execute(org, integration(org), "SELECT COUNT() FROM Claim__c LIMIT 2").total == 2


def test_aggregates_are_named_by_alias_or_in_turn(org: Org) -> None:
    (found,) = execute(
        org,
        integration(org),
        "SELECT COUNT(Id), SUM(Charged_Amount__c) total, MIN(DOS__c), MAX(Name), AVG(Charged_Amount__c), "
        "COUNT(Charged_Amount__c) priced, COUNT_DISTINCT(Claim_Payor__c) payors, MAX(CreatedDate) FROM Claim__c",
    ).records
    assert found == {
        "attributes": {"type": "AggregateResult"},
        "expr0": 6,
        "total": pytest.approx(12346026.15),
        "expr1": "2025-12-31",
        "expr2": "Ännie Doe",
        "expr3": pytest.approx(12346026.15 / 5),
        "priced": 5,
        "payors": 2,
        "expr4": "2026-11-23T12:00:00.000+0000",
    }


def test_sums_of_nothing_are_null(org: Org) -> None:
    assert ask(org, "SELECT SUM(Charged_Amount__c) s, COUNT(Id) n FROM Claim__c WHERE Name = 'nobody'") == [
        {"s": None, "n": 0}
    ]


def test_groups_by_a_parents_field_with_having_and_order(org: Org) -> None:
    found = ask(
        org,
        "SELECT Claim_Payor__r.Name, COUNT(Id) claims, SUM(Charged_Amount__c) charged FROM Claim__c "
        "GROUP BY Claim_Payor__r.Name HAVING COUNT(Id) > 1 AND Claim_Payor__r.Name != null "
        "ORDER BY SUM(Charged_Amount__c) DESC LIMIT 10",
    )
    assert found == [
        {"Name": "Zenith", "claims": 2, "charged": 12345678.9},
        {"Name": "ÄTNA (#60054)", "claims": 2, "charged": 350.5},
    ]


def test_groups_by_the_calendar(org: Org) -> None:
    found = ask(
        org,
        "SELECT CALENDAR_YEAR(DOS__c) year, CALENDAR_QUARTER(DOS__c), COUNT(Id) n FROM Claim__c WHERE DOS__c != null "
        "GROUP BY CALENDAR_YEAR(DOS__c), CALENDAR_QUARTER(DOS__c) "
        "ORDER BY CALENDAR_YEAR(DOS__c), CALENDAR_QUARTER(DOS__c)",
    )
    assert [(one["year"], one["expr0"], one["n"]) for one in found] == [
        (2025, 4, 1),
        (2026, 1, 1),
        (2026, 4, 3),
    ]


def test_groups_do_not_tell_case_apart() -> None:
    org = org_at_noon()
    insert(org, "Claim_Payor__c", {"Name": "Zed"}, {"Name": "ZED"}, {"Name": "other"})
    found = ask(org, "SELECT Name, COUNT(Id) n FROM Claim_Payor__c GROUP BY Name ORDER BY Name")
    assert [one["n"] for one in found] == [1, 2]


def test_groups_are_added_up_anew_after_any_change() -> None:
    org = org_at_noon()
    soql = "SELECT Name, COUNT(Id) n FROM Claim_Payor__c GROUP BY Name ORDER BY Name"

    def groups() -> list[tuple[str, int]]:
        return [(one["Name"], one["n"]) for one in ask(org, soql)]

    (payor,) = insert(org, "Claim_Payor__c", {"Name": "Zed"})
    assert groups() == groups() == [("Zed", 1)]
    insert(org, "Claim_Payor__c", {"Name": "Other"})
    assert groups() == [("Other", 1), ("Zed", 1)]
    with pytest.raises(ZeroDivisionError), org.tables.transaction():
        insert(org, "Claim_Payor__c", {"Name": "Zed"})
        assert groups() == [("Other", 1), ("Zed", 2)]
        raise ZeroDivisionError
    assert groups() == [("Other", 1), ("Zed", 1)]
    org.delete(integration(org), "Claim_Payor__c", [payor])
    assert groups() == [("Other", 1)]
    org.connection.execute('UPDATE "Claim_Payor__c" SET "Name" = \'By hand\' WHERE "IsDeleted" = 0')
    assert groups() == [("By hand", 1)]


def test_more_than_two_thousand_groups_cannot_be_paged() -> None:
    org = org_at_noon()
    for start in range(0, 2001, 200):
        insert(
            org,
            "Claim_Payor__c",
            *({"Name": f"P{number}"} for number in range(start, min(start + 200, 2001))),
        )
    soql = "SELECT Name, COUNT(Id) FROM Claim_Payor__c GROUP BY Name"
    assert refusal(org, soql).code == "EXCEEDED_ID_LIMIT"
    assert len(ask(org, f"{soql} LIMIT 2000")) == 2000


def test_children_come_as_a_result_of_their_own(org: Org) -> None:
    children = "SELECT Claim_Number__c FROM Claims__r WHERE Charged_Amount__c > 0 ORDER BY Name"
    soql = f"SELECT Name, ({children}) FROM Claim_Payor__c"
    found = ask(org, soql + " ORDER BY Payor_ID__c NULLS LAST")
    assert [one["Claims__r"]["totalSize"] for one in found] == [2, 1]
    assert [claim["Claim_Number__c"] for claim in found[0]["Claims__r"]["records"]] == ["C2", "C1"]
    assert ask(org, "SELECT (SELECT Id FROM Claims__r WHERE Name = 'x') FROM Claim_Payor__c LIMIT 1") == [
        {"Claims__r": None}
    ]


def test_fields_stands_for_lists_of_fields(org: Org) -> None:
    (every,) = ask(org, "SELECT FIELDS(ALL) FROM Claim_Payor__c LIMIT 1")
    (standard,) = ask(org, "SELECT FIELDS(STANDARD) FROM Claim_Payor__c LIMIT 1")
    (custom,) = ask(org, "SELECT Id, FIELDS(CUSTOM) FROM Claim_Payor__c LIMIT 200")[:1]
    assert {"Id", "Name", "CreatedDate", "OwnerId"} <= set(standard)
    assert set(custom) == {"Id", "Payor_ID__c"}
    assert set(every) == set(standard) | set(custom)
    for bounds in ("", " LIMIT 201"):
        assert (
            "must have a LIMIT of at most 200"
            in refusal(org, f"SELECT FIELDS(ALL) FROM Claim__c{bounds}").message
        )


def test_the_org_and_its_users_can_be_asked(org: Org) -> None:
    assert ask(org, "SELECT IsSandbox FROM Organization LIMIT 1") == [{"IsSandbox": False}]
    found = ask(
        org, f"SELECT Username, Profile.Name FROM User WHERE Username = '{integration(org).username}'"
    )
    assert found[0]["Profile"]["Name"] == integration(org).profile_name


def test_deleted_records_are_found_by_query_all_alone() -> None:
    org = org_at_noon()
    kept, gone = insert(org, "Claim_Payor__c", {"Name": "Kept"}, {"Name": "Gone"})
    org.delete(integration(org), "Claim_Payor__c", [gone])
    soql = "SELECT Id FROM Claim_Payor__c"
    assert ask(org, soql) == [{"Id": kept}]
    assert len(ask(org, soql, include_deleted=True)) == 2
    assert ask(org, f"{soql} WHERE IsDeleted = true ALL ROWS") == [{"Id": gone}]


def test_a_result_is_a_snapshot_of_which_records_were_found() -> None:
    """Rows written between two pages neither come in nor push others about."""
    org = org_at_noon()
    insert(org, "Claim_Payor__c", *({"Name": f"P{number}"} for number in range(5)))
    found = execute(org, integration(org), "SELECT Name FROM Claim_Payor__c ORDER BY Name")
    first = found.page(0, 3)
    insert(org, "Claim_Payor__c", {"Name": "A0"})
    assert [record["Name"] for record in (*first, *found.page(3, 3))] == ["P0", "P1", "P2", "P3", "P4"]
    assert found.total == 5


def test_a_hidden_field_does_not_exist_for_the_user() -> None:
    org = org_at_noon()
    user = integration(org)
    org.set_access(user, "Claim__c", "Name", FieldAccess.HIDDEN)
    for soql in (
        "SELECT Name FROM Claim__c",
        "SELECT Id FROM Claim__c WHERE Name = 'x'",
        "SELECT Id FROM Claim__c ORDER BY Name",
        "SELECT COUNT(Name) FROM Claim__c",
        "SELECT Id FROM Claim_Payor__c WHERE Id IN (SELECT Claim_Payor__c FROM Claim__c WHERE Name = 'x')",
    ):
        refused = refusal(org, soql)
        assert refused.code == "INVALID_FIELD"
        assert "No such column 'Name' on entity 'Claim__c'" in refused.message
    assert list(execute(org, org.settings.users[1], "SELECT Name FROM Claim__c").records) == []


@pytest.mark.parametrize(
    ("soql", "code", "said"),
    [
        (
            "SELECT Nope__c FROM Claim__c",
            "INVALID_FIELD",
            "Column:8\nNo such column 'Nope__c' on entity 'Claim__c'.",
        ),
        ("SELECT Id FROM Nope__c", "INVALID_TYPE", "sObject type 'Nope__c' is not supported."),
        ("SELECT Nope__r.Name FROM Claim__c", "INVALID_FIELD", "Didn't understand relationship 'Nope__r'"),
        (
            "SELECT (SELECT Id FROM Nope__r) FROM Claim__c",
            "INVALID_TYPE",
            "Didn't understand relationship 'Nope__r'",
        ),
        ("SELECT Id, id FROM Claim__c", "INVALID_FIELD", "duplicate field selected: Id"),
        (
            "SELECT Id FROM Claim__c WHERE DOS__c = '2026-01-05'",
            "INVALID_FIELD",
            "of type date and should not be enclosed",
        ),
        (
            "SELECT Id FROM Claim__c WHERE DOS__c = 2026-01-05T00:00:00Z",
            "INVALID_FIELD",
            "must be of type date",
        ),
        (
            "SELECT Id FROM Claim__c WHERE CreatedDate > 2026-01-05",
            "INVALID_FIELD",
            "must be of type dateTime",
        ),
        (
            "SELECT Id FROM Claim__c WHERE Name = 5",
            "INVALID_FIELD",
            "of type string and should be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Claim__c WHERE Charged_Amount__c = '5'",
            "INVALID_FIELD",
            "should not be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Claim__c WHERE IsDeleted = 'true'",
            "INVALID_FIELD",
            "of type boolean and should not",
        ),
        ("SELECT Id FROM Claim__c WHERE Name = Bob", "MALFORMED_QUERY", "unexpected token: 'Bob'"),
        ("SELECT Id FROM Claim__c WHERE DOS__c = 2026-02-30", "MALFORMED_QUERY", "Invalid date"),
        ("SELECT Id FROM Claim__c WHERE DOS__c = LAST_N_MOONS:3", "MALFORMED_QUERY", "LAST_N_MOONS:3"),
        (
            "SELECT Id FROM Claim__c WHERE Name = 'a\\qb'",
            "MALFORMED_QUERY",
            "Illegal character sequence '\\q'",
        ),
        ("SELECT Id FROM Claim__c WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x"),
        (
            "SELECT Id FROM Claim__c WHERE Claim_Payor__c LIKE 'a%'",
            "INVALID_QUERY_FILTER_OPERATOR",
            "id field",
        ),
        ("SELECT Id FROM Claim__c WHERE DOS__c LIKE '2026%'", "INVALID_QUERY_FILTER_OPERATOR", "date field"),
        (
            "SELECT Id FROM Claim__c OFFSET 2001",
            "NUMBER_OUTSIDE_VALID_RANGE",
            "Maximum SOQL offset allowed is 2000",
        ),
        (
            "SELECT Name FROM Claim__c GROUP BY DOS__c",
            "MALFORMED_QUERY",
            "Field must be grouped or aggregated: Name",
        ),
        (
            "SELECT Name, COUNT(Id) FROM Claim__c",
            "MALFORMED_QUERY",
            "Field must be grouped or aggregated: Name",
        ),
        ("SELECT COUNT(Id) FROM Claim__c ORDER BY Name", "MALFORMED_QUERY", "Ordered field must be grouped"),
        ("SELECT COUNT(Id) FROM Claim__c LIMIT 1", "MALFORMED_QUERY", "cannot also use LIMIT"),
        ("SELECT COUNT(Id) FROM Claim__c GROUP BY CreatedDate", "INVALID_FIELD", "can not be grouped"),
        ("SELECT COUNT(), Id FROM Claim__c", "MALFORMED_QUERY", "COUNT()"),
        ("SELECT SUM(Name) FROM Claim__c", "MALFORMED_QUERY", "does not support aggregate operator SUM"),
        ("SELECT COUNT(Id) n, COUNT(Name) N FROM Claim__c", "MALFORMED_QUERY", "duplicate alias: N"),
        ("SELECT Name n FROM Claim__c", "MALFORMED_QUERY", "only aggregate expressions use field aliasing"),
        ("SELECT Id FROM Claim__c HAVING COUNT(Id) > 1", "MALFORMED_QUERY", "HAVING"),
        ("SELECT Id FROM Claim__c WHERE COUNT(Id) > 1", "MALFORMED_QUERY", "WHERE"),
        ("SELECT NOPE(Id) FROM Claim__c", "MALFORMED_QUERY", "Unknown function: NOPE"),
        (
            "SELECT Id FROM Claim__c WHERE Name IN (SELECT Id FROM Claim__c)",
            "MALFORMED_QUERY",
            "should be an id field",
        ),
        (
            "SELECT Id FROM Claim__c WHERE Id IN (SELECT Name FROM Claim__c)",
            "MALFORMED_QUERY",
            "exactly one id field",
        ),
    ],
)
def test_what_salesforce_refuses_is_refused_with_its_code(org: Org, soql: str, code: str, said: str) -> None:
    refused = refusal(org, soql)
    assert (refused.code, said in refused.message) == (code, True), refused.message


def test_a_string_may_have_four_thousand_characters_and_no_more(org: Org) -> None:
    assert keys(org, f"Name = '{'x' * 4000}'") == ""
    assert refusal(org, f"SELECT Id FROM Claim__c WHERE Name = '{'x' * 4001}'").code == "MALFORMED_QUERY"


def test_thousands_of_keys_are_looked_up_by_the_index(org: Org) -> None:
    listed = ", ".join(f"'K{number:08d}'" for number in range(6_000))
    assert keys(org, f"Claim_Number__c IN ({listed}, 'C6')") == "6"
    plan = org.connection.execute(
        'EXPLAIN QUERY PLAN SELECT "Id" FROM Claim__c AS t0 WHERE '
        'fold(t0."Claim_Number__c") IN (SELECT fold(value) FROM json_each(?))',
        ["[]"],
    ).fetchall()
    assert "USING INDEX" in plan[0][3], (
        "the form of IN that queries are compiled to must go by the key's index"
    )


@settings(max_examples=60)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20))
def test_any_text_that_is_stored_is_found_again_by_its_escaped_self(text: str) -> None:
    stored = text.strip()
    if not stored:
        return
    org = org_at_noon()
    insert(org, "Claim_Payor__c", {"Name": stored}, {"Name": "another one, of no matter"})
    escaped = stored.replace("\\", "\\\\").replace("'", "\\'")
    assert ask(org, f"SELECT Name FROM Claim_Payor__c WHERE Name = '{escaped}'")[0]["Name"] == stored
    pattern = escaped.replace("%", "\\%").replace("_", "\\_")
    assert ask(org, f"SELECT Name FROM Claim_Payor__c WHERE Name LIKE '{pattern}'")[0]["Name"] == stored
    org.close()


@settings(max_examples=60)
@given(
    st.lists(st.decimals(min_value=-10_000, max_value=10_000, places=2), min_size=1, max_size=12), st.data()
)
def test_comparisons_split_the_records_without_loss(amounts: list[Decimal], data: st.DataObject) -> None:
    """Every record is below, at or above an amount: exactly one of the three."""
    org = org_at_noon()
    insert(
        org,
        "Claim_Payor_Mapping__c",
        *(
            {"Payor_Key__c": str(place), "Charged_Amount__c": float(amount)}
            for place, amount in enumerate(amounts)
        ),
    )
    bound = data.draw(st.sampled_from(amounts))
    counts = [
        execute(
            org,
            integration(org),
            f"SELECT COUNT() FROM Claim_Payor_Mapping__c WHERE Charged_Amount__c {sign} {bound}",
        ).total
        for sign in ("<", "=", ">")
    ]
    expected = [
        sum(a < bound for a in amounts),
        sum(a == bound for a in amounts),
        sum(a > bound for a in amounts),
    ]
    assert counts == expected
    org.close()


def test_a_refusal_is_one_of_our_errors(org: Org) -> None:
    with pytest.raises(SoqlError) as refused:
        execute(org, integration(org), "SELECT")
    assert str(refused.value) == refused.value.message
