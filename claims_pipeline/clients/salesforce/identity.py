"""Who we are in which org.

What belongs here: the identity of a signed-in user, and Salesforce's two ways to write a record id.
"""

from dataclasses import dataclass

_CHECK_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


@dataclass(frozen=True)
class OrgIdentity:
    """The org that we write to and the user we write as; both ids in 18 characters."""

    organization_id: str
    user_id: str
    username: str
    instance_url: str


def long_id(record_id: str) -> str:
    """The 18-character form of a record id: 15 characters, and three that keep its capitals apart."""
    if len(record_id) != 15:
        return record_id
    checks = (
        sum(1 << place for place, letter in enumerate(record_id[start : start + 5]) if "A" <= letter <= "Z")
        for start in (0, 5, 10)
    )
    return record_id + "".join(_CHECK_LETTERS[check] for check in checks)
