"""Which way of signing in to Salesforce the settings mean: exactly one, and complete.

What belongs here: what the settings of signing in must be to each other. Not here: signing in.
"""

from dataclasses import dataclass

from claims_pipeline.settings.declared import DeclaredSettings, name_of
from claims_pipeline.settings.facts import SignIn
from claims_pipeline.settings.problems import Problems

LAST_API_VERSION_WITH_PASSWORD = 64.0


@dataclass(frozen=True)
class _Way:
    sign_in: SignIn
    marks: tuple[str, ...]
    """One of these set means this way."""
    needs: tuple[str, ...]


_WAYS = (
    _Way(SignIn.JWT_BEARER, ("private_key",), ("salesforce_username", "consumer_key", "private_key")),
    _Way(SignIn.CLIENT_CREDENTIALS, ("consumer_secret",), ("consumer_key", "consumer_secret")),
    _Way(
        SignIn.PASSWORD,
        ("salesforce_password", "security_token"),
        ("salesforce_username", "salesforce_password", "security_token"),
    ),
)


def sign_in_of(declared: DeclaredSettings, problems: Problems) -> SignIn | None:
    """The one way that is set. None when it can't be told; what is missing or too much goes to `problems`."""
    if declared.domain is None:
        problems.missing("domain")
    meant = [way for way in _WAYS if any(_is_given(declared, problems, mark) for mark in way.marks)]
    if not meant:
        if not problems.secret_is_unread:
            problems.add(f"No way of signing in to Salesforce is set: it should be {_list_of_ways()}")
        return None
    if len(meant) > 1:
        marks = [name_of(mark) for way in meant for mark in way.marks if _is_given(declared, problems, mark)]
        problems.add(
            f"{', '.join(marks)} belong to different ways of signing in to Salesforce: it should be {_list_of_ways()}"
        )
        return None
    way = meant[0]
    for needed in way.needs:
        if getattr(declared, needed) is None:
            problems.missing(needed)
    _check_way(way, declared, problems)
    return way.sign_in


def _is_given(declared: DeclaredSettings, problems: Problems, field: str) -> bool:
    return getattr(declared, field) is not None or problems.blames(field)


def _list_of_ways() -> str:
    ways = [" + ".join(name_of(field) for field in way.needs) for way in _WAYS]
    return f"exactly one of {'; or '.join(ways)}"


def _check_way(way: _Way, declared: DeclaredSettings, problems: Problems) -> None:
    if way.sign_in is SignIn.PASSWORD:
        if declared.consumer_key is not None:
            problems.wrong(
                "consumer_key", "is of no use when signing in by password; remove one or the other"
            )
        if float(declared.api_version) > LAST_API_VERSION_WITH_PASSWORD:
            problems.wrong(
                "api_version",
                f"is above {LAST_API_VERSION_WITH_PASSWORD}, the last that signs in by password",
            )
    if way.sign_in is SignIn.CLIENT_CREDENTIALS and declared.domain in ("login", "test"):
        problems.wrong(
            "domain", "must be a My Domain to sign in by client credentials (login and test refuse it)"
        )
