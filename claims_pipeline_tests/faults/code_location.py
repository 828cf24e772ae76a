"""Our code location with hooks in it: what the Dagster daemon loads in the test of its retries.

What belongs here: installing the hooks where a run's process is started, for one death only. Not here: the definitions
themselves, which are the product's.
"""

import os
from dataclasses import replace

from claims_pipeline.definitions import defs
from claims_pipeline_tests.faults import hooks
from claims_pipeline_tests.faults.conditions import impose
from claims_pipeline_tests.faults.orders import Order
from claims_pipeline_tests.faults.runner import ORDER

__all__ = ["defs"]


def install(order: Order) -> None:
    """The first process that comes to the order's point dies there; those after it pass."""
    impose(order.conditions)
    point = order.stop_at
    died_already = point is not None and point.boundary in hooks.read_tape(order.tape)
    tape = hooks.Tape(order.tape, None if died_already else point, order.signal_number)
    hooks.install(tape, order.storage)


if ORDER in os.environ:
    told = Order.from_json(os.environ[ORDER])
    install(replace(told, environment=dict(os.environ)))
