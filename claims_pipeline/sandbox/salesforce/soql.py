"""Running a query: SOQL in, records as Salesforce's JSON out.

What belongs here: executing a plan over the org's SQLite and shaping what it finds. Not here: paging over HTTP, CSV
(`bulk_query`), nor what a query means (`soql_grammar`, `soql_names`, `soql_filters`, `soql_compile`).

A result of records is a snapshot of *which* records were found, in their order; their values are read as they are
handed out, a slice at a time, so that a result of any size costs eighteen bytes a record.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from claims_pipeline.sandbox.salesforce.formula_values import Moment
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.schema import FieldType, ObjectSchema, OrgSchema
from claims_pipeline.sandbox.salesforce.soql_compile import Children, Column, Plan, compile_query
from claims_pipeline.sandbox.salesforce.soql_errors import SoqlError
from claims_pipeline.sandbox.salesforce.soql_grammar import parse
from claims_pipeline.sandbox.salesforce.soql_tree import (
    And,
    Comparison,
    Condition,
    Literal,
    LiteralKind,
    Query,
)
from claims_pipeline.sandbox.salesforce.tables import Tables

MAX_GROUPS = 2_000
SLICE = 2_000  # records read at once
ID_LENGTH = 18
DEFAULT_VERSION = "59.0"

Record = dict[str, object]
Cells = tuple[object, ...]


class Database(Protocol):
    """What running a query needs of the org."""

    schema: OrgSchema
    tables: Tables
    connection: sqlite3.Connection
    lock: threading.RLock

    def now(self) -> datetime:
        """The org's clock."""

    def seen_by(self, user: User, object_name: str) -> ObjectSchema | None:
        """The object as this user sees it."""


class QueryResult:
    """What a query found. `total` counts records (or groups); `aggregate` says whether the records are groups."""

    def __init__(self, org: Database, user: User, plan: Plan, version: str, *, include_deleted: bool) -> None:
        self.aggregate = plan.aggregate
        self.count_only = plan.count_only
        self.columns: tuple[Column, ...] = plan.columns
        self._org = org
        self._user = user
        self._plan = plan
        self._root = f"/services/data/v{version}/sobjects"
        self._version = version
        self._include_deleted = include_deleted
        self._found: bytes | list[Cells] = b""  # the ids end to end, or the groups themselves
        self.total = self._run()

    @property
    def records(self) -> Iterator[Record]:
        """Every record from the first on, read a slice at a time."""
        return (record for start in range(0, self.total, SLICE) for record in self.page(start, SLICE))

    def page(self, start: int, size: int) -> list[Record]:
        """The records from `start` on, at most `size`, as Salesforce's JSON; none of a bare `COUNT()`."""
        plan = self._plan
        if plan.aggregate:
            return [] if plan.count_only else [self._group(cells) for cells in self.cells(start, size)]
        return [self._record(cells) for cells in self.cells(start, size)]

    def cells(self, start: int, size: int) -> list[Cells]:
        """The same records as bare stored values: one a column, then the record's Id and its parents' ids."""
        if isinstance(self._found, list):
            return self._found[start : start + size]
        plan = self._plan
        ids = _split(self._found[start * ID_LENGTH : (start + size) * ID_LENGTH])
        where = f'WHERE {plan.root_alias}."Id" IN (SELECT value FROM json_each(?))'
        sql = f"SELECT {', '.join(plan.selected)} {plan.from_sql} {where}"
        with self._org.lock:
            rows = self._org.connection.execute(sql, [json.dumps(ids)]).fetchall()
        width = len(plan.columns)
        by_id: dict[str, Cells] = {row[width]: row for row in rows}
        return [by_id[record_id] for record_id in ids if record_id in by_id]

    def _run(self) -> int:
        plan = self._plan
        with self._org.lock:
            run = self._org.connection.execute
            if plan.count_only:
                inner = f"SELECT 1 {plan.from_sql}{plan.tail_sql}{plan.bounds_sql}"
                return int(run(f"SELECT COUNT(*) FROM ({inner})", plan.parameters).fetchone()[0])
            if plan.aggregate:
                picked = ", ".join(plan.selected)
                sql = f"SELECT {picked} {plan.from_sql}{plan.tail_sql}{plan.order_sql}{plan.bounds_sql}"
                self._found = self._org.tables.groups(sql, plan.parameters)
                return self._count_groups()
            sql = f'SELECT {plan.root_alias}."Id" {plan.from_sql}{plan.tail_sql}{plan.order_sql}{plan.bounds_sql}'
            self._found = "".join(row[0] for row in run(sql, plan.parameters)).encode("ascii")
        return len(self._found) // ID_LENGTH

    def _count_groups(self) -> int:
        if len(self._found) > MAX_GROUPS:
            raise SoqlError(
                "EXCEEDED_ID_LIMIT",
                "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch",
            )
        return len(self._found)

    def _group(self, cells: Cells) -> Record:
        record: Record = {"attributes": {"type": "AggregateResult"}}
        for column, cell in zip(self.columns, cells, strict=True):
            record[column.name] = as_json(cell, column.type)
        return record

    def _record(self, cells: Cells) -> Record:
        plan, width = self._plan, len(self.columns)
        record = self._start(plan.object_name, str(cells[width]))
        nodes: dict[tuple[str, ...], Record | None] = {(): record}
        parents = {
            path: (type_, cells[width + 1 + place]) for place, (path, type_) in enumerate(plan.parents)
        }
        for column, cell in zip(self.columns, cells, strict=False):
            node = self._node(nodes, parents, column.path)
            if node is not None:
                node[column.name] = as_json(cell, column.type)
        for children in plan.children:
            record[children.name] = self._children(children, str(cells[width]))
        return record

    def _node(
        self,
        nodes: dict[tuple[str, ...], Record | None],
        parents: dict[tuple[str, ...], tuple[str, object]],
        path: tuple[str, ...],
    ) -> Record | None:
        """The record that a path of relationships leads to; null, once and for all, where there is none."""
        if path not in nodes:
            above = self._node(nodes, parents, path[:-1])
            type_, record_id = parents[path]
            nodes[path] = None if record_id is None else self._start(type_, str(record_id))
            if above is not None:
                above[path[-1]] = nodes[path]
        return nodes[path]

    def _start(self, type_: str, record_id: str) -> Record:
        return {"attributes": {"type": type_, "url": f"{self._root}/{type_}/{record_id}"}}

    def _children(self, children: Children, record_id: str) -> Record | None:
        literal = Literal(LiteralKind.STRING, record_id, children.lookup.at)
        mine: Condition = Comparison(children.lookup, "=", literal)
        where = children.query.where
        query = replace(children.query, where=mine if where is None else And((mine, where)))
        found = _executed(
            self._org, self._user, "", query, self._version, include_deleted=self._include_deleted
        )
        if not found.total:
            return None
        return {"totalSize": found.total, "done": True, "records": list(found.records)}


