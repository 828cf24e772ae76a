"""Payor keys and the matching of payors. The written cases are in `test_rules_files`."""

import csv
from collections.abc import Iterable

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_pipeline.claims.near_names import NEAR_ENOUGH
from claims_pipeline.claims.payor_key import comparable, payor_keys
from claims_pipeline.claims.payors import Mapping, MatchRule, Payor, PayorMatch, PayorMatcher, payor_key
from claims_pipeline_tests import oracle_cells as oracle
from claims_pipeline_tests.claims.given import PROPERTY
from claims_pipeline_tests.paths import DATA

NAMES = st.sampled_from(
    ["Alicare", "ALICARE ", "Alicare (13550)", "Alicare (#13550)", "Medfocus", "", "A (B) (C)"]
)
IDS = st.sampled_from(["13550", "013550", "C", "", "-C"])
PAYORS = st.lists(st.tuples(NAMES, st.one_of(st.none(), IDS)), max_size=6).map(
    lambda pairs: [Payor(f"P{number}", name, payor_id) for number, (name, payor_id) in enumerate(pairs)]
)
PAYOR_TEXT = st.text(st.sampled_from("aZß|# -'0é\u0301\uff21\ufb01\u00a0\u200b😀(1)"), max_size=8)


def match(payors: Iterable[Payor], name: str | None, payor_id: str | None) -> PayorMatch:
    return PayorMatcher(payors, []).match(name, payor_id)


