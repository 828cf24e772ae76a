"""A mailbox, and a table of its own."""

from collections.abc import Iterator

import pytest

from claims_pipeline_tests.alerts.given_mailbox import Mailbox, mailboxes
from claims_pipeline_tests.clients.sync_state.conftest import aws, moto, table, wire

__all__ = ["aws", "moto", "table", "wire"]


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mailboxes() as box:
        yield box
