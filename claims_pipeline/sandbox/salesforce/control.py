"""What a person or a test may do to the org beside Salesforce's own API: `/sandbox/...`.

What belongs here: switching scripts on, acting as another user, changing what the org has. Not here: faults of the
connection and the access log, which stand around the app (`sandbox.faults`).
"""

from collections.abc import Callable, Mapping

from claims_pipeline.errors import PermanentError
from claims_pipeline.sandbox.salesforce.bulk_api import BulkApi
from claims_pipeline.sandbox.salesforce.metadata_api.deployments import Deployments, script_of
from claims_pipeline.sandbox.salesforce.org import NoSuchObject, Org
from claims_pipeline.sandbox.salesforce.people import FieldAccess, User
from claims_pipeline.sandbox.salesforce.rows import ROWS_A_TRANSACTION, RowError, RowResult
from claims_pipeline.sandbox.salesforce.scripts import Refusal, Rewrite, ScriptError, Trigger

Given = Mapping[str, object]


class Control:
    """One org's controls. Each takes a JSON object and gives back what goes out as JSON."""

    def __init__(self, org: Org, bulk: BulkApi, deployments: Deployments) -> None:
        self._org = org
        self._deployments = deployments
        self._acts: dict[str, Callable[[Given], object]] = {
            "write": self.write,
            "sign-in": self.sign_in,
            "triggers": self.trigger,
            "locks": self.lock,
            "refusals": self.refuse,
            "scripts/clear": self.clear_scripts,
            "field-access": self.field_access,
            "fields/drop": self.drop_field,
            "objects/drop": self.drop_object,
            "sessions/expire": self.expire_sessions,
            "users/unlock": self.unlock_users,
            "quota": self.quota,
            "bulk": bulk.set_script,
            "addresses": self.addresses,
            "tokens": self.tokens,
            "deployments": self.script_deployments,
        }

    def act(self, name: str, given: Given) -> object:
        """Do what `POST /sandbox/{name}` asks. Raises ScriptError (what is wrong with it), KeyError (no such act)."""
        act = self._acts[name.strip("/")]
        try:
            return act(given)
        except ScriptError:
            raise
        except (PermanentError, ValueError, TypeError) as error:
            raise ScriptError(f"{name}: {error}") from None

    def acts(self) -> list[str]:
        """What there is to be done."""
        return sorted(self._acts)

    def records(self, object_name: str) -> list[dict[str, object]]:
        """Every record of an object, deleted ones too, as stored."""
        return [dict(found) for found in self._org.records(object_name)]

    def write(self, given: Given) -> object:
        """`{"as", "object", "operation": insert|update|upsert|delete, "key"?, "rows"}`: as another user."""
        user, name = self._user(given), self._object(given)
        rows = given.get("rows")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ScriptError("`rows` must be a list of objects.")
        results: list[RowResult] = []
        for start in range(0, len(rows), ROWS_A_TRANSACTION):
            part = rows[start : start + ROWS_A_TRANSACTION]
            match given.get("operation", "update"):
                case "insert":
                    results += self._org.insert(user, name, part)
                case "update":
                    results += self._org.update(user, name, part)
                case "upsert":
                    results += self._org.upsert(user, name, _text(given, "key"), part)
                case "delete":
                    results += self._org.delete(user, name, [_text(row, "Id") for row in part])
                case other:
                    raise ScriptError(f"`operation` cannot be {other!r}: insert, update, upsert or delete.")
        return [_told(result) for result in results]

    def sign_in(self, given: Given) -> object:
        """`{"as"}`: a session of this user, without a password."""
        return {"access_token": self._org.sessions.open(self._user(given)).token}

    def trigger(self, given: Given) -> object:
        """`{"object", "field", "rewrite": upper|lower|prefix|suffix|set, "text"?}`: switch a trigger on."""
        name = self._object(given)
        field = self._field(name, _text(given, "field"))
        rewrite = Rewrite(_text(given, "rewrite"))
        self._org.scripts.triggers.append(Trigger(name, field, rewrite, _text(given, "text", "")))
        return {"triggers": len(self._org.scripts.triggers)}

    def lock(self, given: Given) -> object:
        """`{"object", "key", "times"?}`: the record with this id, external id or lookup is locked so many times."""
        self._org.scripts.lock(self._object(given), _text(given, "key"), _number(given, "times", 1))
        return {}

    def refuse(self, given: Given) -> object:
        """`{"object", "key", "code"?, "message"?, "fields"?, "times"?}`: refuse a record; for ever without `times`."""
        fields = given.get("fields", [])
        error = RowError(
            _text(given, "code", "FIELD_CUSTOM_VALIDATION_EXCEPTION"),
            _text(given, "message", "Refused by a validation rule of the org."),
            tuple(map(str, fields)) if isinstance(fields, list) else (str(fields),),
        )
        times = _number(given, "times", 1) if "times" in given else None
        self._org.scripts.refusals.append(Refusal(self._object(given), _text(given, "key"), error, times))
        return {}

    def clear_scripts(self, _: Given) -> object:
        """Switch every trigger, lock and refusal off."""
        self._org.scripts.clear()
        return {}

    def field_access(self, given: Given) -> object:
        """`{"as"?, "object", "field", "access": edit|readonly|hidden}`: for one user, or for all."""
        access = FieldAccess(_text(given, "access"))
        users = [self._user(given)] if "as" in given else self._org.settings.users
        for user in users:
            self._org.set_access(user, self._object(given), _text(given, "field"), access)
        return {}

    def drop_field(self, given: Given) -> object:
        """`{"object", "field"}`: the org has no such field any more."""
        self._org.drop_field(self._object(given), _text(given, "field"))
        return {}

    def drop_object(self, given: Given) -> object:
        """`{"object"}`: the org has no such object any more."""
        self._org.drop_object(self._object(given))
        return {}

    def expire_sessions(self, _: Given) -> object:
        """End every session."""
        return {"ended": self._org.sessions.expire_all()}

    def unlock_users(self, _: Given) -> object:
        """Let users in again who were locked out by wrong passwords."""
        self._org.doorkeeper.unlock()
        return {}

    def quota(self, given: Given) -> object:
        """`{"used"?, "max"?}`: the day's API requests."""
        self._org.api_requests_used = _number(given, "used", self._org.api_requests_used)
        self._org.daily_api_requests = _number(given, "max", self._org.daily_api_requests)
        return {"used": self._org.api_requests_used, "max": self._org.daily_api_requests}

    def addresses(self, given: Given) -> object:
        """`{"trusted"?, "restricted"?}`: is the caller's network trusted, does the profile forbid its address?"""
        doorkeeper = self._org.doorkeeper
        doorkeeper.trusted_network = _flag(given, "trusted", doorkeeper.trusted_network)
        doorkeeper.restricted = _flag(given, "restricted", doorkeeper.restricted)
        return {"trusted": doorkeeper.trusted_network, "restricted": doorkeeper.restricted}

    def tokens(self, given: Given) -> object:
        """`{"jwt": true|false}`: OAuth hands out JWTs, which SOAP refuses, or opaque tokens."""
        self._org.sessions.jwt_tokens = _flag(given, "jwt", self._org.sessions.jwt_tokens)
        return {"jwt": self._org.sessions.jwt_tokens}

    def script_deployments(self, given: Given) -> object:
        """`{"fail_tests"?, "fail_components"?, "coverage_warnings"?, "polls"?, "cancel"?}`: what deployments meet."""
        try:
            self._deployments.script = script_of(given)
        except KeyError as error:
            raise ScriptError(f"deployments: an entry lacks {error}.") from None
        return {"deployments": len(self._deployments.all())}

    def _user(self, given: Given) -> User:
        username = _text(given, "as")
        user = self._org.user(username)
        if user is None:
            known = ", ".join(found.username for found in self._org.settings.users)
            raise ScriptError(f"`as` names no user of the org; there are {known}.")
        return user

    def _object(self, given: Given) -> str:
        name = _text(given, "object")
        found = self._org.schema.object(name)
        if found is None:
            raise NoSuchObject(f"The org has no object {name!r}.")
        return found.name

    def _field(self, object_name: str, name: str) -> str:
        schema = self._org.schema.object(object_name)
        found = None if schema is None else schema.field(name)
        if found is None or not found.stored:
            raise ScriptError(f"{object_name} has no field {name!r} that a trigger could write.")
        return found.name


def _text(given: Given, name: str, default: str | None = None) -> str:
    found = given.get(name, default)
    if not isinstance(found, str):
        raise ScriptError(f"`{name}` must be given as text.")
    return found


def _flag(given: Given, name: str, default: bool) -> bool:
    found = given.get(name, default)
    if not isinstance(found, bool):
        raise ScriptError(f"`{name}` must be true or false.")
    return found


def _number(given: Given, name: str, default: int) -> int:
    found = given.get(name, default)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise ScriptError(f"`{name}` must be a whole number.")
    return found


def _told(result: RowResult) -> dict[str, object]:
    errors = [
        {"code": error.code, "message": error.message, "fields": list(error.fields)}
        for error in result.errors
    ]
    return {"id": result.id, "success": result.success, "created": result.created, "errors": errors}
