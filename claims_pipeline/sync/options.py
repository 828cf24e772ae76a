"""What a person may ask of one sync, and how it tells of its progress."""

from collections.abc import Callable
from dataclasses import dataclass

from claims_pipeline.settings import FilterKind

Progress = Callable[[str], None]
"""Takes one line about what is being done; counts and ids of fetches only."""


@dataclass(frozen=True)
class SyncOptions:
    """How one sync runs.

    `dry_run` compares and sends nothing, takes no sequence and moves no cursor; `resend` sends every claim again;
    `accept_empty` believes a report that is empty or far smaller than the last one of its filter, and `asked_by` is
    who said so. `goes_on` lets a Bulk job end that an earlier part of this run began for the same fetch, where any
    other run aborts it. `follows` another customer of the same command, whose sync relinked all the org's claims:
    the org is then asked for them again only where a mapping has changed since, and once when the command ends.
    """

    kind: FilterKind = FilterKind.RECENT
    dry_run: bool = False
    resend: bool = False
    accept_empty: bool = False
    asked_by: str = ""
    goes_on: bool = False
    follows: bool = False

    @property
    def reconciles(self) -> bool:
        """Whether Salesforce can be compared with the source after it: a full fetch that was sent."""
        return self.kind is FilterKind.FULL and not self.dry_run
