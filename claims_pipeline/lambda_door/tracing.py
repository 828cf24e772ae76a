"""Tracing: a segment a customer in AWS X-Ray, where the function's tracing is on.

What belongs here: that segment. It carries the customer's number and nothing else: no answer, no exception, no address
that was asked. Whoever works inside must let no exception out, since the recorder would keep its text.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from claims_pipeline.lambda_door.logs import SERVICE

_HEADER = "_X_AMZN_TRACE_ID"


def is_on() -> bool:
    """Whether this invocation is sampled."""
    return "Sampled=1" in os.environ.get(_HEADER, "")


@contextmanager
def segment_of(customer: str) -> Iterator[None]:
    """What is done inside is this customer's."""
    if not is_on():
        yield
        return
    from aws_lambda_powertools.tracing import (
        Tracer,  # costs time and memory that most invocations need not pay
    )

    tracer = Tracer(service=SERVICE, auto_patch=False)
    with tracer.provider.in_subsegment(name="customer") as segment:
        segment.put_annotation(key="customer", value=customer)
        yield
