"""Retention: what no sync needs any more leaves the storage once it is old.

What belongs here: finding and removing such files, of reports and of dry runs. Not here: which fetches are needed
still (`sync.retention`), what a killed run left (`leftovers`), nor anything that a later sync starts from: stored
frames and refused claims are never looked at.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from claims_pipeline.storage.names import DRY_RUN_PREFIX, reports_of, sequence_of
from claims_pipeline.storage.place import Place, StoredFile


@dataclass(frozen=True)
class Removed:
    """How many fetches' reports were removed, and how many files of dry runs."""

    fetches: int = 0
    dry_run_files: int = 0


def remove_old_files(
    place: Place, customer: str, *, spared: Callable[[int], bool], before: datetime
) -> Removed:
    """Remove the files of a customer's old fetches, and of everybody's old dry runs.

    A fetch goes whole, once its newest file is older than `before`: the manifest first, since a fetch without one is
    known to be no longer there, whatever becomes of the rest.
    """
    fetches: dict[int, list[StoredFile]] = {}
    for file in place.files(reports_of(customer)):
        sequence = sequence_of(file.name)
        if sequence is not None:
            fetches.setdefault(sequence, []).append(file)
    old = {
        sequence: files
        for sequence, files in fetches.items()
        if not spared(sequence) and max(file.stored_at for file in files) < before
    }
    for files in old.values():
        for file in sorted(files, key=lambda file: not file.name.endswith(".json")):
            place.remove(file.name)
    tried_out = [file for file in place.files(DRY_RUN_PREFIX) if file.stored_at < before]
    for file in tried_out:
        place.remove(file.name)
    return Removed(len(old), len(tried_out))
