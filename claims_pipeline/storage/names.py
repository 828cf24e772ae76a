"""Names in the storage: where a fetch's reports and a dry run's files lie.

What belongs here: making such a name and reading one. Not here: the files (`place`), nor how long they
stay (`retention`).
"""

import re

DRY_RUN_PREFIX = "dry_run"
_OF_A_FETCH = re.compile(r"reports/(?P<customer>[^/]+)/(?P<sequence>\d{12})/[^/]+")


def report_name(customer: str, sequence: int | None, file_name: str) -> str:
    """The name of a file that is kept of a fetch; a dry run's (no sequence) lies apart."""
    folder = reports_of(customer) if sequence is None else f"{reports_of(customer)}/{sequence:012d}"
    return f"{DRY_RUN_PREFIX}/{folder}/{file_name}" if sequence is None else f"{folder}/{file_name}"


def reports_of(customer: str) -> str:
    """The folder of a customer's kept reports."""
    return f"reports/{customer}"


def sequence_of(name: str) -> int | None:
    """Of which fetch a kept file is; None where the name is none of ours."""
    found = _OF_A_FETCH.fullmatch(name)
    return int(found["sequence"]) if found else None
