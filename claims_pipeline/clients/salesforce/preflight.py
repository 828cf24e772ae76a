"""Before a row is sent: does the org's object have what a sync writes, may we write it, is the key a key?

What belongs here: judging a description against the fields that we want. Pure. One message names every problem.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from claims_pipeline.clients.salesforce.describe import MONEY_TYPES, FieldDescription, ObjectDescription
from claims_pipeline.clients.salesforce.refusals import OrgNotReady


class Holds(StrEnum):
    """What a field is to hold."""

    TEXT = "text"
    MONEY = "an amount with two decimals"
    DATE = "a date"
    INSTANT = "a date and time"
    CHOICE = "a choice"
    LINK = "a link to a payor"


_TYPES: Mapping[Holds, frozenset[str]] = {
    Holds.TEXT: frozenset({"string", "textarea"}),
    Holds.MONEY: MONEY_TYPES,
    Holds.DATE: frozenset({"date"}),
    Holds.INSTANT: frozenset({"datetime"}),
    Holds.CHOICE: frozenset({"picklist", "combobox", "string"}),
    Holds.LINK: frozenset({"reference"}),
}
_MONEY_SCALE = 2


@dataclass(frozen=True)
class WantedField:
    """A field that a sync would write. One that is not required is left out, with a warning, where it is not fit."""

    name: str
    holds: Holds
    required: bool = True
    at_least: int = 0
    values: tuple[str, ...] = ()


CLAIM_KEY = "Claim_Number__c"

CLAIM_FIELDS: tuple[WantedField, ...] = (
    WantedField(CLAIM_KEY, Holds.TEXT),
    WantedField("Name", Holds.TEXT),
    WantedField("MR_Number__c", Holds.TEXT),
    WantedField("DOS__c", Holds.DATE),
    WantedField("DOS_End__c", Holds.DATE),
    WantedField("Claim_Submitted_Date__c", Holds.DATE),
    WantedField("Charged_Amount__c", Holds.MONEY),
    WantedField("Paid_Amount__c", Holds.MONEY),
    WantedField("Total_BDP__c", Holds.MONEY),
    WantedField("Paid_Date__c", Holds.DATE),
    WantedField("Paid_Y_or_N__c", Holds.CHOICE, values=("Yes", "No")),
    WantedField("EFT_or_Paper_Check__c", Holds.TEXT),
    WantedField("Insurance_Authorization_Number__c", Holds.TEXT),
    WantedField("Payer__c", Holds.TEXT),
    WantedField("Claim_Payor__c", Holds.LINK),
    WantedField("Source_Customer__c", Holds.TEXT, required=False, at_least=8),
    WantedField("Source_Payor_Key__c", Holds.TEXT, required=False, at_least=255),
    WantedField("Source_Payor_Name__c", Holds.TEXT, required=False),
    WantedField("Source_Status__c", Holds.TEXT, required=False),
    WantedField("Source_Hash__c", Holds.TEXT, required=False, at_least=40),
    WantedField("Source_Synced_At__c", Holds.INSTANT, required=False),
    WantedField("Source_As_Of__c", Holds.INSTANT, required=False),
    WantedField("Source_Missing_Since__c", Holds.DATE, required=False),
)


@dataclass(frozen=True)
class ClaimShape:
    """What a sync may write to the org's claims.

    `writable` are the fields that exist and that we may write, the key among them. `missing` are those of ours that
    the org lacks. `lengths` bounds the text fields, in UTF-16 units. `warnings` are for people.
    """

    writable: frozenset[str]
    missing: tuple[str, ...]
    lengths: Mapping[str, int]
    warnings: tuple[str, ...]


def check_object(
    description: ObjectDescription,
    *,
    key: str = CLAIM_KEY,
    wanted: Collection[WantedField] = CLAIM_FIELDS,
    left_alone: Collection[str] = (),
) -> ClaimShape:
    """What may be written; raises OrgNotReady, which names every problem that would stop or spoil a sync."""
    problems = [*_object_problems(description), *_key_problems(description, key)]
    warnings: list[str] = []
    writable = {key}
    missing: list[str] = []
    for want in wanted:
        if want.name == key or want.name in left_alone:
            continue
        found = description.fields.get(want.name)
        trouble = _trouble(want, found)
        if trouble is None:
            writable.add(want.name)
        elif want.name == "Name" and found is not None and found.auto_number:
            warnings.append("Name is an auto-number in this org, so patients' names are not written to it.")
        elif want.required:
            problems.append(f"{want.name}: {trouble}")
        else:
            missing.append(want.name)
            warnings.append(f"{want.name}: {trouble}; the sync does without it.")
    if problems:
        raise OrgNotReady(description.name, problems)
    warnings += _demands(description, writable)
    lengths = {name: field.length for name, field in description.fields.items() if _is_text(field)}
    return ClaimShape(frozenset(writable), tuple(missing), lengths, tuple(warnings))


def _object_problems(description: ObjectDescription) -> Iterator[str]:
    denied = [
        word
        for word, may in (("create", description.createable), ("edit", description.updateable))
        if not may
    ]
    if denied:
        yield f"{description.name}: the integration user may not {' or '.join(denied)} records of it"


def _key_problems(description: ObjectDescription, key: str) -> Iterator[str]:
    found = description.fields.get(key)
    if found is None:
        yield f"{key} (the key): {_NOT_SEEN}"
        return
    if found.type != "string":
        yield f"{key} (the key): it must be a text field, and is {found.type}"
    if not found.external_id:
        yield f"{key} (the key): it is no External ID"
    if not found.unique:
        yield f"{key} (the key): it is not Unique (a claim could then stand twice, and upsert needs View All)"
    elif found.case_sensitive:
        yield f"{key} (the key): it must treat ABC and abc as duplicates (case-insensitive)"
    if not found.createable:
        yield f"{key} (the key): the integration user may not write it"


_NOT_SEEN = "it does not exist, or the integration user may not see it"


def _trouble(want: WantedField, found: FieldDescription | None) -> str | None:
    """Why the field cannot be written as wanted; None where it can."""
    if found is None:
        return _NOT_SEEN
    if found.type not in _TYPES[want.holds]:
        return f"it must hold {want.holds.value}, and is of type {found.type}"
    if not found.writable:
        return "the integration user may not create and edit it"
    if want.holds is Holds.MONEY and found.scale < _MONEY_SCALE:
        return f"it has {found.scale} decimals, and amounts need {_MONEY_SCALE}"
    if want.holds is Holds.LINK and found.reference_to and "Claim_Payor__c" not in found.reference_to:
        return "it must link to Claim_Payor__c"
    if _is_text(found) and found.length < want.at_least:
        return f"it holds {found.length} characters, and {want.at_least} are needed"
    lacking = [value for value in want.values if value not in found.choices]
    if found.type == "picklist" and found.restricted and lacking:
        return f"its choices lack {', '.join(lacking)}"
    return None


def _demands(description: ObjectDescription, writable: Collection[str]) -> Iterator[str]:
    """Fields that the org requires on a new record and that we do not send: every new claim would be refused."""
    for name, field in description.fields.items():
        asked = field.createable and not field.nillable and not field.defaulted and field.type != "boolean"
        if asked and not field.auto_number and name not in writable and name != "OwnerId":
            yield f"{name} is required in this org and not sent by the sync, so new claims may be refused."


def _is_text(field: FieldDescription) -> bool:
    return field.type in ("string", "textarea")
