"""Permission sets given to users: what is deployed is seen by nobody before.

What belongs here: reading the org's sets and assignments, and adding assignments. Nothing is ever taken away.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from claims_pipeline.clients.salesforce import reading
from claims_pipeline.clients.salesforce.connection import Connection
from claims_pipeline.clients.salesforce.refusals import RequestRefused
from claims_pipeline.errors import PermanentError

_ALREADY = "DUPLICATE_VALUE"


class NoSuchUser(PermanentError):
    """Users that the org does not have, or that are not active."""


class NoSuchPermissionSet(PermanentError):
    """Permission sets that the org does not have."""


@dataclass(frozen=True)
class Assignment:
    """One set and one user: whether it was given now, stood before, or was refused (`problem`)."""

    permission_set: str
    username: str
    given: bool = False
    problem: str | None = None


class PermissionSets:
    """The permission sets of one org, as the signed-in user may see and give them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def user_ids(self, usernames: Sequence[str]) -> dict[str, str]:
        """User name -> id. Raises NoSuchUser, which names all that are missing or inactive."""
        if not usernames:
            return {}
        soql = f"SELECT Id, Username FROM User WHERE IsActive = true AND Username IN ({_listed(usernames)})"
        found = {
            str(row["Username"]).casefold(): str(row["Id"]) for row in reading.query(self._connection, soql)
        }
        if missing := [name for name in usernames if name.casefold() not in found]:
            raise NoSuchUser(
                f"The org has no active user {', '.join(missing)}. Check the user names (in a sandbox they end in its "
                "name), then run again."
            )
        return {name: found[name.casefold()] for name in usernames}

    def set_ids(self, names: Sequence[str]) -> dict[str, str]:
        """Set -> id. Raises NoSuchPermissionSet, which names all that are missing."""
        if not names:
            return {}
        soql = f"SELECT Id, Name FROM PermissionSet WHERE Name IN ({_listed(names)})"
        found = {str(row["Name"]): str(row["Id"]) for row in reading.query(self._connection, soql)}
        if missing := [name for name in names if name not in found]:
            raise NoSuchPermissionSet(
                f"The org has no permission set {', '.join(missing)}: deploy it first (--what all)."
            )
        return found

    def assigned(self, user_id: str, names: Sequence[str]) -> set[str]:
        """Those of these sets that a user has."""
        soql = (
            f"SELECT PermissionSet.Name FROM PermissionSetAssignment WHERE AssigneeId = {reading.soql_text(user_id)} "
            f"AND PermissionSet.Name IN ({_listed(names)})"
        )
        return {str(row["PermissionSet"]["Name"]) for row in reading.query(self._connection, soql)}

    def assign(self, wanted: Sequence[tuple[str, str]]) -> Iterator[Assignment]:
        """Give sets to users, (set, user name) each; one answer each."""
        users = self.user_ids(sorted({username for _, username in wanted}))
        sets = self.set_ids(sorted({name for name, _ in wanted}))
        for name, username in wanted:
            if name in self.assigned(users[username], [name]):
                yield Assignment(name, username)
                continue
            body = {"AssigneeId": users[username], "PermissionSetId": sets[name]}
            try:
                self._connection.call(f"assign {name}", "POST", "sobjects/PermissionSetAssignment", body=body)
            except RequestRefused as refused:
                codes = [error.code for error in refused.errors]
                if _ALREADY in codes:
                    yield Assignment(name, username)
                else:
                    yield Assignment(name, username, problem=", ".join(codes) or "no reason given")
            else:
                yield Assignment(name, username, given=True)


def _listed(values: Sequence[str]) -> str:
    return ", ".join(reading.soql_text(value) for value in values)
