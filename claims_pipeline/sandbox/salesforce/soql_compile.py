"""A query as SQL: the SELECT list, grouping, ordering and bounds of one statement, for one user of one org.

What belongs here: what may be selected, grouped and ordered, and how the answer's columns are called. Not here: names
(`soql_names`), conditions (`soql_filters`), functions (`soql_calls`), and running it (`soql`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from claims_pipeline.sandbox.salesforce.formula_values import Moment
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.schema import FieldType
from claims_pipeline.sandbox.salesforce.soql_calls import AGGREGATES, Calls
from claims_pipeline.sandbox.salesforce.soql_errors import SoqlError
from claims_pipeline.sandbox.salesforce.soql_filters import Filter, Parameter
from claims_pipeline.sandbox.salesforce.soql_names import APPEND, TEXT_TYPES, Schemas, Scope, Value
from claims_pipeline.sandbox.salesforce.soql_tree import (
    Call,
    Expression,
    FieldRef,
    FieldsCall,
    OrderItem,
    Query,
    SelectItem,
)

MAX_OFFSET = 2_000
MAX_FIELDS_LIMIT = 200


@dataclass(frozen=True)
class Column:
    """One value of each record of the answer: the relationships that it stands under, its name and its type."""

    path: tuple[str, ...]
    name: str
    type: FieldType


@dataclass(frozen=True)
class Children:
    """The sub-query of a child relationship; it is run for each record of the answer."""

    name: str
    query: Query
    lookup: FieldRef


@dataclass(frozen=True)
class Plan:
    """A query ready to be run.

    `selected` are SQL expressions, one a column, then the Id of the record (unless aggregate) and of each parent.
    """

    object_name: str
    aggregate: bool
    count_only: bool
    columns: tuple[Column, ...]
    parents: tuple[tuple[tuple[str, ...], str], ...]  # path of relationships, the parent's object
    children: tuple[Children, ...]
    selected: tuple[str, ...]
    from_sql: str
    tail_sql: str  # WHERE and GROUP BY and HAVING
    order_sql: str
    bounds_sql: str
    parameters: tuple[Parameter, ...]
    root_alias: str


def compile_query(
    org: Schemas,
    user: User,
    soql: str,
    query: Query,
    moment: Moment,
    *,
    include_deleted: bool = False,
    prefix: str = "t",
) -> Plan:
    """The plan of a parsed query; `SoqlError` where the org has no such thing or does not allow it."""
    compiler = _Compiler(org, user, soql, query, moment, include_deleted=include_deleted, prefix=prefix)
    return compiler.plan()


class _Compiler:
    """One SELECT being compiled."""

    def __init__(
        self,
        org: Schemas,
        user: User,
        soql: str,
        query: Query,
        moment: Moment,
        *,
        include_deleted: bool,
        prefix: str,
    ) -> None:
        self.query = query
        self.include_deleted = include_deleted or query.all_rows
        self.scope = Scope(org, user, soql, query.source, query.source_at, moment, prefix=prefix)
        self.calls = Calls(self.scope, self._field)
        self.aggregate = bool(query.group_by) or any(
            isinstance(item.what, Call) and item.what.name in AGGREGATES for item in query.select
        )
        self.count_only = any(
            isinstance(item.what, Call) and item.what.name == "COUNT" and item.what.argument is None
            for item in query.select
        )

    def plan(self) -> Plan:
        items = self._expanded()
        self._check_shape(items)
        columns, selected = self._select(items)
        children = tuple(self._children(item.what) for item in items if isinstance(item.what, Query))
        where = Filter(self.scope, self._row_value, self._semi_join)
        conditions = [where.sql(self.query.where)] if self.query.where is not None else []
        if not self.include_deleted and self.scope.object.field("IsDeleted") is not None:
            conditions.append(f'{self.scope.root.alias}."IsDeleted" = 0')
        tail = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        grouping, having = self._grouping(where)
        order = self._ordering()
        parents = self._parents(columns)
        if not self.aggregate:
            selected += [
                f'{self.scope.root.alias}."Id"',
                *(self.scope.parent_ids(path).sql for path, _ in parents),
            ]
        return Plan(
            object_name=self.scope.object.name,
            aggregate=self.aggregate,
            count_only=self.count_only,
            columns=tuple(columns),
            parents=parents,
            children=children,
            selected=tuple(selected),
            from_sql=self.scope.sql,
            tail_sql=tail + grouping + having,
            order_sql=order,
            bounds_sql=self._bounds(),
            parameters=tuple(where.parameters),
            root_alias=self.scope.root.alias,
        )

    def _field(self, ref: FieldRef) -> Value:
        return self.scope.field(ref, self.query.alias)

    def _value(self, expression: Expression) -> Value:
        return self._field(expression) if isinstance(expression, FieldRef) else self.calls.value(expression)

    def _row_value(self, expression: Expression) -> Value:
        """A value in WHERE, where no aggregate stands."""
        if _is_aggregate(expression):
            raise self.scope.refused(
                "MALFORMED_QUERY", expression.at, "Aggregate functions are not allowed in the WHERE clause"
            )
        return self._value(expression)

    # --- the SELECT list

    def _expanded(self) -> list[SelectItem]:
        """The SELECT list with FIELDS() spelled out."""
        items: list[SelectItem] = []
        for item in self.query.select:
            if isinstance(item.what, FieldsCall):
                items += [SelectItem(FieldRef((name,), item.what.at)) for name in self._fields(item.what)]
            else:
                items.append(item)
        return items

    def _fields(self, call: FieldsCall) -> list[str]:
        if call.which not in ("ALL", "STANDARD", "CUSTOM"):
            raise self.scope.refused("MALFORMED_QUERY", call.at, f"unexpected token: '{call.which}'")
        bounded = self.query.limit is not None and self.query.limit <= MAX_FIELDS_LIMIT
        if call.which != "STANDARD" and not bounded:
            reason = f"The SOQL FIELDS function must have a LIMIT of at most {MAX_FIELDS_LIMIT}"
            raise SoqlError("MALFORMED_QUERY", reason)
        wanted = {"ALL": (True, False), "STANDARD": (False,), "CUSTOM": (True,)}[call.which]
        return [name for name, found in self.scope.object.fields.items() if found.custom in wanted]

    def _check_shape(self, items: Sequence[SelectItem]) -> None:
        if self.count_only and (len(items) > 1 or self.query.group_by):
            raise SoqlError(
                "MALFORMED_QUERY",
                "COUNT() stands alone in the SELECT list and without GROUP BY; use COUNT(Id)",
            )
        bounded = self.query.limit is not None or self.query.offset is not None
        if self.aggregate and not self.count_only and not self.query.group_by and bounded:
            reason = "Non-grouped query that uses overall aggregate functions cannot also use LIMIT"
            raise SoqlError("MALFORMED_QUERY", reason)
        if self.query.having is not None and not self.query.group_by:
            raise SoqlError("MALFORMED_QUERY", "HAVING needs a GROUP BY")
        if not self.aggregate and any(item.alias and isinstance(item.what, FieldRef) for item in items):
            raise SoqlError("MALFORMED_QUERY", "only aggregate expressions use field aliasing")
        if self.aggregate and any(isinstance(item.what, Query) for item in items):
            raise SoqlError("MALFORMED_QUERY", "A grouped query can not have sub-queries")

    def _select(self, items: Sequence[SelectItem]) -> tuple[list[Column], list[str]]:
        columns: list[Column] = []
        selected: list[str] = []
        taken: set[tuple[str, ...]] = set()
        unnamed = 0
        for item in items:
            what = item.what
            if isinstance(what, Query) or (isinstance(what, Call) and self.count_only):
                continue
            assert not isinstance(what, FieldsCall)
            value = self._value(what)
            sql = value.sql
            if self.aggregate and not _is_aggregate(what):
                self._check_grouped(value, "Field")
                if value.type in TEXT_TYPES:
                    sql = f"MIN({sql})"  # of a group that is one value, spelled one way or another
            path = () if self.aggregate else value.path
            name = item.alias or value.name
            if isinstance(what, Call) and item.alias is None and not self.calls.keeps_name(what):
                name, unnamed = f"expr{unnamed}", unnamed + 1
            key = tuple(part.lower() for part in (*path, name))
            if key in taken:
                kind = "duplicate alias" if self.aggregate else "duplicate field selected"
                raise SoqlError("MALFORMED_QUERY" if self.aggregate else "INVALID_FIELD", f"{kind}: {name}")
            taken.add(key)
            columns.append(Column(path, name, value.type))
            selected.append(sql)
        return columns, selected

    def _parents(self, columns: Sequence[Column]) -> tuple[tuple[tuple[str, ...], str], ...]:
        paths = sorted(
            {column.path[:depth] for column in columns for depth in range(1, len(column.path) + 1)}
        )
        return tuple((path, self.scope.parent_type(path)) for path in paths)

    def _children(self, query: Query) -> Children:
        """The child object and lookup that a relationship name means: `(SELECT Id FROM Claims__r)`."""
        for schema in self.scope.org.schema.objects.values():
            for found in schema.fields.values():
                mine = self.scope.object.name in found.reference_to
                if mine and (found.child_relationship or "").lower() == query.source.lower():
                    renamed = replace(query, source=schema.name)
                    return Children(
                        found.child_relationship or "", renamed, FieldRef((found.name,), query.source_at)
                    )
        advice = APPEND.format("relationship", "r", "custom relationship")
        reason = f"Didn't understand relationship '{query.source}' in FROM part of query call. {advice}"
        raise self.scope.refused("INVALID_TYPE", query.source_at, reason)

    # --- grouping, ordering, bounds

    def _check_grouped(self, value: Value, subject: str) -> None:
        if all(self._value(grouped).sql != value.sql for grouped in self.query.group_by):
            raise SoqlError("MALFORMED_QUERY", f"{subject} must be grouped or aggregated: {value.name}")

    def _grouping(self, where: Filter) -> tuple[str, str]:
        if not self.query.group_by:
            return "", ""
        keys = []
        for expression in self.query.group_by:
            if _is_aggregate(expression):
                raise self.scope.refused(
                    "MALFORMED_QUERY", expression.at, "An aggregate function can not be grouped by"
                )
            value = self._value(expression)
            if not value.filterable or value.type in (
                FieldType.DOUBLE,
                FieldType.CURRENCY,
                FieldType.DATETIME,
            ):
                reason = f"field '{value.name}' can not be grouped in a query call"
                raise self.scope.refused("INVALID_FIELD", expression.at, reason)
            keys.append(_compared(value))
        having = ""
        if self.query.having is not None:
            groups = Filter(self.scope, self._group_value, where.semi_join, where.parameters)
            having = f" HAVING {groups.sql(self.query.having)}"
        return f" GROUP BY {', '.join(keys)}", having

    def _group_value(self, expression: Expression) -> Value:
        """A value in HAVING or ORDER BY of a grouped query."""
        value = self._value(expression)
        if not _is_aggregate(expression):
            self._check_grouped(value, "Ordered field")
        return value

    def _ordering(self) -> str:
        if self.count_only and self.query.order_by:
            raise SoqlError("MALFORMED_QUERY", "COUNT() can not be ordered")
        entries = [self._order_entry(item) for item in self.query.order_by]
        return f" ORDER BY {', '.join(entries)}" if entries else ""

    def _order_entry(self, item: OrderItem) -> str:
        value = self._group_value(item.what) if self.aggregate else self._value(item.what)
        if _is_aggregate(item.what) and not self.aggregate:
            raise self.scope.refused(
                "MALFORMED_QUERY", item.what.at, "An aggregate function needs a grouped query"
            )
        if not value.filterable:
            raise self.scope.refused(
                "INVALID_FIELD", item.what.at, f"field '{value.name}' can not be sorted in a query call"
            )
        direction = "DESC" if item.descending else "ASC"
        return f"{_compared(value)} {direction} NULLS {'LAST' if item.nulls_last else 'FIRST'}"

    def _bounds(self) -> str:
        offset = self.query.offset or 0
        if offset > MAX_OFFSET:
            raise SoqlError("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
        if self.query.limit is None and not offset:
            return ""
        return f" LIMIT {-1 if self.query.limit is None else self.query.limit} OFFSET {offset}"

    def _semi_join(self, query: Query, outer: Filter) -> str:
        """`IN (SELECT Claim_Payor__c FROM Claim__c WHERE ...)`: one id field of another object."""
        inner = _Compiler(
            self.scope.org,
            self.scope.user,
            self.scope.soql,
            query,
            self.scope.moment,
            include_deleted=False,
            prefix=f"{self.scope.prefix}s{query.source_at}_",
        ).plan()
        if len(inner.columns) != 1 or inner.columns[0].type not in (FieldType.ID, FieldType.REFERENCE):
            raise SoqlError("MALFORMED_QUERY", "The inner query of a semi-join selects exactly one id field")
        outer.parameters += inner.parameters
        return (
            f"SELECT {inner.selected[0]} {inner.from_sql}{inner.tail_sql}{inner.order_sql}{inner.bounds_sql}"
        )


def _is_aggregate(what: Expression) -> bool:
    return isinstance(what, Call) and what.name in AGGREGATES


def _compared(value: Value) -> str:
    """What text is sorted and grouped by: without regard to case."""
    return f"fold({value.sql})" if value.type in TEXT_TYPES else value.sql
