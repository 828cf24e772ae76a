"""Bulk API 2.0 of one org: what the app mounts, and what a test or a person holds on to.

What belongs here: putting ingest and query jobs together under one script. Not here: their requests (`bulk_ingest`,
`bulk_query`).
"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path

from claims_pipeline.errors import PermanentError
from claims_pipeline.sandbox.salesforce.bulk_ingest import ingest_endpoints, ingest_jobs
from claims_pipeline.sandbox.salesforce.bulk_jobs import BulkScript
from claims_pipeline.sandbox.salesforce.bulk_query import query_endpoints, query_jobs
from claims_pipeline.sandbox.salesforce.calls import Endpoint
from claims_pipeline.sandbox.salesforce.org import Org


class BulkScriptError(PermanentError):
    """A Bulk script that cannot be."""


class BulkApi:
    """The jobs of an org. Set `script` to make them go wrong; it holds for every job that is run or polled after."""

    def __init__(self, org: Org, *, folder: Path | None = None, script: BulkScript | None = None) -> None:
        self.script = script or BulkScript()
        self.ingest = ingest_jobs(org, self.script, folder=folder)
        self._query, self._query_run = query_jobs(org, self.script, folder=folder)

    def endpoints(self) -> list[Endpoint]:
        """Every method below `jobs/ingest` and `jobs/query`."""
        return [*ingest_endpoints(self.ingest), *query_endpoints(self._query, self._query_run)]

    def set_script(self, given: Mapping[str, object]) -> dict[str, object]:
        """Change the script by the names of its parts, as JSON has them; gives back the whole script.

        Raises BulkScriptError for a part that there is not or that is of another type. `"hold": false` releases.
        """
        known = {part.name: part for part in fields(BulkScript)}
        for name, value in given.items():
            if name not in known:
                raise BulkScriptError(f"A Bulk script has no {name!r}; it has {', '.join(known)}.")
            if not _fits(value, known[name].default):
                raise BulkScriptError(f"`{name}` of a Bulk script cannot be {value!r}.")
        held = self.script.hold
        for name, value in given.items():
            setattr(self.script, name, value)
        if held and not self.script.hold:
            self.release()
        return asdict(self.script)

    def release(self) -> None:
        """Run the jobs that the script held, and hold no more."""
        self.ingest.release()
        self._query.release()

    def shut_down(self) -> None:
        """Let the running jobs end, and start no other."""
        self.ingest.shut_down()
        self._query.shut_down()


def _fits(value: object, default: object) -> bool:
    """Whether a value from JSON has the type of a script's part: counts that are off by default may be null again."""
    if isinstance(default, bool):
        return isinstance(value, bool)
    if isinstance(default, str):
        return isinstance(value, str)
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return whole or (value is None and default is None)
