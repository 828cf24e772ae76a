"""What must be true of a run that met a fault, at once and after a run without it.

What belongs here: the promises as checks. Not here: which fault there was.
"""

from claims_pipeline.cli.exits import Exit
from claims_pipeline_tests.faults.network_table import NAMES, System
from claims_pipeline_tests.faults.network_town import FIRST, Day, Network, Ran
from claims_pipeline_tests.journeys.canary import CLAIM, DAYS, PATIENT, SECRET

MOST_REPEATS = 30
"""Five attempts of a call, five polls missed or three rounds of reading: more requests than these no fault may cost."""
_NEVER_SAID = (PATIENT, SECRET, CLAIM, *DAYS, "7.77", "900.00")


def must_say_nothing_private(ran: Ran) -> None:
    """Neither a patient's data, nor an answer's text, stands in what the run said or logged."""
    told = [each for each in _NEVER_SAID if each in ran.err + ran.logged]
    assert told == []


def must_be_safe(network: Network, ran: Ran, today: Day, *, customer: str = FIRST) -> None:
    """At once: nothing private was said, and the cursor moved only if the org holds everything."""
    must_say_nothing_private(ran)
    if network.number(customer, "committed_sequence"):
        assert network.book(customer) == today.book
    assert ran.sign_ins <= 3


def must_be_free(network: Network) -> None:
    """No lease is held: the next run need not wait."""
    assert network.leased() == []


def must_have_arrived(network: Network, ran: Ran, today: Day) -> None:
    """The run succeeded, and the org holds what the report holds, claim by claim and cent by cent."""
    assert ran.code == Exit.ALL_ARRIVED, ran.err
    assert network.book() == today.book
    assert network.number(FIRST, "committed_sequence") == network.number(FIRST, "sequence") > 0
    must_be_safe(network, ran, today)
    must_be_free(network)


def must_pass_later(ran: Ran, system: System) -> None:
    """The run failed in a way that passes, and says at whose side, and what to do."""
    assert ran.code == Exit.TRANSIENT, (ran.code, ran.err)
    (failed,) = [line for line in ran.err.splitlines() if " failed: " in line]
    assert f"Customer {FIRST} failed: " in failed
    assert NAMES[system] in failed
    assert "run again" in failed.lower() or "run the sync again" in failed.lower(), failed


def must_come_right(network: Network, today: Day, *options: str, plain_calls: int = 90) -> None:
    """A run without the fault, which waits for nobody, brings everything; one more has nothing to write."""
    network.clear_faults()
    again = network.run(*options)
    must_have_arrived(network, again, today)
    assert sum(again.waited) < 60, "a failed run must not make the next one wait"
    assert again.sign_ins == 1
    assert again.calls <= plain_calls


def must_have_nothing_left(network: Network, today: Day, *options: str) -> None:
    """A further run writes nothing to the org: nothing was left, doubled or stale."""
    once_more = network.run(*options)
    must_have_arrived(network, once_more, today)
    assert network.town.writes() == []
