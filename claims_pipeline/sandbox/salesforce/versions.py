"""The API versions that the org speaks, and how Salesforce names them.

What belongs here: which versions there are. Not here: what differs between them (each surface says that itself).
"""

OLDEST, NEWEST = 31, 68
LAST_RETIRED = 30
LAST_WITH_SOAP_LOGIN = 64


def listed() -> list[dict[str, str]]:
    """Every version as `GET /services/data` lists it."""
    return [
        {"label": _label(number), "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
        for number in range(OLDEST, NEWEST + 1)
    ]


def number_of(version: str) -> int | None:
    """59 of "59.0"; None of what is no version."""
    whole, _, rest = version.partition(".")
    return int(whole) if whole.isascii() and whole.isdigit() and rest == "0" else None


def _label(number: int) -> str:
    """Three releases a year: 66 is Spring '26, 67 Summer '26, 68 Winter '27."""
    season = ("Spring", "Summer", "Winter")[number % 3]
    year = (number - 66) // 3 + 26 + (1 if season == "Winter" else 0)
    return f"{season} '{year:02d}"