@pytest.mark.parametrize(
    ("name", "payor_id", "key"),
    [
        (" Ali  Care ", "00123", "ali care|00123"),
        ("-Alpha", "-B", "-alpha|b"),
        ("STRASSE", None, "strasse|"),
        ("straße", "", "strasse|"),
        (None, "X", "|x"),
        ("A|B", "X|1", "a b|x 1"),
        ("\uff26ull \uff5c plan", None, "full plan|"),
        ("\u210cealth", None, "health|"),
        ("#N/A", "-", None),
        ("|", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_a_key_is_name_and_id_made_comparable(
    name: str | None, payor_id: str | None, key: str | None
) -> None:
    assert payor_key(name, payor_id) == key


def test_a_long_key_keeps_its_beginning_and_a_digest_of_the_whole() -> None:
    longest, longer = payor_key("z" * 254, None), payor_key("z" * 255, None)
    assert longest == "z" * 254 + "|"
    assert longer is not None
    assert longer[:239] == "z" * 238 + "~"
    assert len(longer) == 255
    assert longer != payor_key("z" * 256, None)


def test_a_long_key_fits_the_field_in_utf_16_units() -> None:
    key = payor_key("😀" * 200, None)
    assert key is not None
    assert len(key.encode("utf-16-le")) // 2 <= 255


@PROPERTY
@given(PAYOR_TEXT, PAYOR_TEXT)
def test_keys_are_those_of_the_oracle(name: str, payor_id: str) -> None:
    told = oracle.payor_key(oracle.text(name, name=True), oracle.text(payor_id))
    assert payor_key(name, payor_id) == (None if told == "|" else told)


@PROPERTY
@given(st.lists(st.tuples(st.none() | PAYOR_TEXT, st.none() | PAYOR_TEXT)))
def test_keys_of_a_column_are_the_keys_of_its_rows(payors: list[tuple[str | None, str | None]]) -> None:
    frame = pl.DataFrame(payors, schema={"name": pl.String, "id": pl.String}, orient="row")
    assert payor_keys(frame["name"], frame["id"]).to_list() == [payor_key(*payor) for payor in payors]


@PROPERTY
@given(PAYORS, NAMES, IDS, st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(
    payors: list[Payor], name: str, payor_id: str, random: object
) -> None:
    shuffled = [*payors]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert match(shuffled, name, payor_id) == match(payors, name, payor_id)


def test_an_ignored_key_is_ignored_even_where_it_is_mapped() -> None:
    matcher = PayorMatcher([], [Mapping("self pay|", claim_payor="P1", ignored=True)])
    assert matcher.match("SELF PAY", None) == PayorMatch(None, MatchRule.IGNORED)


def test_a_persons_word_holds_for_long_keys_too() -> None:
    key = payor_key("Z" * 300, "1")
    assert key is not None
    assert PayorMatcher([], [Mapping(key, claim_payor="P1")]).match("z" * 300, "1").payor == "P1"


def test_a_key_alone_tells_as_much_as_it_holds() -> None:
    """A cut key does not hold the id: what is found for it must not be taken for what the payor itself finds."""
    matcher = PayorMatcher([Payor("P1", "Alicare", "13550")], [])
    assert matcher.match_key("alicare|13550") == matcher.match("Alicare", "13550")
    key = payor_key("Z" * 300, "13550")
    assert key is not None
    assert matcher.match_key(key).rule is MatchRule.UNMAPPED
    assert matcher.match("Z" * 300, "13550").rule is MatchRule.ID


def test_brackets_beside_the_same_payor_id_are_no_part_of_the_name() -> None:
    payors = [Payor("P1", "Alicare (#13550)", "13550")]
    assert match(payors, "Alicare", None).rule is MatchRule.NAME
    assert match(payors, "Alicare (#13550)", None).rule is MatchRule.UNMAPPED


def test_brackets_beside_another_payor_id_are_part_of_the_name() -> None:
    payors = [Payor("P1", "Alicare (West)", "13550")]
    assert match(payors, "Alicare (West)", "13550").rule is MatchRule.NAME_AND_ID
    assert match(payors, "Alicare", None).rule is MatchRule.UNMAPPED
    assert match(payors, "Alicare", "West").rule is MatchRule.UNMAPPED


def test_several_candidates_stop_the_search_and_are_suggested_first() -> None:
    payors = [Payor("P1", "Alpha", "1"), Payor("P2", "Beta", "1"), Payor("P3", "Gamma", None)]
    found = match(payors, "Gamma", "1")
    assert (found.payor, found.rule) == (None, MatchRule.AMBIGUOUS)
    assert [suggestion.payor for suggestion in found.suggestions] == ["P1", "P2", "P3"] or [
        suggestion.payor for suggestion in found.suggestions
    ] == ["P2", "P1", "P3"]


def test_an_id_that_lost_its_zeros_is_suggested() -> None:
    found = match([Payor("P1", "Blue Plan of the North", "00123")], "BP North", "123")
    assert [suggestion.payor for suggestion in found.suggestions] == ["P1"]


def test_near_names_are_suggested_best_first_and_at_most_three() -> None:
    payors = [Payor(f"P{number}", f"Aetna Affordable {number}", f"{number}") for number in range(5)]
    found = match(
        [*payors, Payor("P9", "Aetna Affordable", "9"), Payor("PX", "Zeta", "8")], "Aetna Afordable", None
    )
    assert found.rule is MatchRule.UNMAPPED
    assert found.suggestions[0].payor == "P9"
    assert len(found.suggestions) == 3
    assert all(NEAR_ENOUGH <= suggestion.score <= 100 for suggestion in found.suggestions)


def test_a_name_within_a_longer_one_is_near_and_a_common_word_is_not() -> None:
    payors = [Payor(f"P{number}", f"Plan {number:03}", f"{number}") for number in range(300)]
    found = match([*payors, Payor("PX", "BCBS Florida (Florida Blue)", "590")], "BCBS Florida", None)
    assert [suggestion.payor for suggestion in found.suggestions] == ["PX"]
    assert match(payors, "Some Plan Else", None).suggestions == ()


def test_a_real_list_of_payors_finds_itself() -> None:
    """Names as a clearinghouse writes them: with their id each is found, or said to stand there twice."""
    with (DATA / "payors.csv").open(encoding="utf-8", newline="") as stream:
        listed = [(row["name"], row["id"]) for row in csv.DictReader(stream)]
    payors = [
        Payor(f"P{number}", f"{name.strip()} (#{payor_id})", None)
        for number, (name, payor_id) in enumerate(listed)
    ]
    matcher = PayorMatcher(payors, [])
    matches = [matcher.match(name, payor_id) for name, payor_id in listed]
    assert {found.rule for found in matches} <= {MatchRule.NAME_AND_ID, MatchRule.AMBIGUOUS}
    keys = [comparable(name) + "|" + payor_id for name, payor_id in listed]
    for number, found in enumerate(matches):
        assert (found.payor == f"P{number}") == (keys.count(keys[number]) == 1)
