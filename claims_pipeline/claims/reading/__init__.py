"""Reading the report: bytes to raw rows.

What belongs here: encodings, records, rows and their numbers, the header's labels. Not here: what a cell means
(`claims.values`, `claims.rows`), nor where the bytes come from (`storage.report_zip`).
"""

from claims_pipeline.claims.reading.glance import Glance, glance_at
from claims_pipeline.claims.reading.refusals import BrokenJson, BrokenRow, EmptyFile
from claims_pipeline.claims.reading.report import (
    ReportFacts,
    ReportReading,
    read_csv_rows,
    read_json_rows,
    read_report,
)
from claims_pipeline.claims.reading.slices import RAW_ROWS

__all__ = [
    "RAW_ROWS",
    "BrokenJson",
    "BrokenRow",
    "EmptyFile",
    "Glance",
    "ReportFacts",
    "ReportReading",
    "glance_at",
    "read_csv_rows",
    "read_json_rows",
    "read_report",
]
