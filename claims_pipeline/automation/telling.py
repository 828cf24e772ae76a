"""How a look at all customers is told: one bounded line for a tick, one line a customer for the log.

What belongs here: the words around the verdicts. Not here: the verdicts (`sync.due`).
"""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence

import dagster as dg

from claims_pipeline.sync.due import Standing, Verdict

NO_CUSTOMER = "No customer is set: set COLLABORATEMD_CUSTOMER or CLAIMS_CONFIG, and reload the code location."
_NAMED = 5
_LOGGED = 50
_LONGEST_WHY = 160
_NAMED_FIRST = (Standing.STOPPED, Standing.PAUSED, Standing.WAITING)


def nobody_asked(words: str, log: logging.Logger) -> dg.SkipReason:
    """Why a tick asks for nobody, where that is a mistake: as an error, too, since a skipped tick alarms nobody."""
    log.error(words)
    return dg.SkipReason(words)


def in_one_line(verdicts: Sequence[Verdict]) -> str:
    """How many stand how, and the first few by name: those that need a person before all others."""
    counts = Counter(each.standing for each in verdicts)
    told = ", ".join(f"{counts[standing]:,} {standing.value}" for standing in Standing if counts[standing])
    named = [each for standing in _NAMED_FIRST for each in verdicts if each.standing is standing]
    if not named:
        later = [each.due_at for each in verdicts if each.due_at and each.standing is not Standing.DUE]
        soonest = min(later, default=None)
        return f"{told}." + (f" The next is due {soonest:%Y-%m-%d %H:%M} UTC." if soonest else "")
    words = "; ".join(f"{each.customer} {each.standing.value}: {_cut(each.why)}" for each in named[:_NAMED])
    more = f"; and {len(named) - _NAMED:,} more" if len(named) > _NAMED else ""
    return f"{told}. {words}{more}"


def log_stopped(verdicts: Iterable[Verdict], log: logging.Logger) -> None:
    """Each customer that waits for a person, as an error: loud on every look until one acts."""
    stopped = [each for each in verdicts if each.standing is Standing.STOPPED]
    for each in stopped[:_LOGGED]:
        log.error(f"Customer {each.customer} is stopped: {each.why}.")
    if len(stopped) > _LOGGED:
        log.error(
            f"{len(stopped) - _LOGGED:,} more customers are stopped: claims-pipeline status lists them."
        )


def _cut(words: str) -> str:
    return words if len(words) <= _LONGEST_WHY else f"{words[: _LONGEST_WHY - 4]} ..."
