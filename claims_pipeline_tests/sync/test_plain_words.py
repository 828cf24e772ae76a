"""Every code has words that a billing lead can act on, and that fit their field in Salesforce."""

import pytest

from claims_pipeline.claims.outcomes import HoldReason, Rejection
from claims_pipeline.clients.salesforce import PASSING_CODES
from claims_pipeline.sync.plain_words import ALL_WORDS, LONGEST, Where, plain_words, where_to


@pytest.mark.parametrize("code", [*Rejection, *HoldReason, *sorted(PASSING_CODES)])
def test_every_code_of_ours_and_every_passing_one_has_words_of_its_own(code: str) -> None:
    assert plain_words(code) is ALL_WORDS[code]
    assert plain_words(code) != plain_words("NOBODY_KNOWS")


@pytest.mark.parametrize("code", [*ALL_WORDS, "NOBODY_KNOWS", None])
def test_words_are_sentences_that_fit(code: str | None) -> None:
    words = plain_words(code)
    assert len(words.sentences) <= LONGEST
    assert not words.wrong.endswith(".")
    assert not words.to_do.endswith(".")
    assert words.to_do[0].isupper()
    assert words.sentences.endswith(".")


def test_every_code_leads_somewhere_and_only_what_passes_by_itself_leads_nowhere() -> None:
    nowhere = {code for code in ALL_WORDS if where_to(code) is Where.NOWHERE}
    assert nowhere == {code for code, words in ALL_WORDS.items() if words.to_do.startswith("Nothing")}
    assert {where_to(rule.value) for rule in Rejection} == {Where.COLLABORATEMD}
    assert where_to("STRING_TOO_LONG") is Where.COLLABORATEMD
    assert where_to("OTHER_CUSTOMER") is where_to("A_CODE_OF_TOMORROW") is Where.SALESFORCE
