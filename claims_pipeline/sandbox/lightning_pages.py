"""Lightning's addresses, so that a link into the org leads somewhere: one record, a list view, the mapping page.

What belongs here: what stands there, as the sandbox's admin sees it, plainly. Not here: what Lightning looks like. A
record that is not there is said to be missing, as Salesforce does.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from claims_pipeline.sandbox.payor_page import web as payor_page
from claims_pipeline.sandbox.salesforce import metadata
from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.schema import FieldSchema, FieldType, ObjectSchema
from claims_pipeline.sandbox.salesforce.settings import ADMIN_USERNAME
from claims_pipeline.sandbox.salesforce.soql import execute

LARGEST_LIST = 200
_RECORD_ID = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?", re.ASCII)
_OPERATORS = {"equals": "=", "notEqual": "!=", "greaterThan": ">"}
_IN_QUOTES = (FieldType.STRING, FieldType.TEXT_AREA, FieldType.PICKLIST)
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
_PAGE = Environment(autoescape=True, trim_blocks=True).from_string(
    """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }} (sandbox)</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; margin: 1.5rem; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .3rem .8rem; border-bottom: 1px solid #8888; }
</style></head>
<body><main><h1>{{ title }}</h1>
<p>{{ words }}</p>
{% if rows %}
<table>
{% if columns %}<thead><tr>{% for each in columns %}<th scope="col">{{ each }}</th>{% endfor %}</tr></thead>{% endif %}
<tbody>
{% for head, cells, address in rows %}
<tr><th scope="row">{% if address %}<a href="{{ address }}">{{ head }}</a>{% else %}{{ head }}{% endif %}</th>
{% for cell in cells %}<td>{{ "" if cell is none else cell }}</td>{% endfor %}</tr>
{% endfor %}
</tbody></table>
{% endif %}
</main></body></html>
"""
)


@dataclass(frozen=True)
class ListView:
    """A list view of our metadata: its label, the fields it shows, the SOQL conditions it filters by."""

    label: str
    fields: tuple[str, ...]
    conditions: tuple[str, ...]


def routes(org: Org) -> list[Route]:
    """The pages of one org."""
    pages = _Pages(org)
    return [
        Route("/lightning/r/{object}/{id}/view", pages.record, methods=["GET"]),
        Route("/lightning/o/{object}/list", pages.list, methods=["GET"]),
        Route("/lightning/n/ClaimPayorMapping", pages.mapping, methods=["GET"]),
    ]


class _Pages:
    """What each address shows."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def mapping(self, _: Request) -> Response:
        """The tab on which payors are mapped."""
        return RedirectResponse(payor_page.ADDRESS)

    def record(self, request: Request) -> Response:
        """Every field of one record that has a value."""
        record_id = request.path_params["id"]
        found = self._object(request)
        if found is None or not _RECORD_ID.fullmatch(record_id):
            return _nothing()
        user, schema = found
        names = tuple(schema.fields)
        record = self._read(user, schema, names, (f"Id = '{record_id}'",), 1)
        if not record:
            return _nothing()
        cells = [
            (schema.fields[name].label, (value,), "")
            for name, value in zip(names, record[0], strict=False)
            if value is not None
        ]
        return _page(f"{schema.label} {record[0][names.index('Name')]}", "", rows=cells)

    def list(self, request: Request) -> Response:
        """The records of a list view; of a name that is none of ours, all of them by name."""
        found = self._object(request)
        if found is None:
            return _nothing()
        user, schema = found
        view = list_view(schema, request.query_params.get("filterName", ""))
        shown = [name for name in view.fields if schema.field(name) is not None]
        read = self._read(user, schema, ("Id", "Name", *shown), view.conditions, LARGEST_LIST)
        cells = [
            (row[1], row[2 : 2 + len(shown)], f"/lightning/r/{schema.name}/{row[0]}/view") for row in read
        ]
        labels = [schema.fields[name].label for name in shown]
        count = f"{LARGEST_LIST}+" if len(read) == LARGEST_LIST else str(len(read))
        return _page(view.label, f"{count} records", ("Name", *labels), cells)

    def _object(self, request: Request) -> tuple[User, ObjectSchema] | None:
        user = self._org.user(ADMIN_USERNAME)
        seen = None if user is None else self._org.seen_by(user, request.path_params["object"])
        return None if user is None or seen is None else (user, seen)

    def _read(
        self,
        user: User,
        schema: ObjectSchema,
        names: Sequence[str],
        conditions: Sequence[str],
        most: int,
    ) -> Sequence[Sequence[object]]:
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        soql = f"SELECT {', '.join(names)} FROM {schema.name}{where} ORDER BY Name LIMIT {most}"
        return execute(self._org, user, soql).cells(0, most)


def list_view(schema: ObjectSchema, name: str) -> ListView:
    """A list view of an object, read from our metadata; of an unknown name, every record by its name alone."""
    folder = metadata.place_of(metadata.OBJECTS_FOLDER) / schema.name / "listViews"
    path = next((each for each in sorted(folder.glob("*.xml")) if each.name.split(".")[0] == name), None)
    return ListView(f"{schema.label}: all", (), ()) if path is None else _read_view(path, schema)


def _read_view(path: Path, schema: ObjectSchema) -> ListView:
    root = metadata.parse(path)
    columns = [each.text or "" for each in root.findall(f"{metadata.NAMESPACE}columns")]
    return ListView(
        label=root.findtext(f"{metadata.NAMESPACE}label", ""),
        fields=tuple(name for name in columns if name != "NAME"),
        conditions=tuple(_condition(each, schema) for each in root.findall(f"{metadata.NAMESPACE}filters")),
    )


def _condition(stated: ElementTree.Element, schema: ObjectSchema) -> str:
    """A filter as SOQL; without a value it asks for blank."""
    name = stated.findtext(f"{metadata.NAMESPACE}field", "")
    value = stated.findtext(f"{metadata.NAMESPACE}value", "")
    field: FieldSchema = schema.fields[name]
    literal = "null" if not value else f"'{value}'" if field.type in _IN_QUOTES else value
    return f"{name} {_OPERATORS[stated.findtext(f'{metadata.NAMESPACE}operation', '')]} {literal}"


def _page(
    title: str,
    words: str,
    columns: Sequence[str] = (),
    rows: Sequence[tuple[object, object, str]] = (),
    status: int = 200,
) -> Response:
    shown = _PAGE.render(title=title, words=words, columns=columns, rows=rows)
    return HTMLResponse(shown, status, headers=_HEADERS)


def _nothing() -> Response:
    return _page("Not found", "This record or object is not in the org.", status=404)
