"""Every code has words that a billing lead can act on, and that fit their field in Salesforce."""

import pytest

from claims_pipeline.claims.outcomes import HoldReason, Rejection
from claims_pipeline.clients.salesforce import PASSING_CODES
from claims_pipeline.sync.plain_words import ALL_WORDS, LONGEST, plain_words


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
