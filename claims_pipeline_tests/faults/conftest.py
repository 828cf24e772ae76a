"""What the sweep's tests share: the seed, the numbers that are told at the end, and a workshop's folder."""

import os
from collections.abc import Callable

import pytest

from claims_pipeline_tests.conftest import TOLD

SEED = int(os.environ.get("CLAIMS_SWEEP_SEED", "1"))
"""Of the amounts in the books, and of the boundaries that Dagster's door is tried at."""


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Says a line at the end of the whole run, from whatever process the test ran in."""
    return lambda line: record_property(TOLD, f"{line}; seed {SEED}")
