"""The canary's stage: a town full of planted patients, the doors to run it by, and all that a run may leave behind.

What belongs here: running, and what may stand where on the command line. Not here: planting and searching (`canary`).
"""

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import boto3
import dagster as dg
import requests

from claims_pipeline.definitions import build_definitions
from claims_pipeline.sandbox.collaboratemd.entries import Entry
from claims_pipeline.sandbox.collaboratemd.shelf import Report, Script
from claims_pipeline.sandbox.systems import FULL_FILTER_ID, RECENT_FILTER_ID, REPORT_ID
from claims_pipeline_tests.command_line import Said, claims_pipeline
from claims_pipeline_tests.journeys.canary import (
    AMOUNTS,
    CLAIM,
    DIGITS,
    PATIENT,
    PAYOR,
    Leak,
    as_csv,
    as_json,
    faulty_rows,
    good_rows,
    leaks_in,
    name_of,
    row,
)
from claims_pipeline_tests.town import FIRST, Town

REFUSED = (f"{CLAIM}4", f"{CLAIM}5")
QUOTE = f"{name_of(4)} {name_of(5)} {name_of(6)} {DIGITS} {AMOUNTS[0]} 2024-02-29"
MESSAGE = f"Filter criteria: Patient = {name_of(1)}; Account = {PATIENT}REF1"
ASSETS = (
    "raw_collaboratemd_claims",
    "payor_mapping",
    "transformed_claims",
    "salesforce_synced_claims",
    "unmapped_payors",
    "sync_report",
)
_LISTED = re.compile(r"\[[A-Z_]+\]: |Salesforce says [A-Z_]+")
"""Lines of the summary that list rejected rows or refused claims."""


@dataclass
class Scene:
    """A town full of canaries, and everything that a run may leave something in."""

    town: Town
    home: Path
    temporary: Path
    said: list[Said] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """As a run sees it."""
        return {**self.town.environment, "DAGSTER_HOME": str(self.home), "TMPDIR": str(self.temporary)}

    @property
    def storage(self) -> Path:
        """The pipeline's private storage."""
        return Path(self.town.environment["CLAIMS_STORAGE"])

    def shelve(self, report: Report | bytes, script: Script | None = None) -> None:
        """The report that both filters give, and how their runs go."""
        for filter_id in (RECENT_FILTER_ID, FULL_FILTER_ID):
            self.town.sandbox.reports.put(FIRST, REPORT_ID, filter_id, report)
            self.town.sandbox.reports.script(
                FIRST, REPORT_ID, filter_id, script or replace(Script.ready_after(1), message=MESSAGE)
            )

    def run(self, *only: str) -> dg.ExecuteInProcessResult:
        """The job through Dagster, in this process, with the instance on disk."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            job = build_definitions(self.town.environment).resolve_job_def("sync_claims")
            return job.execute_in_process(
                partition_key=FIRST,
                instance=instance,
                asset_selection=[dg.AssetKey(name) for name in only] if only else None,
                raise_on_error=False,
            )

    def type(self, *arguments: str, **settings: str) -> Said:
        """The command line, in this process."""
        self.said.append(claims_pipeline({**self.environment, **settings}, *arguments))
        return self.said[-1]

    def bulk(self, **script: object) -> None:
        """How the org's Bulk jobs go."""
        answer = requests.post(
            f"{self.town.sandbox.salesforce.url}/sandbox/bulk",
            json=script,
            verify=self.town.environment["CLAIMS_CA_BUNDLE"],
            timeout=30,
        )
        assert answer.ok, answer.text

    def state(self) -> bytes:
        """Every item of the sync state."""
        region, url = self.environment["AWS_REGION"], self.environment["DYNAMODB_ENDPOINT_URL"]
        client = boto3.client("dynamodb", region_name=region, endpoint_url=url)
        table = self.environment["DYNAMODB_TABLE_NAME"]
        if table not in client.list_tables()["TableNames"]:
            return b""
        items = client.scan(TableName=table)["Items"]
        return json.dumps(items, default=str).encode()


def planted_report() -> Report:
    """CSV and JSON in one ZIP, names of patients in the entries' names too."""
    return Report(
        (
            Entry(f"{PATIENT} MARY ANN.csv", as_csv([*good_rows(), *faulty_rows()])),
            Entry(f"{PATIENT}.json", as_json([row(201), row(202), row(203)[:5]])),
        )
    )


def leaks_in_words(said: Said) -> list[Leak]:
    """What the command line said: claim ids only where rows and claims are listed, payor names in the payor list."""
    leaks = leaks_in("the command line's words", said.words.encode())
    in_payor_list = False
    for line in said.words.splitlines():
        in_payor_list = (in_payor_list and line.startswith(" ")) or "payors to map" in line
        allowed = {CLAIM} if _LISTED.search(line) else {PAYOR} if in_payor_list else set()
        leaks += leaks_in(f"the line {line[:40]!r}", line.encode(), {CLAIM, PAYOR} - allowed)
    return leaks
