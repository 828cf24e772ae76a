"""Why a file of the report is not read on. Messages hold file and row numbers, never cells.

What belongs here: the errors of reading and their words. Not here: those of the header (`claims.header`).
"""

from claims_pipeline.errors import ReportError


class BrokenRow(ReportError):
    """A row where reading must stop: reading on would make claims of fragments."""

    def __init__(self, file: int, row: int, what: str) -> None:
        self.file = file
        self.row = row
        super().__init__(
            f"File {file} of the report stops at row {row}: {what}. No row of the report was used, since reading on "
            "would make claims of fragments. Look at this row in CollaborateMD (a quote in a name or a note, often), "
            "mend it there, and run again."
        )


class EmptyFile(ReportError):
    """A file without even a header: it says nothing, and must not pass for a report without claims."""

    def __init__(self, file: int) -> None:
        super().__init__(
            f"File {file} of the report is empty, it has not even a header row. A report without claims has its "
            "header, so this is not taken for one. Run again; if it stays, run the saved report in CollaborateMD by "
            "hand and look at what it makes."
        )


class BrokenJson(ReportError):
    """A JSON file that is cut off, or is no list of records."""

    def __init__(self, file: int, what: str) -> None:
        super().__init__(
            f"File {file} of the report cannot be read as JSON: {what}. It must be a list of records, or an object "
            "with such a list named data. Run again; if it stays, choose CSV as the saved report's format."
        )
