"""Phrases: how counts, dollars and lists of claim ids are said to people, everywhere alike.

What belongs here: pieces of lines. Not here: the lines (`summary`, `reconciliation.told`).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

SHOWN = 8
"""So many ids or places of a group are named in a line; the rest are counted."""

AMOUNT_WORDS = {"Charged_Amount__c": "charged", "Paid_Amount__c": "paid", "Total_BDP__c": "balance"}
"""What people call the amount of a Salesforce field."""


def line(count: int, words: str, *, indent: int = 0) -> str:
    """A count in its column, and what it counts."""
    return f"{count:>12,}  {' ' * indent}{words}"


def dollars_text(amount: Decimal) -> str:
    """`$1,234.50`, `-$12.00`."""
    return f"{'-' if amount < 0 else ''}${abs(amount):,.2f}"


def amounts(by_field: Mapping[str, Decimal]) -> str:
    """`$100.00 charged, $40.00 paid, $60.00 balance`."""
    return ", ".join(f"{dollars_text(amount)} {AMOUNT_WORDS[field]}" for field, amount in by_field.items())


def listed(items: Sequence[str], count: int) -> str:
    """Some of `count` items, and how many more there are."""
    return ", ".join(items) + (f" and {count - len(items)} more" if count > len(items) else "")
