"""The org's side: told what to refuse before a run, asked what it holds after it.

Not here: what a contender says of the same rows (`told`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests

from bench.beside.book import KEY

REFUSAL = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
_MESSAGE = "Refused by a validation rule of the org."
_KEYS_A_QUERY = 200
_API = "/services/data/v59.0"


@dataclass(frozen=True)
class Standing:
    """What the org holds after a run."""

    claims: int
    refused_claims: int
    """Those of its claims that it was told to refuse: none, if it did."""
    jobs: tuple[str, ...]
    """Ids of all Bulk jobs that it was given."""


class Org:
    """One sandbox's Salesforce."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._url = environment["SALESFORCE_DOMAIN"]
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.verify = environment["CLAIMS_CA_BUNDLE"]
        told = self._post("sign-in", {"as": environment["SALESFORCE_USERNAME"]})
        self._http.headers["Authorization"] = f"Bearer {told['access_token']}"

    def refuse(self, claim_numbers: Sequence[str]) -> None:
        """Refuse these claims, for ever and whoever sends them."""
        for number in claim_numbers:
            self._post(
                "refusals", {"object": "Claim__c", "key": number, "code": REFUSAL, "message": _MESSAGE}
            )

    def standing(self, refused: Sequence[str]) -> Standing:
        """What it holds now."""
        there = 0
        for first in range(0, len(refused), _KEYS_A_QUERY):
            keys = ", ".join(f"'{key}'" for key in refused[first : first + _KEYS_A_QUERY])
            there += self._count(f" WHERE {KEY} IN ({keys})")
        return Standing(self._count(""), there, tuple(self._jobs()))

    def _count(self, where: str) -> int:
        asked = {"q": f"SELECT COUNT() FROM Claim__c{where}"}
        return int(self._get(f"{_API}/query", asked)["totalSize"])

    def _jobs(self) -> list[str]:
        found: list[str] = []
        path: str | None = f"{_API}/jobs/ingest"
        while path:
            page = self._get(path)
            found += [str(job["id"]) for job in page["records"]]
            path = page.get("nextRecordsUrl")
        return found

    def _get(self, path: str, asked: Mapping[str, str] | None = None) -> dict[str, Any]:
        answer = self._http.get(f"{self._url}{path}", params=asked, timeout=600)
        answer.raise_for_status()
        return dict(answer.json())

    def _post(self, act: str, given: Mapping[str, object]) -> dict[str, Any]:
        answer = self._http.post(f"{self._url}/sandbox/{act}", json=given, timeout=60)
        answer.raise_for_status()
        return dict(answer.json())
