"""What becomes of an issue: opened, kept, closed, reopened; whatever stands, a second look changes nothing."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from claims_pipeline.claims.compare import LEAVE
from claims_pipeline.claims.issues import (
    CODE,
    FIELDS,
    FIRST_SEEN,
    ISSUE_KEY,
    LAST_SEEN,
    RESOLUTION,
    RESOLVED,
    TOLD,
    WORDS,
    Fetch,
    changes,
    claim_issue_key,
    filter_issue_key,
    of_rejected,
)
from claims_pipeline.claims.outcomes import Rejection

DAYS = ("2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04")
CLAIMS = ("a", "b", "c")
Day = tuple[dict[str, str], set[str], bool]


def told(failing: dict[str, str], arrived: set[str]) -> pl.DataFrame:
    """What one fetch tells: claim -> code, and those that arrived."""
    rows = [
        (
            claim_issue_key("10001001", claim),
            claim,
            None,
            "Rejected",
            code,
            None,
            1,
            False,
            True,
            code.lower(),
        )
        for claim, code in failing.items()
    ] + [
        (claim_issue_key("10001001", claim), claim, None, None, None, None, 1, True, True, None)
        for claim in arrived
    ]
    return pl.DataFrame(rows, schema={**TOLD, WORDS: pl.String()}, orient="row")


def applied(standing: pl.DataFrame, payload: pl.DataFrame) -> pl.DataFrame:
    """What stands after an upsert of the payload: LEAVE leaves a field as it is."""
    rows = {row[ISSUE_KEY]: dict(row) for row in standing.iter_rows(named=True)}
    for row in payload.iter_rows(named=True):
        stored = rows.setdefault(row[ISSUE_KEY], dict.fromkeys(FIELDS))
        stored.update({name: value for name, value in row.items() if value != LEAVE})
    return pl.DataFrame(list(rows.values()), schema=dict.fromkeys(FIELDS, pl.String))


codes = st.sampled_from(["BAD_MONEY", "BAD_DATE"])
days = st.tuples(
    st.dictionaries(st.sampled_from(CLAIMS), codes), st.sets(st.sampled_from(CLAIMS)), st.booleans()
)


@given(st.lists(days, max_size=4))
def test_issues_follow_the_days(history: list[Day]) -> None:
    standing = pl.DataFrame(schema=dict.fromkeys(FIELDS, pl.String))
    model: dict[str, dict[str, str | None]] = {}
    for day, (failing, met, whole) in zip(DAYS, history, strict=False):
        arrived = met - failing.keys()
        fetch = Fetch("10001001", day, whole, (), {})
        standing = applied(standing, changes(told(failing, arrived), standing, fetch))
        again = changes(told(failing, arrived), standing, fetch)
        assert again.is_empty(), "the same fetch a second time writes nothing"
        for claim, code in failing.items():
            known = model.setdefault(claim, {FIRST_SEEN: day})
            known.update({CODE: code, LAST_SEEN: day, RESOLVED: None, RESOLUTION: None})
        for claim, known in model.items():
            if claim not in failing and known[RESOLVED] is None and (claim in arrived or whole):
                known.update({RESOLVED: day, RESOLUTION: "Arrived" if claim in arrived else "Gone"})
    found = {
        row["Claim_Number__c"]: {
            name: row[name] for name in (FIRST_SEEN, CODE, LAST_SEEN, RESOLVED, RESOLUTION)
        }
        for row in standing.iter_rows(named=True)
    }
    assert found == model


def test_a_claim_of_several_faults_stands_under_the_first_that_applies() -> None:
    rows = [
        (0, 0, 2, "X1", "x1", Rejection.CONFLICTING_DUPLICATE, None),
        (0, 0, 3, "X1", "x1", Rejection.BAD_MONEY, "charged"),
        (0, 0, 4, None, None, Rejection.MISSING_CLAIM_ID, None),
    ]
    schema = ["run", "file", "row_number", "claim_id", "claim_key", "code", "field"]
    fetch = Fetch("10001001", DAYS[0], False, (), {"charged": ["ClaimTotalAmount"]})
    found = of_rejected(pl.DataFrame(rows, schema=schema, orient="row"), fetch)
    assert found.select(CODE, "Field__c", "Row_Count__c").rows() == [("BAD_MONEY", "ClaimTotalAmount", 2)]


@given(st.text(max_size=300), st.text(max_size=300))
def test_keys_fit_their_field_and_stay_apart(one: str, other: str) -> None:
    keys = [claim_issue_key("10001001", one), claim_issue_key("10001001", other)]
    assert all(len(key.encode("utf-16-le", "surrogatepass")) // 2 <= 120 for key in keys)
    assert (keys[0] == keys[1]) == (one == other)
    assert filter_issue_key("10001001", one) not in keys
