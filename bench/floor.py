"""The floor: what a first load costs that carries the same bytes through the same endpoints, and thinks nothing.

Stands alone: the standard library, requests, and PyJWT to sign in. One process, no polars, nothing of ours. The report
is run, polled for, and read straight out of its ZIP; each row goes into a Bulk file under the columns that the sync
writes, with a constant in the length of each column that the sync would work out, and `#N/A` where it would clear one.
What the org keeps in an index varies as it does in the sync's file: the payor key is the payor's name and id as they
came, and each is dealt one of the org's payors in turn. Amounts and dates are written as Salesforce takes them (it
would refuse them otherwise); nothing is cleaned, judged, grouped, matched or compared. Each file is put up as soon as
it is full, while Salesforce works on those before; then every job is waited for, and all its results are fetched. The
count of rows that Salesforce took is printed.

    python -m bench.floor        (settings from the environment, as `claims-pipeline sandbox` prints them)
"""

import base64
import csv
import io
import json
import os
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import jwt
import requests

ROWS_A_FILE = 150_000
CUSTOMER, REPORT, FILTER = "10001001", "10010", "20020"
CLEARED = "#N/A"
LOOKUP = "Claim_Payor__c"
"""The lookup of a claim, and the object that it leads to."""

FIELDS = {
    "Claim_Number__c": "ClaimID",
    "Name": "PateintNameID",
    "MR_Number__c": "PatientReference",
    "DOS__c": "StatementCoversFromDate",
    "DOS_End__c": "StatementCoversToDate",
    "Claim_Submitted_Date__c": "ClaimDateEntered",
    "Charged_Amount__c": "ClaimTotalAmount",
    "Paid_Amount__c": "ClaimAmountPaid",
    "Total_BDP__c": "ClaimBalance",
    "Paid_Date__c": "PaymentReceived",
    "EFT_or_Paper_Check__c": "PaymentCheck",
    "Insurance_Authorization_Number__c": "PrimaryAuth",
    "Payer__c": "PayerID",
    "Source_Payor_Name__c": "ClaimPrimaryPayerName",
    "Source_Status__c": "Claim Status",
}
"""Salesforce field -> label in the bench's report."""

PAYOR_KEY = "Source_Payor_Key__c"
COLUMNS = (*FIELDS, PAYOR_KEY)
"""Of each row that `rows_of` gives."""

CONSTANTS = {
    "Paid_Y_or_N__c": "Yes",
    "Source_Customer__c": CUSTOMER,
    "Source_Hash__c": "0:" + "0" * 38,
    "Source_Synced_At__c": "2026-02-15T07:00:00.000Z",
    "Source_As_Of__c": "2026-02-15T07:00:00.000Z",
    "Source_Missing_Since__c": CLEARED,
}
"""What the sync works out for each claim: here a text of that length."""


class Salesforce:
    """The calls of a Bulk upsert, and no more."""

    def __init__(self) -> None:
        self.url = os.environ["SALESFORCE_DOMAIN"]
        self.http = _http()
        told = {
            "iss": os.environ["SALESFORCE_CONSUMER_KEY"],
            "sub": os.environ["SALESFORCE_USERNAME"],
            "aud": "https://login.salesforce.com",
            "exp": int(time.time()) + 180,
        }
        key = Path(os.environ["SALESFORCE_PRIVATE_KEY"]).read_text()
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": jwt.encode(told, key, algorithm="RS256"),
        }
        answer = self.http.post(f"{self.url}/services/oauth2/token", data=form, timeout=60)
        answer.raise_for_status()
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, method: str, path: str, **kwargs: object) -> requests.Response:
        """One request; anything but success ends the script."""
        answer = self.http.request(method, f"{self.url}/services/data/v59.0/{path}", timeout=600, **kwargs)  # type: ignore[arg-type]
        answer.raise_for_status()
        return answer

    def payors(self) -> list[str]:
        """The ids of records that a claim's lookup may lead to."""
        found = self.call("GET", "query", params={"q": f"SELECT Id FROM {LOOKUP}"}).json()["records"]
        return [str(record["Id"]) for record in found]

    def begin(self, file: Path) -> str:
        """Put the file up and let its job start."""
        job = self.call(
            "POST",
            "jobs/ingest",
            json={
                "object": "Claim__c",
                "operation": "upsert",
                "externalIdFieldName": "Claim_Number__c",
                "contentType": "CSV",
                "lineEnding": "LF",
            },
        ).json()["id"]
        with file.open("rb") as stream:
            self.call("PUT", f"jobs/ingest/{job}/batches", data=stream, headers={"Content-Type": "text/csv"})
        self.call("PATCH", f"jobs/ingest/{job}", json={"state": "UploadComplete"})
        return str(job)

    def end(self, job: str, folder: Path) -> int:
        """Wait for the job, fetch all its results; how many rows were taken."""
        while (told := self.call("GET", f"jobs/ingest/{job}").json())["state"] not in (
            "JobComplete",
            "Failed",
        ):
            time.sleep(float(os.environ["SALESFORCE_POLL_SECONDS"]))
        for kind in ("successfulResults", "failedResults", "unprocessedrecords"):
            answer = self.call("GET", f"jobs/ingest/{job}/{kind}", stream=True)
            with (folder / f"{job}-{kind}.csv").open("wb") as file:
                for chunk in answer.iter_content(1024 * 1024):
                    file.write(chunk)
        return int(told["numberRecordsProcessed"]) - int(told["numberRecordsFailed"])


