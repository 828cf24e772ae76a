"""DynamoDB's condition and update expressions, read and worked out over one item in DynamoDB's own JSON.

What belongs here: the words of these two languages that a sync state may use; any other word raises, so that none is
passed over. Not here: calls and items (`machine_dynamodb`).
"""

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from decimal import Decimal
from typing import Any

Item = dict[str, Any]
Value = dict[str, Any]

_TOKEN = re.compile(r"\s*([A-Za-z_]\w*|[#:]\w+|<>|<=|>=|[=<>(),.+-])")
_CLAUSES = ("SET", "REMOVE", "ADD", "DELETE")


class Expression:
    """One expression while it is read from left to right."""

    def __init__(self, text: str, names: Mapping[str, str], values: Mapping[str, Value], item: Item) -> None:
        self._words = _words(text)
        self._place = 0
        self._names, self._values, self._item = names, values, item

    def holds(self) -> bool:
        """The condition's answer."""
        answer = self._any()
        if self._peek():
            raise NotImplementedError(f"in a condition: {self._peek()}")
        return answer

    def updated(self) -> tuple[Item, set[str]]:
        """The item after the update, and the names at its top that were written."""
        after, written = deepcopy(self._item), set[str]()
        while clause := self._next():
            if clause not in _CLAUSES[:3]:
                raise NotImplementedError(f"in an update: {clause}")
            while True:
                path = self._path()
                written.add(path[0])
                self._change(clause, path, after)
                if self._peek() != ",":
                    break
                self._next()
        return after, written

    def _change(self, clause: str, path: list[str], after: Item) -> None:
        *parents, last = path
        holder = after
        for name in parents:
            holder = holder[name]["M"]
        if clause == "REMOVE":
            holder.pop(last, None)
        elif clause == "ADD":
            added = self._term()
            before = holder.get(last, {"N": "0"})
            holder[last] = {"N": str(Decimal(before["N"]) + Decimal(added["N"]))}
        else:
            self._expect("=")
            holder[last] = self._sum()

    def _sum(self) -> Value:
        value = self._term()
        while self._peek() in ("+", "-"):
            sign = 1 if self._next() == "+" else -1
            value = {"N": str(Decimal(value["N"]) + sign * Decimal(self._term()["N"]))}
        return deepcopy(value)

    def _term(self) -> Value:
        if self._peek() == "if_not_exists":
            self._next()
            self._expect("(")
            found = self._found(self._path())
            self._expect(",")
            otherwise = self._term()
            self._expect(")")
            return otherwise if found is None else found
        if self._peek() == "list_append":
            self._next()
            self._expect("(")
            first = self._term()
            self._expect(",")
            second = self._term()
            self._expect(")")
            return {"L": [*first["L"], *second["L"]]}
        value = self._operand()
        if value is None:
            raise ValueError("an update reads an attribute that the item has not")
        return value

    def _any(self) -> bool:
        answer = self._all()
        while self._peek() == "OR":
            self._next()
            answer = self._all() or answer
        return answer

    def _all(self) -> bool:
        answer = self._one()
        while self._peek() == "AND":
            self._next()
            answer = self._one() and answer
        return answer

    def _one(self) -> bool:
        word = self._peek()
        if word == "NOT":
            self._next()
            return not self._one()
        if word == "(":
            self._next()
            answer = self._any()
            self._expect(")")
            return answer
        if word in ("attribute_exists", "attribute_not_exists"):
            self._next()
            self._expect("(")
            found = self._found(self._path()) is not None
            self._expect(")")
            return found is (word == "attribute_exists")
        return self._comparison()

    def _comparison(self) -> bool:
        left, sign, right = self._operand(), self._next(), self._operand()
        if sign not in _COMPARISONS:
            raise NotImplementedError(f"in a condition: {sign}")
        if left is None or right is None:
            return sign == "<>" and left is not right
        return _COMPARISONS[sign](_comparable(left), _comparable(right))

    def _operand(self) -> Value | None:
        if self._peek().startswith(":"):
            return self._values[self._next()]
        return self._found(self._path())

    def _path(self) -> list[str]:
        path = [self._name()]
        while self._peek() == ".":
            self._next()
            path.append(self._name())
        return path

    def _name(self) -> str:
        word = self._next()
        if word.startswith("#"):
            return self._names[word]
        raise NotImplementedError(f"a name that is not written with #: {word}")

    def _found(self, path: list[str]) -> Value | None:
        found: Value | None = {"M": self._item}
        for name in path:
            found = None if found is None else found.get("M", {}).get(name)
        return found

    def _peek(self) -> str:
        return self._words[self._place] if self._place < len(self._words) else ""

    def _next(self) -> str:
        word = self._peek()
        self._place += 1
        return word

    def _expect(self, word: str) -> None:
        found = self._next()
        if found != word:
            raise NotImplementedError(f"{found} where {word} is awaited")


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right,
    "<>": lambda left, right: left != right,
    "<": lambda left, right: left[0] == right[0] and left[1] < right[1],
    "<=": lambda left, right: left[0] == right[0] and left[1] <= right[1],
    ">": lambda left, right: left[0] == right[0] and left[1] > right[1],
    ">=": lambda left, right: left[0] == right[0] and left[1] >= right[1],
}


def _comparable(value: Value) -> tuple[str, Any]:
    ((kind, held),) = value.items()
    return kind, Decimal(held) if kind == "N" else held


def _words(text: str) -> list[str]:
    words, place = [], 0
    while place < len(text.rstrip()):
        found = _TOKEN.match(text, place)
        if found is None:
            raise NotImplementedError(f"in an expression: {text[place:]}")
        words.append(found[1])
        place = found.end()
    return words
