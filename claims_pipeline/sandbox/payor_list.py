"""The payors of the sandbox: names as billers key them, and the records that an org might hold for them.

What belongs here: the list, with all its stray spaces and shared ids, and `Claim_Payor__c` records made from it. Not
here: which payor a claim has (`invented`), nor how one is matched (that is what the sandbox is there to try).
"""

import csv
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from random import Random
from typing import NamedTuple

NAME_LENGTH = 80
SELF_PAY = "SELF PAY"


class ListedPayor(NamedTuple):
    """A payor as a clearinghouse's public list writes it, mess included."""

    name: str
    payor_id: str


@cache
def listed_payors() -> tuple[ListedPayor, ...]:
    """The whole list, in its own order."""
    text = (files("claims_pipeline.sandbox") / "data" / "payors.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(ListedPayor(row["name"], row["id"]) for row in rows)


def payor_records(seed: int, payors: Sequence[ListedPayor] | None = None) -> list[dict[str, str | None]]:
    """`Claim_Payor__c` records (`Name`, `Payor_ID__c`) as people would have made them over the years.

    Of the list's payors about a half stand with their id in its own field, a quarter as `NAME (#id)` or `NAME (id)`, a
    few by name alone or by id under another name, some twice (ambiguous), and an eighth not at all (unmapped).
    """
    rng = Random(f"payor records {seed}")  # noqa: S311 - invented data, no secret
    return [
        record
        for payor in (payors if payors is not None else listed_payors())
        for record in _records_of(payor, rng.random())
    ]


def _records_of(payor: ListedPayor, draw: float) -> Iterator[dict[str, str | None]]:
    name = " ".join(payor.name.replace("\u200b", "").split())
    payor_id = payor.payor_id.strip()
    if draw < 0.125:
        return
    if draw < 0.25 and len(f"{name} (#{payor_id})") <= NAME_LENGTH:
        yield {"Name": f"{name} (#{payor_id})", "Payor_ID__c": None}
    elif draw < 0.375 and len(f"{name} ({payor_id})") <= NAME_LENGTH:
        yield {"Name": f"{name.upper()} ({payor_id})", "Payor_ID__c": None}
    elif draw < 0.42:
        yield {"Name": name[:NAME_LENGTH].strip(), "Payor_ID__c": None}
    elif draw < 0.46:
        yield {"Name": f"Payor {payor_id}", "Payor_ID__c": payor_id}
    else:
        yield {"Name": name[:NAME_LENGTH].strip(), "Payor_ID__c": payor_id}
        if draw > 0.95:
            yield {"Name": name[:NAME_LENGTH].strip().upper(), "Payor_ID__c": payor_id}
