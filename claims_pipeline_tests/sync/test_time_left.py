"""A run that is given only so long knows when it must stop, and begins no wait that it would not see the end of."""

import pytest

from claims_pipeline.errors import OutOfTime, TransientError
from claims_pipeline.sync.time_left import TimeLeft
from claims_pipeline_tests.lambda_door.function import FakeTime


def test_there_is_time_until_there_is_none() -> None:
    time = FakeTime()
    left = TimeLeft(10, time.monotonic)
    left.require()
    time.seconds = 9.9
    left.require()
    time.seconds = 10
    with pytest.raises(OutOfTime):
        left.require()
    assert issubclass(OutOfTime, TransientError)


def test_a_wait_beyond_the_time_is_not_begun() -> None:
    time = FakeTime()
    wait = TimeLeft(10, time.monotonic).waiting(time.sleep)
    wait(6)
    with pytest.raises(OutOfTime):
        wait(4)
    assert time.seconds == 6
    wait(3)
    assert time.seconds == 9