def _http() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.verify = os.environ["CLAIMS_CA_BUNDLE"]
    return session


def report_zip(to: Path) -> Path:
    """Run the report, poll for it, and leave its ZIP on disk."""
    http, url = _http(), os.environ["COLLABORATEMD_API_BASE_URL"]
    http.auth = (os.environ["COLLABORATEMD_USERNAME"], os.environ["COLLABORATEMD_PASSWORD"])
    http.headers["Accept"] = "application/json"
    reports = f"{url}/v1/customer/{CUSTOMER}/reports"
    run = http.post(f"{reports}/{REPORT}/filter/{FILTER}/run", timeout=60)
    run.raise_for_status()
    while True:
        answer = http.post(f"{reports}/results/{run.json()['Identifier']}", timeout=600)
        answer.raise_for_status()
        data = json.loads(answer.content).get("Data")
        if data:
            to.write_bytes(base64.b64decode(data))
            return to
        time.sleep(float(os.environ["COLLABORATEMD_POLL_SECONDS"]))


def rows_of(path: Path) -> Iterator[list[str]]:
    """The report's rows in the order of `COLUMNS`, amounts and dates as Salesforce takes them."""
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as entry:
        reader = csv.reader(io.TextIOWrapper(entry, encoding="utf-8", newline=""))
        header = next(reader)
        places = [header.index(label) for label in FIELDS.values()]
        name, payor_id = (list(FIELDS).index(field) for field in ("Source_Payor_Name__c", "Payer__c"))
        dates = [at for at, field in enumerate(FIELDS) if "Date__c" in field or field.startswith("DOS")]
        money = [
            at
            for at, field in enumerate(FIELDS)
            if field in ("Charged_Amount__c", "Paid_Amount__c", "Total_BDP__c")
        ]
        for cells in reader:
            if len(cells) < len(header):
                continue  # a blank line
            row = [cells[place] for place in places]
            for at in dates:
                if "/" in row[at]:
                    month, day, year = row[at].split("/")
                    row[at] = f"{year}-{month:0>2}-{day:0>2}"
                else:
                    row[at] = row[at][:10]
            for at in money:
                row[at] = row[at].replace("$", "").replace(",", "").replace("(", "-").replace(")", "")
            key = f"{row[name]}|{row[payor_id]}"
            yield [*(cell or CLEARED for cell in row), key]


def files_of(rows: Iterator[list[str]], payors: list[str], folder: Path) -> Iterator[Path]:
    """Bulk files of so many rows."""
    header, constants = [*COLUMNS, *CONSTANTS, LOOKUP], list(CONSTANTS.values())
    payor_id, payor_key = COLUMNS.index("Payer__c"), COLUMNS.index(PAYOR_KEY)
    payors = [*payors, *[""] * (len(payors) // 6)]  # the sync leaves out what it cannot match
    dealt = {CLEARED: ""}
    number, row = 0, next(rows, None)
    while row is not None:
        path = folder / f"{number}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            for _ in range(ROWS_A_FILE):
                whose = row[payor_key] if row[payor_id] != CLEARED else CLEARED
                lookup = dealt.setdefault(whose, payors[len(dealt) % len(payors)])
                writer.writerow([*row, *constants, lookup])
                row = next(rows, None)
                if row is None:
                    break
        yield path
        number += 1


def main() -> int:
    """Carry the report over."""
    with TemporaryDirectory(prefix="floor-") as name:
        folder = Path(name)
        salesforce = Salesforce()
        payors = salesforce.payors()
        path = report_zip(folder / "report.zip")
        jobs = [salesforce.begin(file) for file in files_of(rows_of(path), payors, folder)]
        print(f"{sum(salesforce.end(job, folder) for job in jobs):,} rows taken")
    return 0


if __name__ == "__main__":
    sys.exit(main())
