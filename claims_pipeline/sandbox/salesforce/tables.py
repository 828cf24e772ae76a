"""Where the org's records are kept: one SQLite table an object.

What belongs here: making the tables and the few look-ups and writes that the rules need. Not here: the rules
(`validation`, `writing`), nor SOQL.
"""

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from claims_pipeline.sandbox.salesforce.record_ids import new_id
from claims_pipeline.sandbox.salesforce.schema import FieldSchema, FieldType, ObjectSchema, OrgSchema
from claims_pipeline.sandbox.salesforce.validation import Stored

_GROUPS_KEPT = 8
_CACHE_KIB = 128 * 1024  # a Bulk job's changed pages, until they are written
_LOOKUP_ROWS = 500  # values in one IN (...): SQLite takes at least 999 parameters


def fold(text: str | None) -> str | None:
    """The form in which Salesforce compares text: without regard to case."""
    return text.casefold() if isinstance(text, str) else text


class Tables:
    """The records of an org. Every use holds `lock`: one connection serves all threads."""

    def __init__(self, database: Path | None, schema: OrgSchema) -> None:
        self.lock = threading.RLock()
        self.connection = sqlite3.connect(
            ":memory:" if database is None else database, check_same_thread=False, isolation_level=None
        )
        self.connection.create_function("fold", 1, fold, deterministic=True)
        self.connection.execute("PRAGMA journal_mode = MEMORY")
        self.connection.execute("PRAGMA synchronous = OFF")
        self.connection.execute(f"PRAGMA cache_size = {-_CACHE_KIB}")
        self._numbers: dict[str, Iterator[int]] = {}
        self._changed = Counter[str]()
        self._rolled_back = 0
        self._groups: dict[
            tuple[str, tuple[object, ...]], tuple[tuple[int, ...], list[tuple[object, ...]]]
        ] = {}
        for found in schema.objects.values():
            self.stand_up(found)

    def stand_up(self, schema: ObjectSchema) -> None:
        """Make the object's table, or add the columns that it lacks."""
        self._create(schema)
        self._numbers.setdefault(schema.name, count(self._rows(schema.name) + 1))

    def close(self) -> None:
        """Let go of the database."""
        with self.lock:
            self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; within another one, a part of it."""
        with self.lock:
            self.connection.execute("SAVEPOINT one")
            try:
                yield
            except BaseException:
                self._rolled_back += 1
                self.connection.execute("ROLLBACK TO one")
                raise
            finally:
                self.connection.execute("RELEASE one")

    @contextmanager
    def written_at_the_end(self) -> Iterator[None]:
        """Transactions go to the file when this is over, each page once, though it was touched by many of them.

        All see them at once: there is one connection. A process that is killed meanwhile loses them.
        """
        with self.lock:
            self.connection.execute("BEGIN")
        try:
            yield
        finally:
            with self.lock:
                self.connection.execute("COMMIT")

    def _create(self, schema: ObjectSchema) -> None:
        stored = [found for found in schema.fields.values() if found.stored]
        columns = ", ".join(
            f'"{found.name}" {found.type.column_type}{" PRIMARY KEY" if found.type is FieldType.ID else ""}'
            for found in stored
        )
        self.connection.execute(f'CREATE TABLE IF NOT EXISTS "{schema.name}" ({columns})')
        standing = {row[1] for row in self.connection.execute(f'PRAGMA table_info("{schema.name}")')}
        for found in stored:
            if found.name not in standing:  # a database that was made before the field
                change = f'ALTER TABLE "{schema.name}" ADD COLUMN "{found.name}" {found.type.column_type}'
                self.connection.execute(change)
            if found.unique or found.external_id or found.name_field:
                self._index(schema, found, f'fold("{found.name}")')
            elif found.type is FieldType.REFERENCE and found.custom:
                self._index(schema, found, f'"{found.name}"')

    def _index(self, schema: ObjectSchema, field: FieldSchema, expression: str) -> None:
        name = f"{schema.name}.{field.name}"
        self.connection.execute(f'CREATE INDEX IF NOT EXISTS "{name}" ON "{schema.name}" ({expression})')

    def _rows(self, name: str) -> int:
        return int(self.connection.execute(f'SELECT COUNT(*) FROM "{name}"').fetchone()[0])

    def next_identity(self, schema: ObjectSchema) -> tuple[str, int]:
        """The id of the object's next record, and its number (for an AutoNumber)."""
        number = next(self._numbers[schema.name])
        return new_id(schema.key_prefix, number), number

    def by_key(
        self, schema: ObjectSchema, field: FieldSchema, keys: Iterable[str]
    ) -> dict[str, list[tuple[str, str]]]:
        """Folded key -> (id, key as it stands) of every record in use that has one of these keys."""
        found: dict[str, list[tuple[str, str]]] = {}
        query = f'SELECT fold("{field.name}"), "Id", "{field.name}" FROM "{schema.name}" WHERE '
        deleted = ' AND "IsDeleted" = 0' if schema.field("IsDeleted") else ""
        for marks, values in _slices({key.casefold() for key in keys}):
            rows = self.connection.execute(f'{query} fold("{field.name}") IN ({marks}){deleted}', values)
            for folded, record_id, key in rows:
                found.setdefault(folded, []).append((record_id, key))
        return found

    def by_id(self, schema: ObjectSchema, record_ids: Iterable[str]) -> dict[str, bool]:
        """Id -> whether it is deleted, of those of these records that the org has."""
        deleted = '"IsDeleted"' if schema.field("IsDeleted") else "0"
        query = f'SELECT "Id", {deleted} FROM "{schema.name}" WHERE "Id" IN '
        found: dict[str, bool] = {}
        for marks, values in _slices(set(record_ids)):
            found.update(
                (row[0], bool(row[1])) for row in self.connection.execute(f"{query}({marks})", values)
            )
        return found

    def insert(self, schema: ObjectSchema, columns: Sequence[str], rows: Iterable[Sequence[Stored]]) -> None:
        """Add records; one column list for all."""
        names = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join("?" * len(columns))
        with self._changing(schema):
            self.connection.executemany(f'INSERT INTO "{schema.name}" ({names}) VALUES ({marks})', rows)

    def update(self, schema: ObjectSchema, columns: Sequence[str], rows: Iterable[Sequence[Stored]]) -> None:
        """Change records; each row holds the columns' values, then the id."""
        changes = ", ".join(f'"{name}" = ?' for name in columns)
        with self._changing(schema):
            self.connection.executemany(f'UPDATE "{schema.name}" SET {changes} WHERE "Id" = ?', rows)

    def clear_column(self, schema: ObjectSchema, field: FieldSchema) -> None:
        """Forget what a field held, in every record."""
        with self._changing(schema):
            self.connection.execute(f'UPDATE "{schema.name}" SET "{field.name}" = NULL')

    def clear_lookups(self, schema: ObjectSchema, field: FieldSchema, record_ids: Iterable[str]) -> None:
        """Clear a lookup wherever it leads to one of these records."""
        change = f'UPDATE "{schema.name}" SET "{field.name}" = NULL WHERE "{field.name}" = ?'
        with self._changing(schema):
            self.connection.executemany(change, [(found,) for found in record_ids])

    def remove(self, schema: ObjectSchema, column: str, values: Iterable[str]) -> None:
        """Forget every record that has one of these values; there is no bin for it."""
        command = f'DELETE FROM "{schema.name}" WHERE "{column}" = ?'
        with self._changing(schema):
            self.connection.executemany(command, [(found,) for found in values])

    def empty(self, schema: ObjectSchema) -> None:
        """Forget every record of an object."""
        with self._changing(schema):
            self.connection.execute(f'DELETE FROM "{schema.name}"')

    @contextmanager
    def _changing(self, schema: ObjectSchema) -> Iterator[None]:
        before = self.connection.total_changes
        try:
            yield
        finally:
            self._changed[schema.name] += self.connection.total_changes - before

    def groups(self, sql: str, parameters: Sequence[object]) -> list[tuple[object, ...]]:
        """The rows of an aggregate query. They stand until one of its tables changes: a large org adds up once."""
        asked = (sql, tuple(parameters))
        named = [name for name in self._numbers if f'"{name}"' in sql]
        by_others = self.connection.total_changes - self._changed.total()
        as_of = (sum(self._changed[name] for name in named), by_others, self._rolled_back)
        known = self._groups.get(asked)
        if known is None or known[0] != as_of:
            if len(self._groups) == _GROUPS_KEPT:
                del self._groups[next(iter(self._groups))]
            known = as_of, [tuple(row) for row in self.connection.execute(sql, parameters)]
            self._groups[asked] = known
        return known[1]

    def records(self, schema: ObjectSchema) -> list[dict[str, Stored]]:
        """Every record, deleted ones too, as stored."""
        names = [found.name for found in schema.fields.values() if found.stored]
        listed = ", ".join(f'"{name}"' for name in names)
        rows = self.connection.execute(f'SELECT {listed} FROM "{schema.name}" ORDER BY "Id"')
        return [dict(zip(names, row, strict=True)) for row in rows]


def _slices(values: set[str]) -> Iterable[tuple[str, list[str]]]:
    ordered = list(values)
    for start in range(0, len(ordered), _LOOKUP_ROWS):
        part = ordered[start : start + _LOOKUP_ROWS]
        yield ", ".join("?" * len(part)), part
