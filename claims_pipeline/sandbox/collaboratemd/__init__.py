"""A stand-in for CollaborateMD's Web API, over HTTP: saved reports are run, polled for, and handed out as a ZIP.

What belongs here: the service as its documentation and those who call it describe it, and the ways in which it is known
to be difficult. Not here: what stands in a report (`sandbox.generator`), faults of the wire (`sandbox.faults`), TLS.
"""

from claims_pipeline.sandbox.collaboratemd.app import create_app
from claims_pipeline.sandbox.collaboratemd.entries import Content, Entry, csv_entry, json_entry
from claims_pipeline.sandbox.collaboratemd.shelf import Answer, EmptyData, Report, ReportShelf, Script, Wire
from claims_pipeline.sandbox.collaboratemd.zips import ZipShape, write_zip

__all__ = [
    "Answer",
    "Content",
    "EmptyData",
    "Entry",
    "Report",
    "ReportShelf",
    "Script",
    "Wire",
    "ZipShape",
    "create_app",
    "csv_entry",
    "json_entry",
    "write_zip",
]
