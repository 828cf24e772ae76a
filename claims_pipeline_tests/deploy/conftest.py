"""A stack in an emulator, and a town that its function could work for."""

from collections.abc import Iterator

import pytest

from claims_pipeline_tests.deploy.emulated import Deployed, deploy, emulator
from claims_pipeline_tests.town import Town

IN_SECRET = (
    "COLLABORATEMD_USERNAME",
    "COLLABORATEMD_PASSWORD",
    "SALESFORCE_USERNAME",
    "SALESFORCE_CONSUMER_KEY",
    "SALESFORCE_PRIVATE_KEY",
)


@pytest.fixture
def stack(town: Town) -> Iterator[Deployed]:
    """The Lambda template, deployed with its schedules on, its secret filled."""
    with emulator() as url:
        secret = {name: town.environment[name] for name in IN_SECRET}
        yield deploy(url, secret, ScheduleState="ENABLED", FullScheduleState="ENABLED")
