"""Our errors as Dagster's: in words without values, and lasting ones so that no retry repeats them.

What belongs here: the translation, once, for assets, checks and the IO manager, and which failures are retried. Not
here: the errors (`errors`).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import polars as pl

from claims_pipeline.errors import ClaimsPipelineError, PermanentError, where_it_broke

IF_IT_PASSES = dg.RetryPolicy(
    max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
"""For what passes by itself; a lasting failure is raised so that it is not retried."""


@contextmanager
def failures_told() -> Iterator[None]:
    """What fails inside becomes `dg.Failure`; only what passes by itself may be retried."""
    try:
        yield
    except dg.Failure:
        raise
    except PermanentError as error:
        raise dg.Failure(str(error), _where_to_read(error), allow_retries=False) from None
    except ClaimsPipelineError as error:
        raise dg.Failure(str(error), _where_to_read(error)) from None
    except (Exception, pl.exceptions.PanicException) as error:  # noqa: BLE001 - its text may quote a claim
        raise dg.Failure(
            description=f"Unexpected: {where_it_broke(error)}. (Its own text is left out: it may quote a claim.)",
            allow_retries=False,
        ) from None


def _where_to_read(error: ClaimsPipelineError) -> dict[str, dg.MetadataValue[str]]:
    """The failure's name, and the docs' page that says what heals by itself and what a person does."""
    page = "operations.md#what-a-failure-looks-like"
    docs = os.environ.get("CLAIMS_DOCS_URL", "").strip().rstrip("/")
    where = dg.MetadataValue.url(f"{docs}/{page}") if docs else dg.MetadataValue.text(f"docs/{page}")
    return {"error": dg.MetadataValue.text(type(error).__name__), "docs": where}
