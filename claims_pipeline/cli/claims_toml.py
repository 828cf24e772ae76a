"""`claims.toml` as a file that people keep: one customer's entry is written, all else stays as it stands.

What belongs here: the entry as TOML, comments and other entries kept, and putting the new file in the old one's place
at once. Not here: what an entry must be (`settings.customers`): the settings' own loader judges the whole file first.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from claims_pipeline.errors import PermanentError, SettingsError
from claims_pipeline.settings import Customer

_CUSTOMERS = "customers"
_NEW_FILE_MODE = 0o644
_FIRST_LINE = "The customers of the claims pipeline. No passwords, tokens or keys belong in here."


class ChangedMeanwhile(PermanentError):
    """Somebody else wrote the file while we worked on it."""


@dataclass(frozen=True)
class ClaimsToml:
    """The file as it was read. `text` is empty where there is none yet."""

    path: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> "ClaimsToml":
        """The file behind `path` (a link is followed). SettingsError for one that is no TOML, or cannot be read."""
        real = path.expanduser().resolve()
        try:
            text = real.read_text(encoding="utf-8") if real.exists() else ""
            tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            raise SettingsError([f"{path} is not TOML: mend it, then run this again"]) from None
        except (OSError, ValueError):
            raise SettingsError([f"{path} cannot be read as a text in UTF-8"]) from None
        if not real.parent.is_dir():
            raise SettingsError([f"{path} stands in a folder that is not there"])
        return cls(real, text)

    def holds(self, number: str) -> bool:
        """Whether the customer has an entry."""
        return number in self._customers()

    def with_customer(self, customer: Customer) -> str:
        """The file's text with this customer's entry, new or in the place of its old one; thresholds stay."""
        try:
            document = tomlkit.parse(self.text)
            if not self.text:
                document.add(tomlkit.comment(_FIRST_LINE))
            tables = document.setdefault(_CUSTOMERS, tomlkit.table(is_super_table=True))
            table = tables.setdefault(customer.number, tomlkit.table())
            _fill(table, customer)
            written = tomlkit.dumps(document)
            others = tomllib.loads(written)
        except (TOMLKitError, AttributeError, TypeError, ValueError):
            raise self._unfit() from None
        others.get(_CUSTOMERS, {}).pop(customer.number, None)
        if others != self._without(customer.number):
            raise self._unfit()
        return written

    @contextmanager
    def draft(self, text: str) -> Iterator[Path]:
        """The new text as a file beside the old one, to be judged by the settings' loader; gone afterwards."""
        with NamedTemporaryFile(
            "w", encoding="utf-8", dir=self.path.parent, prefix=f".{self.path.name}.", suffix=".draft"
        ) as draft:
            draft.write(text)
            draft.flush()
            yield Path(draft.name)

    def replace_by(self, text: str) -> None:
        """Put the new text in the file's place, at once and durably. Raises ChangedMeanwhile."""
        now = ClaimsToml.read(self.path)
        if now.text != self.text:
            raise ChangedMeanwhile(
                f"{self.path} was changed by somebody else meanwhile, so nothing was written. Run this again."
            )
        mode = self.path.stat().st_mode & 0o777 if self.path.exists() else _NEW_FILE_MODE
        with NamedTemporaryFile(
            "w", encoding="utf-8", dir=self.path.parent, prefix=f".{self.path.name}.", delete=False
        ) as new:
            new.write(text)
            new.flush()
            os.fchmod(new.fileno(), mode)
            os.fsync(new.fileno())
        Path(new.name).replace(self.path)

    def _customers(self) -> Mapping[str, Any]:
        held = tomllib.loads(self.text).get(_CUSTOMERS, {})
        return held if isinstance(held, dict) else {}

    def _without(self, number: str) -> dict[str, Any]:
        held = tomllib.loads(self.text)
        customers = {name: entry for name, entry in self._customers().items() if name != number}
        return {**held, _CUSTOMERS: customers}

    def _unfit(self) -> SettingsError:
        return SettingsError(
            [
                f"{self.path} has its customers in a form that cannot be added to: write each as a table of its own, "
                "as in [customers.10001001]"
            ]
        )


def _fill(table: Table, customer: Customer) -> None:
    """The entry's own keys; those that people wrote beside them stay."""
    table["name"] = customer.name
    table["report"] = customer.report_id
    table["filters"] = _filters(customer)
    labels = {field: label for field, label in customer.columns.items() if label is not None}
    absent = [field for field, label in customer.columns.items() if label is None]
    for name, value in (("columns", labels), ("absent_columns", absent)):
        if value:
            table[name] = tomlkit.item(_inline(labels) if name == "columns" else absent)
        elif name in table:
            del table[name]


def _filters(customer: Customer) -> Any:
    filters = tomlkit.array()
    for each in customer.filters:
        held: dict[str, Any] = {"id": each.id, "kind": each.kind.value}
        if each.claim_complete:
            held["claim_complete"] = True
        filters.append(_inline(held))
    return filters.multiline(len(customer.filters) > 1)


def _inline(values: Mapping[str, Any]) -> Any:
    table = tomlkit.inline_table()
    table.update(values)
    return table
