"""Ids look and check as Salesforce's do."""

import pytest

from claims_pipeline.sandbox.salesforce.record_ids import full_id, new_id


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("001D000000IRFma", "001D000000IRFmaIAH"),  # an example that Salesforce's own pages show
        ("a00000000000000", "a00000000000000AAA"),
        ("a00ABCDEFGHIJKL", "a00ABCDEFGHIJKLY55"),
    ],
)
def test_fifteen_characters_are_completed_by_where_their_capitals_are(short: str, full: str) -> None:
    assert full_id(short) == full
    assert full_id(full) == full


@pytest.mark.parametrize(
    "text", ["", "a01", "a01Vx0000000001IA!", "a01Vx0000000001IAA1", "001D000000IRFmaAAA"]
)
def test_what_is_no_id_is_told(text: str) -> None:
    assert full_id(text) is None


def test_ids_count_up_and_never_meet() -> None:
    made = [new_id("a01", number) for number in range(1, 5000)]
    assert len(set(made)) == len(made)
    assert all(full_id(found) == found for found in made)
