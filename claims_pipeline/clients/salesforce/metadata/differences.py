"""What of ours an org lacks, has changed, or hides from the integration user.

What belongs here: the comparison, and its words. Pure: what was seen of the org is handed in. Not here: asking it
(`client`), nor printing (`cli`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from claims_pipeline.clients.salesforce.describe import FieldDescription, ObjectDescription
from claims_pipeline.clients.salesforce.metadata.definitions import Definitions, FieldDefinition
from claims_pipeline.clients.salesforce.metadata.scope import OUR_FIELDS, THE_PREDECESSORS


class Kind(StrEnum):
    """How something stands."""

    MISSING = "missing"
    NOT_SEEN = "not seen"
    HIDDEN = "hidden"
    READ_ONLY = "read-only"
    CHANGED = "changed"
    LARGER = "larger"

    @property
    def is_harmless(self) -> bool:
        """Whether nothing need be done."""
        return self is Kind.LARGER


@dataclass(frozen=True)
class Difference:
    """One object or field that is not as ours, and what to do."""

    kind: Kind
    name: str
    words: str


@dataclass(frozen=True)
class Seen:
    """What was seen of an org. `there` and `by_admin` are None and empty without an admin's sign-in.

    `there` names every custom object and `Object.Field` of the org, whoever may see it.
    """

    by_integration: Mapping[str, ObjectDescription | None]
    integration_user: str
    by_admin: Mapping[str, ObjectDescription | None] = field(default_factory=dict)
    there: frozenset[str] | None = None


def differences(definitions: Definitions, seen: Seen) -> Iterator[Difference]:
    """Everything that is not as ours, object after object."""
    for name in definitions.objects:
        described = seen.by_integration.get(name)
        if described is None:
            yield from _object_unseen(name, definitions, seen)
        if described is not None or (seen.there is not None and name in seen.there):
            for wanted in definitions.of(name):
                yield from _field(wanted, definitions, seen, object_is_seen=described is not None)


def untold(definitions: Definitions, seen: Seen) -> list[str]:
    """The fields that nothing can be said of: the integration user is not granted them, and no admin looked."""
    if seen.there is not None:
        return []
    return [
        wanted.full_name
        for wanted in definitions.fields
        if (described := seen.by_integration.get(wanted.object_name)) is not None
        and wanted.name not in described.fields
        and not _is_granted(wanted, definitions)
    ]


def _object_unseen(name: str, definitions: Definitions, seen: Seen) -> Iterator[Difference]:
    if seen.there is not None and name not in seen.there:
        yield Difference(Kind.MISSING, name, f"the org has no such object. {_DEPLOY}")
    elif definitions.grants is not None and name not in definitions.grants.objects:
        return
    elif seen.there is None:
        yield Difference(
            Kind.NOT_SEEN,
            name,
            f"the org has no such object, or hides it from {seen.integration_user}. {_DEPLOY} Or {_ASSIGN}",
        )
    else:
        yield Difference(
            Kind.HIDDEN, name, f"it is there, and hidden from {seen.integration_user}: {_ASSIGN}"
        )


_DEPLOY = "Run `claims-pipeline salesforce deploy`."
_ASSIGN = "assign him the permission set of the integration (`salesforce deploy --assign`)."


def _field(
    wanted: FieldDefinition, definitions: Definitions, seen: Seen, *, object_is_seen: bool
) -> Iterator[Difference]:
    by_integration = _seen_field(seen.by_integration, wanted)
    found = by_integration or _seen_field(seen.by_admin, wanted)
    if found is not None:
        yield from _changes(wanted, found)
    if by_integration is None:
        yield from _field_unseen(wanted, definitions, seen, object_is_seen=object_is_seen)
    elif _may_write(wanted, definitions) and not by_integration.writable:
        words = f"{seen.integration_user} may read it, and not write it: {_ASSIGN}"
        yield Difference(Kind.READ_ONLY, wanted.full_name, words)


def _field_unseen(
    wanted: FieldDefinition, definitions: Definitions, seen: Seen, *, object_is_seen: bool
) -> Iterator[Difference]:
    name = wanted.full_name
    if seen.there is not None and name not in seen.there:
        yield Difference(Kind.MISSING, name, f"the org has no such field. {_to_add(wanted)}")
    elif not _is_granted(wanted, definitions) or not object_is_seen:
        return
    elif seen.there is None:
        words = f"the org has no such field, or hides it from {seen.integration_user}. {_to_add(wanted)} Or {_ASSIGN}"
        yield Difference(Kind.NOT_SEEN, name, words)
    else:
        yield Difference(
            Kind.HIDDEN, name, f"it is there, and hidden from {seen.integration_user}: {_ASSIGN}"
        )


def _to_add(wanted: FieldDefinition) -> str:
    """The predecessor's fields are the customer's: a deployment does not make them."""
    if wanted.object_name in THE_PREDECESSORS and not wanted.name.startswith(OUR_FIELDS):
        return f"It is of the customer's own object, which we do not change: add it in Setup ({_in_words(wanted)})."
    return _DEPLOY


def _in_words(wanted: FieldDefinition) -> str:
    size = f" of {wanted.length}" if wanted.length else ""
    digits = f" of {wanted.precision - wanted.scale} + {wanted.scale} digits" if wanted.precision else ""
    keys = [word for word, is_so in (("external id", wanted.external_id), ("unique", wanted.unique)) if is_so]
    to = f" to {wanted.reference_to}" if wanted.reference_to else ""
    return ", ".join([f"{wanted.type}{size}{digits}{to}", *keys])


def _is_granted(wanted: FieldDefinition, definitions: Definitions) -> bool:
    """Whether the integration user should see it: required fields are seen by all."""
    if definitions.grants is None or wanted.required:
        return True
    return wanted.full_name in definitions.grants.fields


def _may_write(wanted: FieldDefinition, definitions: Definitions) -> bool:
    if wanted.formula:
        return False
    return definitions.grants is None or definitions.grants.fields.get(wanted.full_name, False)


def _seen_field(
    described: Mapping[str, ObjectDescription | None], wanted: FieldDefinition
) -> FieldDescription | None:
    found = described.get(wanted.object_name)
    return None if found is None else found.fields.get(wanted.name)


def _changes(wanted: FieldDefinition, found: FieldDescription) -> Iterator[Difference]:
    """How the org's field differs from ours, each difference told apart."""
    if found.type != wanted.type:
        words = (
            f"it is of type {found.type}, and ours of type {wanted.type}; a type is changed by hand, in Setup"
        )
        yield Difference(Kind.CHANGED, wanted.full_name, words)
        return
    yield from _sizes(wanted, found)
    for word, ours, theirs in (
        ("External ID", wanted.external_id, found.external_id),
        ("Unique", wanted.unique, found.unique),
        ("required", wanted.required, not found.nillable and wanted.type != "boolean"),
        ("case-sensitive", wanted.case_sensitive, found.case_sensitive and found.unique),
    ):
        if ours != theirs:
            words = f"it is {'not ' if ours else ''}{word}, and ours is{'' if ours else ' not'}"
            yield Difference(Kind.CHANGED, wanted.full_name, words)
    if lacking := [value for value in wanted.choices if value not in found.choices]:
        yield Difference(Kind.CHANGED, wanted.full_name, f"its choices lack {', '.join(lacking)}")
    if more := [value for value in found.choices if wanted.choices and value not in wanted.choices]:
        yield Difference(Kind.LARGER, wanted.full_name, f"it has {len(more)} choice(s) more than ours")
    if wanted.reference_to and wanted.reference_to not in found.reference_to:
        words = f"it leads to {', '.join(found.reference_to)}, and ours to {wanted.reference_to}"
        yield Difference(Kind.CHANGED, wanted.full_name, words)
    if _plain(wanted.formula) != _plain(found.formula or ""):
        yield Difference(Kind.CHANGED, wanted.full_name, f"its formula is another. {_DEPLOY}")


def _sizes(wanted: FieldDefinition, found: FieldDescription) -> Iterator[Difference]:
    for word, ours, theirs in (
        ("characters", wanted.length, found.length),
        ("digits", wanted.precision, found.precision),
        ("decimals", wanted.scale, found.scale),
    ):
        if ours and theirs != ours:
            kind = Kind.CHANGED if theirs < ours else Kind.LARGER
            yield Difference(kind, wanted.full_name, f"it holds {theirs} {word}, and ours {ours}")


def _plain(formula: str) -> str:
    return " ".join(formula.split())
