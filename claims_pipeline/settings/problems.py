"""Everything that is wrong with the settings, gathered to be said at once.

What belongs here: the words for what is missing or wrong. Not here: the checks.
"""

from claims_pipeline.errors import SettingsError
from claims_pipeline.settings.declared import describe


class Problems:
    """Problems found so far, one a setting, in words that never hold a value."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.secret_is_unread = False
        self._fields: set[str] = set()

    def add(self, line: str) -> None:
        """A problem that is no single setting's."""
        self.lines.append(line)

    def missing(self, field: str) -> None:
        """A setting that must be there and is not. Silent while the secret that may hold it could not be read."""
        if field not in self._fields and not self.secret_is_unread:
            self._say(field, "is missing")

    def wrong(self, field: str, reason: str) -> None:
        """A setting that does not look as it should."""
        if field not in self._fields:
            self._say(field, reason)

    def blames(self, field: str) -> bool:
        """Whether this setting has been named already."""
        return field in self._fields

    def stop_if_any(self) -> None:
        """SettingsError with all of them, in the order of the declaration; others behind."""
        if self.lines:
            raise SettingsError(self.lines)

    def _say(self, field: str, what: str) -> None:
        self._fields.add(field)
        described = describe(field)
        self.lines.append(f"{described.name} {what}: it should be {described.shape}")
