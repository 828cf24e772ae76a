"""`claims-pipeline alert`: tells what is new, or whether it could; never an address, a payor's name or a value."""

from collections.abc import Iterator

import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline_tests.alerts.given_mailbox import Mailbox, mailboxes
from claims_pipeline_tests.command_line import Said, claims_pipeline
from claims_pipeline_tests.given_report import report, row
from claims_pipeline_tests.town import FIRST, Town

pytestmark = pytest.mark.journey


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mailboxes() as box:
        yield box


def run(town: Town, mailbox: Mailbox, *arguments: str, **settings: str) -> Said:
    told = {"CLAIMS_ALERTS_TO": mailbox.address, "CLAIMS_ALERT_PAYOR_DOLLARS_ABOVE": "5000"}
    said = claims_pipeline({**town.environment, **told, **settings}, *arguments)
    assert "Traceback" not in said.words
    assert "secret-token" not in said.words
    return said


def test_a_test_message_reaches_each_address_or_says_which_it_does_not(town: Town, mailbox: Mailbox) -> None:
    said = run(town, mailbox, "alert", "--test")
    assert (said.code, said.out) == (Exit.ALL_ARRIVED, "Sent to address 1 of CLAIMS_ALERTS_TO (http).\n")
    assert mailbox.titles() == ["This is a test of the claims pipeline's alerts"]
    mailbox.is_closed = True
    said = run(town, mailbox, "alert", "--test")
    assert said.code == Exit.TRANSIENT
    assert said.err.startswith("Not sent: address 1 of CLAIMS_ALERTS_TO (http): it was not taken")


def test_without_an_address_it_says_so(town: Town, mailbox: Mailbox) -> None:
    said = run(town, mailbox, "alert", CLAIMS_ALERTS_TO="")
    assert said.code == Exit.SETTINGS
    assert "CLAIMS_ALERTS_TO names no address" in said.err


def test_a_new_payor_with_many_dollars_is_told_once_by_dollars_alone(town: Town, mailbox: Mailbox) -> None:
    big = {"ClaimTotalAmount": "9000.00", "ClaimPrimaryPayerName": "Zebra Mutual", "PayerID": "ZM"}
    town.put(report(row("Z1", **big), row("Z2")))
    run(town, mailbox, "sync", "--customer", FIRST)
    run(town, mailbox, "alert")
    (message,) = mailbox.taken()
    assert message["title"] == "Claims, all customers: a new payor with many dollars is not mapped"
    assert (
        "1 payor(s) that nobody has mapped stand above the threshold: 1 claim(s), $9,000.00"
        in message["message"]
    )
    assert "Zebra" not in str(message)
    said = run(town, mailbox, "alert")
    assert said.out == "Nothing new to tell.\n"
    bigger = {**big, "ClaimPrimaryPayerName": "Yak Health", "PayerID": "YH"}
    town.put(report(row("Z1", **big), row("Z3", **bigger)))
    run(town, mailbox, "sync", "--customer", FIRST)
    run(town, mailbox, "alert")
    assert len(mailbox.taken()) == 1  # another payor is news
    town.map("zebra mutual|zm", None, ignored=True)
    town.map("yak health|yh", None, ignored=True)
    run(town, mailbox, "sync", "--customer", FIRST)
    run(town, mailbox, "alert")
    assert mailbox.titles() == ["Claims, all customers: well again"]


def test_no_alert_fails_a_sync(town: Town, mailbox: Mailbox) -> None:
    mailbox.is_closed = True
    town.put(report(row("Z9", ClaimTotalAmount="9000.00")))
    assert run(town, mailbox, "sync", "--customer", FIRST).code == Exit.ALL_ARRIVED
    said = run(town, mailbox, "alert")
    assert said.code == Exit.TRANSIENT
    assert "Not sent: address 1" in said.err


def test_nothing_of_a_failure_but_its_name_is_told(town: Town, mailbox: Mailbox) -> None:
    """A report that holds a value in its header: the step's own words name labels, the alert does not."""
    town.put(b"ClaimID,DOE JOHN 12345\n1,2\n")
    assert run(town, mailbox, "sync", "--customer", FIRST).code == Exit.PERMANENT
    run(town, mailbox, "alert")
    (message,) = mailbox.taken()
    assert message["title"] == f"Claims of customer {FIRST} (Riverside): stopped, until a person acts"
    assert "DOE" not in str(message)
    assert f"claims-pipeline release {FIRST}" in message["message"]
