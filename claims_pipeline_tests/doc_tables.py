"""The tables in the docs, made from the code: `python -m claims_pipeline_tests.doc_tables` writes them anew.

What belongs here: every table of the docs that lists what the code knows. `test_docs` fails when one is out of date.
"""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.beside.table import Line
from bench.bounds import Figure
from claims_pipeline.alerts.kinds import WORDS as ALERTS
from claims_pipeline.claims import compare
from claims_pipeline.claims.columns import COLUMNS, KNOWN_BUT_NOT_CARRIED, Kind
from claims_pipeline.claims.outcomes import PLAIN_WORDS
from claims_pipeline.cli.exits import Exit, meaning_of
from claims_pipeline.sandbox.salesforce.metadata import read_schema
from claims_pipeline.sandbox.salesforce.schema import FieldSchema, FieldType
from claims_pipeline.settings import describe_settings
from claims_pipeline.sync.plain_words import ALL_WORDS
from claims_pipeline_tests.paths import REPOSITORY
from claims_pipeline_tests.privacy.codings import CODINGS
from claims_pipeline_tests.privacy.failures import FAILURES
from claims_pipeline_tests.privacy.sinks import PRIVATE, SINKS
from claims_pipeline_tests.privacy.stage import DOORS

_KINDS = {
    Kind.KEY: "text; the key",
    Kind.REFERENCE: "text; too long is rejected",
    Kind.LABEL: "text; cut to length",
    Kind.NAME: "text; cut to length",
    Kind.MONEY: "US dollars, exact, 2 decimals",
    Kind.DATE: "date, no zone",
}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines = [head, ["---"] * len(head), *escaped]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _salesforce_type(found: FieldSchema) -> str:
    if found.type is FieldType.STRING:
        marks = (", external id" if found.external_id else "") + (", unique" if found.unique else "")
        return f"Text({found.length}){marks}"
    if found.type is FieldType.CURRENCY:
        return f"Currency({found.precision - found.scale},{found.scale})"
    if found.type is FieldType.PICKLIST:
        return f"Picklist {'/'.join(found.picklist)}"
    if found.type is FieldType.REFERENCE:
        return f"Lookup({found.reference_to[0]})"
    return {FieldType.DATE: "Date", FieldType.DATETIME: "Date/Time"}.get(found.type, found.type.value)


def _owner(name: str) -> str:
    if name == compare.LOOKUP_FIELD:
        return "shared"
    return "stamp" if name in compare.STAMP_FIELDS else "source"


def report_columns() -> str:
    """Report column -> claim -> Salesforce field."""
    rows = [
        (
            f"`{column.field}`",
            ", ".join(f"`{label}`" for label in column.labels),
            "yes" if column.required else "no",
            _KINDS[column.kind],
            f"`{column.salesforce}`" if column.salesforce else "(tells charge lines apart)",
        )
        for column in COLUMNS
    ]
    return _table(("field", "labels in the report", "required", "read as", "Salesforce field"), rows)


def claim_fields() -> str:
    """Every field of Claim__c that we write."""
    schema = read_schema().object("Claim__c")
    assert schema is not None
    rows = []
    for name in (*compare.REQUIRED_FIELDS, *compare.OPTIONAL_FIELDS):
        found = schema.field(name)
        assert found is not None, name
        rows.append((f"`{name}`", found.label, _salesforce_type(found), _owner(name), found.help_text or ""))
    return _table(("field", "label", "type", "owner", "meaning"), rows)


def not_carried() -> str:
    """Labels that we know and leave where they are."""
    return ", ".join(f"`{label}`" for label in KNOWN_BUT_NOT_CARRIED)


def rejections() -> str:
    """Why rows are rejected, in order of precedence."""
    return _table(("code", "meaning"), [(f"`{code.value}`", words) for code, words in PLAIN_WORDS.items()])


def plain_words() -> str:
    """What each rule, reason and code of Salesforce's means, and what to do."""
    rows = [(f"`{code}`", words.wrong, words.to_do) for code, words in ALL_WORDS.items()]
    return _table(("code", "what is wrong", "what to do"), rows)


