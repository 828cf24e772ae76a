"""What keeps moto's DynamoDB from costing more with every item, and with every value of an item.

What belongs here: methods of moto that do the same work for less, each set in its place once a process. Not here:
starting it (`dynamodb`), nor DynamoDB's behaviour, which stays moto's (its tests hold the two together).
"""

import base64
import copy
import functools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from moto.core.serialize import BaseJSONSerializer
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DDBType, DynamoType
from moto.dynamodb.models.table import Table
from moto.dynamodb.models.utilities import bytesize

if TYPE_CHECKING:
    from moto.core.model import StructureShape


@functools.cache
def keep_them_down() -> None:
    """Set all of them in their places."""
    _copy_only_what_a_transaction_names()
    _copy_each_value_once()
    _send_values_as_they_are()


def _copy_only_what_a_transaction_names() -> None:
    """moto copies every item of a table for each transaction, in case that must be undone: a thousand customers' all.

    So its method is shown a table of the items that the transaction names, and what it left of them is carried back.
    """
    transact = DynamoDBBackend.transact_write_items

    @functools.wraps(transact)
    def of_the_named(self: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
        named: defaultdict[str, set[DynamoType]] = defaultdict(set)
        for operation in [each for item in transact_items for each in item.values()]:
            table = self.tables.get(operation.get("TableName"))
            key = operation.get("Key") or operation.get("Item") or {}
            if table is not None and table.hash_key_attr in key:
                named[table.name].add(DynamoType(key[table.hash_key_attr]))
        whole = {name: self.tables[name] for name in named}
        for name, keys in named.items():
            self.tables[name] = _table_of(whole[name], keys)
        try:
            transact(self, transact_items)
        finally:
            for name, keys in named.items():
                _carry_back(self.tables[name], whole[name], keys)
                self.tables[name] = whole[name]

    DynamoDBBackend.transact_write_items = of_the_named  # type: ignore[method-assign]


def _table_of(whole: Table, keys: Iterable[DynamoType]) -> Table:
    part = copy.copy(whole)
    part.items = defaultdict(dict, {key: whole.items[key] for key in keys if key in whole.items})
    return part


def _carry_back(part: Table, whole: Table, keys: Iterable[DynamoType]) -> None:
    for key in keys:
        if key in part.items:
            whole.items[key] = part.items[key]
        else:
            whole.items.pop(key, None)


def _copy_each_value_once() -> None:
    """moto copies a value whole before it looks at its parts, and each part again: as often as it lies deep.

    An update copies and tells its item several times, a projection tells it for each attribute that is asked for, and
    the whole item is measured for each attribute that is set.
    """
    DynamoType.to_regular_json = _told  # type: ignore[assignment,method-assign]
    DynamoType.size = _size  # type: ignore[assignment,method-assign]
    DynamoType.__deepcopy__ = _copied  # type: ignore[assignment,method-assign]


@functools.wraps(DynamoType.to_regular_json)
def _told(value: DynamoType) -> dict[str, Any]:
    """A value as plain Python; bytes where it is binary."""
    held = value.value
    if isinstance(held, dict):
        held = {name: _told_part(part) for name, part in held.items()}
    elif isinstance(held, list):
        held = [_told_part(part) for part in held]
    elif value.type == DDBType.BINARY and isinstance(held, str):
        held = base64.b64decode(held)
    return {value.type: held}


def _told_part(part: object) -> object:
    return _told(part) if isinstance(part, DynamoType) else part


@functools.wraps(DynamoType.size)
def _size(value: DynamoType) -> int:
    """Bytes, as moto counts them."""
    held = value.value
    if isinstance(held, dict):
        return sum(bytesize(name) + _size_of_part(part) for name, part in held.items())
    if isinstance(held, list):
        return sum(_size_of_part(part) for part in held)
    if value.type == DDBType.NUMBER:
        return len(str(held))
    return 1 if isinstance(held, bool) else bytesize(held)


def _size_of_part(part: Any) -> int:
    return _size(part) if isinstance(part, DynamoType) else bytesize(part)


@functools.wraps(DynamoType.__deepcopy__)
def _copied(value: DynamoType, _: object = None) -> DynamoType:
    """A value that shares nothing with the other but texts and numbers."""
    made = DynamoType.__new__(DynamoType)
    made.type, held = value.type, value.value
    if isinstance(held, dict):
        held = {name: _copied_part(part) for name, part in held.items()}
    elif isinstance(held, list):
        held = [_copied_part(part) for part in held]
    made.value = held
    return made


def _copied_part(part: Any) -> Any:
    return _copied(part) if isinstance(part, DynamoType) else part


def _send_values_as_they_are() -> None:
    """moto tries nine other types, each under three names, for every value of an item that it answers with.

    A value is a dict of its one type already: 40 ms for an item of twenty syncs were spent on types that it is not.
    """
    serialize = BaseJSONSerializer._serialize_type_structure

    @functools.wraps(serialize)
    def serialized_as_it_is(
        self: BaseJSONSerializer, serialized: Any, value: Any, shape: "StructureShape", key: str
    ) -> None:
        if shape.name == "AttributeValue" and isinstance(value, dict):
            serialized[key] = _sent(value)
        else:
            serialize(self, serialized, value, shape, key)

    BaseJSONSerializer._serialize_type_structure = serialized_as_it_is  # type: ignore[method-assign]


def _sent(value: Mapping[str, Any]) -> dict[str, Any]:
    """A value of an item as it goes over the wire."""
    ((kind, held),) = value.items()
    match kind:
        case DDBType.MAP:
            held = {name: _sent(part) for name, part in held.items()}
        case DDBType.LIST:
            held = [_sent(part) for part in held]
        case DDBType.BINARY:
            held = _base64(held)
        case DDBType.BINARY_SET:
            held = [_base64(part) for part in held]
    return {kind: held}


def _base64(held: bytes) -> str:
    return base64.b64encode(held).decode()