def execute(
    org: Database, user: User, soql: str, *, include_deleted: bool = False, version: str = DEFAULT_VERSION
) -> QueryResult:
    """What the query finds for this user; `SoqlError` in Salesforce's words where it refuses.

    `include_deleted` is queryAll's; `version` is that of the records' urls.
    """
    return _executed(org, user, soql, parse(soql), version, include_deleted=include_deleted)


def plan_of(org: Database, user: User, soql: str) -> Plan:
    """The query's plan without running it; `SoqlError` as `execute` raises it."""
    return compile_query(org, user, soql, parse(soql), moment(org.now()))


def _executed(
    org: Database, user: User, soql: str, query: Query, version: str, *, include_deleted: bool
) -> QueryResult:
    plan = compile_query(org, user, soql, query, moment(org.now()), include_deleted=include_deleted)
    for children in plan.children:  # so that a wrong sub-query is refused even where nothing is found
        compile_query(org, user, soql, children.query, moment(org.now()))
    return QueryResult(org, user, plan, version, include_deleted=include_deleted)


def moment(now: datetime) -> Moment:
    """The org's clock as formulas and date words need it."""
    now = now.astimezone(UTC)
    return Moment(today=now.date().isoformat(), now=f"{now:%Y-%m-%dT%H:%M:%S}.000Z")


def as_json(cell: object, type_: FieldType) -> object:
    """A stored value as REST prints it."""
    if cell is None:
        return None
    if type_ is FieldType.BOOLEAN:
        return bool(cell)
    if type_ is FieldType.DATETIME:
        return str(cell).replace("Z", "+0000")
    if type_ in (FieldType.DOUBLE, FieldType.CURRENCY):
        return float(str(cell)) if not isinstance(cell, float) else cell
    return cell


def _split(ids: bytes) -> list[str]:
    text = ids.decode("ascii")
    return [text[place : place + ID_LENGTH] for place in range(0, len(text), ID_LENGTH)]


def selected_names(columns: Sequence[Column]) -> list[str]:
    """The columns of an answer as a CSV header names them: `Claim_Payor__r.Name`."""
    return [".".join((*column.path, column.name)) for column in columns]


__all__ = ["QueryResult", "SoqlError", "as_json", "execute", "moment", "plan_of", "selected_names"]
