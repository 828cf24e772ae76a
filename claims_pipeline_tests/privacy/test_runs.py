"""No patient's data and no secret outside the claims: each failure driven by each door, each sink searched."""

import polars as pl
import pytest

from claims_pipeline.claims.outcomes import Rejection
from claims_pipeline_tests.privacy.failures import FAILURES
from claims_pipeline_tests.privacy.sinks import SINKS, leaks, told
from claims_pipeline_tests.privacy.stage import DOORS, Stage

pytestmark = pytest.mark.privacy
_SHARES = 2
"""Each door's failures are driven in so many parts, so that two processes share them."""


@pytest.mark.parametrize("share", range(_SHARES))
@pytest.mark.parametrize("door", DOORS)
def test_nothing_leaks_whatever_fails(stage: Stage, door: str, share: int) -> None:
    for failure in [each for each in FAILURES if door in each.doors][share::_SHARES]:
        failure.drive(stage, door)
    assert [path for path in stage.temporary.rglob("*") if path.is_file()] == []
    assert list(stage.root.glob("runs/*/storage/work/*")) == []
    assert stage.mailbox.posts, "nobody was told of any of it"
    assert told(leaks(stage, SINKS)) == ""


def test_every_rule_is_driven(stage: Stage) -> None:
    """By the two failures that reject rows: a new rule needs a row here."""
    seen: set[str] = set()
    for failure in FAILURES[:2]:
        failure.drive(stage, "command line")
        (rejected,) = stage.storage.glob("rejected_claims/*.parquet")
        seen |= set(pl.read_parquet(rejected).get_column("code"))
    assert seen == {rule.value for rule in Rejection}
