"""How Salesforce refuses a query.

What belongs here: the error and the shape of its message. Not here: when it is raised.
"""

from claims_pipeline.errors import PermanentError

_WINDOW = 60  # characters of the statement shown on either side of the place


class SoqlError(PermanentError):
    """A query that the org refuses: `code` is Salesforce's error code, the message in Salesforce's words."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


def refused_at(code: str, soql: str, at: int, reason: str) -> SoqlError:
    """The error with the statement, a caret under the place and its row and column, as Salesforce prints it."""
    at = max(0, min(at, len(soql)))
    before = soql[:at]
    row = before.count("\n") + 1
    column = at - (before.rfind("\n") + 1) + 1
    line_start = at - column + 1
    line_end = soql.find("\n", at)
    line = soql[line_start : line_end if line_end >= 0 else len(soql)]
    start = max(0, column - 1 - _WINDOW)
    shown = line[start : column - 1 + _WINDOW]
    caret = " " * (column - 1 - start) + "^"
    return SoqlError(code, f"\n{shown}\n{caret}\nERROR at Row:{row}:Column:{column}\n{reason}")