def settings() -> str:
    """Every setting of the environment."""
    rows = [
        (
            " or ".join(f"`{name}`" for name in (each.name, *each.also)),
            f"`{each.default}`" if each.default else "",
            each.meaning,
            each.shape,
        )
        for each in describe_settings()
    ]
    return _table(("name", "default", "meaning", "looks like"), rows)


def alerts() -> str:
    """What people are told of without asking."""
    rows = [
        (f"{words.title} (`{kind.value}`)", words.looks_like, words.heals, words.to_do)
        for kind, words in ALERTS.items()
    ]
    return _table(("event", "what it looks like", "heals by itself", "what to do"), rows)


def exit_codes() -> str:
    """What the command line's exit codes say."""
    return _table(("code", "meaning"), [(str(code.value), meaning_of(code)) for code in Exit])


def figures() -> str:
    """What `make bench` last kept in `bench/figures.json`."""
    kept = json.loads((REPOSITORY / "bench" / "figures.json").read_text())
    rows = [
        (each.work, each.name, each.number, "" if each.most is None else f"{each.most:g}", each.verdict)
        for each in (Figure(**found) for found in kept["figures"])
    ]
    return f"{kept['machine']}; {kept['on']}\n\n" + _table(
        ("work", "figure", "measured", "at most", ""), rows
    )


def beside() -> str:
    """What `python -m bench.beside` last kept: ours, and what people would use instead."""
    lines = [Line(**found) for found in json.loads((REPOSITORY / "bench" / "beside.json").read_text())]
    rows = [
        (
            line.name,
            f"{'about ' if line.is_scaled else ''}{line.seconds:,.0f} s ({line.seconds / lines[0].seconds:.1f})",
            f"{line.peak_mib:,.0f} MiB",
            f"{line.api_calls:,}",
            f"{line.taken:,} of {line.carried - line.refused:,}",
            line.verdict,
        )
        for line in lines
    ]
    head = ("way", "time (to ours)", "memory", "API calls", "arrived", "of the 1 % that the org refuses")
    return _table(head, rows)


def _listed(names: Iterable[str]) -> str:
    return "\n".join(f"- {name}" for name in names)


def private_places() -> str:
    """Where claims may stand."""
    return _listed(PRIVATE)


def searched_places() -> str:
    """Every sink that `make privacy` reads."""
    return _listed(sink.name for sink in SINKS)


def recognised_forms() -> str:
    """Every coding that the search is tried on."""
    return ", ".join(CODINGS)


def driven_failures() -> str:
    """Everything that goes wrong in `make privacy`."""
    of_all = set(DOORS)
    return _listed(
        each.name if set(each.doors) == of_all else f"{each.name} ({', '.join(each.doors)} alone)"
        for each in FAILURES
    )


TABLES = {
    "docs/privacy.md": {
        "private": private_places,
        "sinks": searched_places,
        "codings": recognised_forms,
        "failures": driven_failures,
    },
    "docs/performance.md": {"figures": figures, "beside": beside},
    "docs/fields.md": {
        "report-columns": report_columns,
        "claim-fields": claim_fields,
        "not-carried": not_carried,
        "rejections": rejections,
    },
    "docs/operations.md": {"alerts": alerts},
    "docs/salesforce-admin.md": {"plain-words": plain_words},
    "docs/settings.md": {"settings": settings, "exit-codes": exit_codes},
}


def rendered(path: Path, name: str) -> str:
    """The document with its tables made anew."""
    text = path.read_text()
    for marker, make in TABLES[name].items():
        block = re.compile(rf"(<!-- {marker} -->\n).*?(<!-- /{marker} -->)", re.DOTALL)
        assert block.search(text), f"{name} has no place for {marker}"
        made = make()
        text = block.sub(lambda found, made=made: f"{found[1]}{made}\n{found[2]}", text)  # type: ignore[misc]
    return text


def main() -> None:
    """Write every table."""
    for name in TABLES:
        path = REPOSITORY / name
        path.write_text(rendered(path, name))


if __name__ == "__main__":
    main()
