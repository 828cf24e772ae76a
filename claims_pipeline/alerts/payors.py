"""Payors: which of those that nobody has mapped have many dollars, kept for whoever looks next.

What belongs here: from the list of unmapped payors to the sync state. The state holds digests: a payor's name is typed
by hand and may hold anything.
"""

import hashlib
import logging
from decimal import Decimal

import polars as pl

from claims_pipeline.claims.payors import MatchRule
from claims_pipeline.clients.sync_state import PayorsAbove, SyncState
from claims_pipeline.settings import AlertRules
from claims_pipeline.storage.frames import StampedFrame

_LOG = logging.getLogger(__name__)
_WAITS_FOR_A_PERSON = (MatchRule.UNMAPPED.value, MatchRule.AMBIGUOUS.value)
_MOST = 500


def note_payors(state: SyncState, unmapped: StampedFrame, rules: AlertRules) -> None:
    """Keep them, where anyone is told. Where that fails it is logged: the next list is as good."""
    if not rules.to or not unmapped.stamp.facts["listable"]:
        return
    try:
        state.note_payors(payors_above(unmapped, rules))
    except Exception as error:  # noqa: BLE001 - the claims have arrived
        _LOG.warning(
            "The payors to tell of could not be kept (%s); the next sync does.", type(error).__name__
        )


def payors_above(unmapped: StampedFrame, rules: AlertRules) -> PayorsAbove:
    """Those above the threshold, most dollars first."""
    above = unmapped.frame.filter(
        pl.col("rule").is_in(_WAITS_FOR_A_PERSON),
        pl.col("charged") > Decimal(str(rules.payor_dollars_above)),
    ).collect()
    digests = [
        hashlib.sha256(each.encode()).hexdigest()[:16] for each in above.get_column("payor_key").head(_MOST)
    ]
    charged = sum(above.get_column("charged"), Decimal("0.00"))
    return PayorsAbove(
        tuple(digests), int(above.get_column("claims").sum()), charged, unmapped.stamp.fetched_at
    )
