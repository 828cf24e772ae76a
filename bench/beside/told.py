"""What a contender told of the rows that the org refused, and how that is said.

What belongs here: facts taken from what it returned, printed or left on disk, and the words for them, judged against
what the org did. Not here: where each contender's facts are found (`contenders`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Told:
    """What a contender gave back, in any form."""

    counted: int | None = None
    """How many rows it says were refused; None where it says nothing."""
    rows: Mapping[str, str] = field(default_factory=dict)
    """Claim number -> code, of each refused row that it names."""
    nameless: int = 0
    """How many refusals it prints with their code, but without saying of which row."""
    named_beside: int = 0
    """How many refused claim numbers stand in anything that it printed or left."""
    jobs: tuple[str, ...] = ()
    """Ids of Bulk jobs that it printed or left: with one, a person can still fetch the rows."""
    by: str = ""
    """How it tells it, in words."""
    broke_off: str = ""
    """The last that it said, where it gave up the whole instead of telling of rows."""


def verdict(told: Told, refused: Sequence[str], code: str, jobs: Sequence[str]) -> str:
    """One sentence on what became of the refused rows. `jobs`: all that the org was given."""
    if told.broke_off:
        return f"broke off, and told of no row: {told.broke_off}"
    named = sum(told.rows.get(key) == code for key in refused)
    parts = []
    if named == len(refused):
        parts.append(f"all {named:,} told with code and row")
    else:
        parts += [f"{named:,} of {len(refused):,} told with code and row"] if named else []
        parts.append(_counted(told, len(refused)))
        if told.nameless:
            parts.append(f"{told.nameless:,} codes told, of which row is not")
        if told.named_beside:
            parts.append(f"{told.named_beside:,} of the claim numbers stand in what it left")
        if jobs:
            kept = set(told.jobs) & set(jobs)
            parts.append(f"job ids told: {len(kept):,} of {len(jobs):,}")
    return "; ".join(parts) + (f" ({told.by})" if told.by else "")


def _counted(told: Told, refused: int) -> str:
    if told.counted == refused:
        return f"told as a count ({refused:,})"
    if told.counted:
        return f"told as a count of {told.counted:,}, where {refused:,} were refused"
    return "silently lost" if told.counted is None else "told as none: silently lost"
