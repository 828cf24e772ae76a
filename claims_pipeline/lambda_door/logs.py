"""Logs: JSON lines, each with the request id, and the customer that it is about.

What belongs here: how lines look and which are let through. Not here: what is said. Libraries are heard from WARNING
on: what they say below it may quote what goes over the wire.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

SERVICE = "collaboratemd-salesforce-sync"
OURS = "claims_pipeline"
_LOG = logging.getLogger(f"{OURS}.lambda")


class Logs:
    """What this invocation says. Lines of all the pipeline's rooms go the same way."""

    def __init__(self, request_id: str, level: str = "INFO") -> None:
        self._formatter = LambdaPowertoolsFormatter(service=SERVICE, utc=True)
        self._formatter.append_keys(request_id=request_id)
        root = logging.getLogger()
        for handler in [each for each in root.handlers if _is_the_runtimes(each)]:
            root.removeHandler(handler)
        if not root.handlers:
            root.addHandler(logging.StreamHandler(sys.stdout))
        for handler in root.handlers:
            handler.setFormatter(self._formatter)
        root.setLevel(logging.WARNING)
        self.set_level(level)

    def set_level(self, level: str) -> None:
        """LOG_LEVEL, for our own lines."""
        logging.getLogger(OURS).setLevel(level)

    @contextmanager
    def about(self, customer: str) -> Iterator[None]:
        """Lines in it carry the customer's number."""
        self._formatter.append_keys(customer=customer)
        try:
            yield
        finally:
            self._formatter.remove_keys(["customer"])

    def say(self, words: str, **facts: object) -> None:
        """One line; facts become keys of their own: counts, codes, ids. (No name that a log record has.)"""
        _LOG.info(words, extra=facts)

    def warn(self, words: str, **facts: object) -> None:
        """One line that someone should read."""
        _LOG.warning(words, extra=facts)

    def fail(self, words: str, **facts: object) -> None:
        """One line about a failure."""
        _LOG.error(words, extra=facts)


def _is_the_runtimes(handler: logging.Handler) -> bool:
    """AWS's own handler ends no line: its format does, and ours takes that format's place."""
    return type(handler).__module__.startswith("awslambdaric")
