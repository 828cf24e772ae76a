"""simple-salesforce, as it is on PyPI, over TLS against the served org: queries and Bulk 2.0."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceOperationError
from simple_salesforce.format import format_soql

from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline_tests.sandbox.salesforce.given_org import insert

FAST: Mapping[str, Any] = {"wait": 0}


@pytest.fixture
def sf(sf: Any) -> Any:
    """The signed-in client, read as any Python object: its attributes are objects of the org."""
    return sf


def script(sf: Any, **given: object) -> dict[str, Any]:
    """Set the Bulk script as a person would, over HTTP."""
    answer = sf.session.post(f"https://{sf.sf_instance}/sandbox/bulk", json=given)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def payors(org: Org, count: int) -> None:
    """So many payors, by number."""
    for start in range(0, count, 200):
        insert(org, "Claim_Payor__c", *({"Name": f"P{n:05d}"} for n in range(start, min(start + 200, count))))


def test_query_and_its_total(org: Org, sf: Any) -> None:
    payors(org, 3)
    found = sf.query(format_soql("SELECT Id, Name FROM Claim_Payor__c WHERE Name = {}", "p00001"))
    assert (found["totalSize"], found["done"], found["records"][0]["Name"]) == (1, True, "P00001")
    assert sf.query("SELECT COUNT() FROM Claim_Payor__c")["totalSize"] == 3
    assert found["records"][0]["attributes"]["url"].startswith(
        "/services/data/v59.0/sobjects/Claim_Payor__c/a"
    )


def test_query_all_follows_every_page(org: Org, sf: Any) -> None:
    payors(org, 4_100)
    soql = "SELECT Name FROM Claim_Payor__c ORDER BY Name DESC"
    first = sf.query(soql)
    assert (first["totalSize"], first["done"], len(first["records"])) == (4_100, False, 2_000)
    names = [record["Name"] for record in sf.query_all(soql)["records"]]
    assert names == [f"P{n:05d}" for n in reversed(range(4_100))]
    assert [record["Name"] for record in sf.query_all_iter(soql)] == names
    more = sf.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    assert more["records"][0]["Name"] == names[2_000]


def test_query_all_can_include_deleted_records(org: Org, sf: Any) -> None:
    payors(org, 2)
    sf.Claim_Payor__c.delete(sf.query("SELECT Id FROM Claim_Payor__c LIMIT 1")["records"][0]["Id"])
    soql = "SELECT Id FROM Claim_Payor__c"
    assert [len(sf.query_all(soql, include_deleted=flag)["records"]) for flag in (False, True)] == [1, 2]


def test_a_wrong_query_raises_its_code(sf: Any) -> None:
    with pytest.raises(SalesforceMalformedRequest) as refused:
        sf.query("SELECT Nope__c FROM Claim__c")
    content: Any = refused.value.content
    assert content[0]["errorCode"] == "INVALID_FIELD"
    assert "No such column 'Nope__c'" in content[0]["message"]


def test_bulk_insert_upsert_update_and_delete(org: Org, sf: Any) -> None:
    inserted = sf.bulk2.Claim_Payor__c.insert(records=[{"Name": "Aetna"}, {"Name": "Zenith"}], **FAST)
    assert inserted[0]["numberRecordsProcessed"] == 2
    assert inserted[0]["numberRecordsFailed"] == 0
    for name in ("Ann", "Bob"):
        upserted = sf.bulk2.Claim__c.upsert(
            records=[{"Claim_Number__c": "C1", "Name": name}, {"Claim_Number__c": "C2", "Name": "x" * 81}],
            external_id_field="Claim_Number__c",
            **FAST,
        )[0]
        assert (upserted["numberRecordsProcessed"], upserted["numberRecordsFailed"]) == (2, 1)
    assert [one["Name"] for one in sf.query("SELECT Name FROM Claim__c")["records"]] == ["Bob"]
    ids = [one["Id"] for one in sf.query("SELECT Id FROM Claim_Payor__c")["records"]]
    sf.bulk2.Claim_Payor__c.update(records=[{"Id": ids[0], "Name": "Aetna US"}], **FAST)
    assert sf.query("SELECT COUNT() FROM Claim_Payor__c WHERE Name = 'Aetna US'")["totalSize"] == 1
    deleted = sf.bulk2.Claim_Payor__c.delete(records=[{"Id": one} for one in ids], **FAST)
    assert deleted[0]["numberRecordsProcessed"] == 2
    assert sf.query("SELECT COUNT() FROM Claim_Payor__c")["totalSize"] == 0


def test_bulk_upsert_of_a_file_in_parts(sf: Any, tmp_path: Path) -> None:
    path = tmp_path / "claims.csv"
    path.write_text("Claim_Number__c,Name\n" + "".join(f"C{n},N{n}\n" for n in range(450)))
    results = sf.bulk2.Claim__c.upsert(str(path), external_id_field="Claim_Number__c", batch_size=200, **FAST)
    assert [result["numberRecordsTotal"] for result in results] == [200, 200, 50]
    assert sf.query("SELECT COUNT() FROM Claim__c")["totalSize"] == 450


def test_bulk_results_by_kind(sf: Any, tmp_path: Path) -> None:
    job = sf.bulk2.Claim__c.insert(
        records=[{"Claim_Number__c": "C1", "Name": "Ann"}, {"Claim_Number__c": "C2", "Name": "x" * 81}],
        **FAST,
    )[0]["job_id"]
    failed = read(sf.bulk2.Claim__c.get_failed_records(job))
    assert failed[0]["sf__Error"].startswith("STRING_TOO_LONG:")
    assert [row["Claim_Number__c"] for row in read(sf.bulk2.Claim__c.get_successful_records(job))] == ["C1"]
    assert read(sf.bulk2.Claim__c.get_unprocessed_records(job)) == []
    every = sf.bulk2.Claim__c.get_all_ingest_records(job)
    assert {name: len(rows) for name, rows in every.items()} == {
        "successfulRecords": 1,
        "failedRecords": 1,
        "unprocessedRecords": 0,
    }
    sf.bulk2.Claim__c.get_failed_records(job, file=str(tmp_path / "failed.csv"))
    assert read((tmp_path / "failed.csv").read_text()) == failed


def test_results_read_as_text_show_names_broken(sf: Any) -> None:
    """No charset is told, as Salesforce tells none, so this client reads Latin-1: ours must read the bytes."""
    job = sf.bulk2.Claim__c.insert(records=[{"Claim_Number__c": "C1", "Name": "Änne"}], **FAST)[0]["job_id"]
    assert "Ã\x84nne" in sf.bulk2.Claim__c.get_successful_records(job)
    assert sf.query("SELECT Name FROM Claim__c")["records"][0]["Name"] == "Änne"


def test_bulk_query_and_download(org: Org, sf: Any, tmp_path: Path) -> None:
    insert(org, "Claim_Payor__c", *({"Name": f"Ä{n}"} for n in range(5)))
    soql = "SELECT Id, Name FROM Claim_Payor__c ORDER BY Name"
    pages = list(sf.bulk2.Claim_Payor__c.query(soql, max_records=2, **FAST))
    assert [[row["Name"] for row in read(page)] for page in pages] == [["Ä0", "Ä1"], ["Ä2", "Ä3"], ["Ä4"]]
    assert len(list(sf.bulk2.Claim_Payor__c.query_all(soql, **FAST))) == 1
    downloaded = sf.bulk2.Claim_Payor__c.download(soql, path=str(tmp_path), max_records=3, **FAST)
    assert [part["number_of_records"] for part in downloaded] == [3, 2]
    rows = [row for part in downloaded for row in read(Path(part["file"]).read_text())]
    assert [row["Name"] for row in rows] == [f"Ä{n}" for n in range(5)]


def test_a_failed_job_raises_and_what_it_committed_stays(sf: Any) -> None:
    script(sf, fail_after_rows=200)
    records = [{"Claim_Number__c": f"C{n}", "Name": "N"} for n in range(300)]
    with pytest.raises(SalesforceOperationError, match="InternalServerError"):
        sf.bulk2.Claim__c.upsert(records=records, external_id_field="Claim_Number__c", **FAST)
    assert sf.query("SELECT COUNT() FROM Claim__c")["totalSize"] == 200


def test_an_unknown_column_fails_the_job_by_name(sf: Any) -> None:
    with pytest.raises(SalesforceOperationError, match="InvalidBatch : Field name not found : Nope__c"):
        sf.bulk2.Claim__c.insert(records=[{"Claim_Number__c": "C1", "Nope__c": "x"}], **FAST)


def test_a_job_can_be_aborted_and_deleted_by_hand(sf: Any) -> None:
    client = sf.bulk2.Claim__c._client
    job = client.create_job("insert")["id"]
    assert client.abort_job(job, is_query=False)["state"] == "Aborted"
    answer = sf.session.delete(f"{sf.bulk2_url}ingest/{job}", headers=sf.headers)
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_chunked_upload_without_a_length_is_taken(sf: Any) -> None:
    """As jsforce sends it; the Bulk script can be set over HTTP beside it."""
    job = sf.bulk2.Claim__c._client.create_job("insert")["id"]
    parts = iter([b"Claim_Number__c,", b"Name\nC1,", "Ännie\n".encode()])
    headers = {"Authorization": f"Bearer {sf.session_id}", "Content-Type": "text/csv"}
    answer = sf.session.put(f"{sf.bulk2_url}ingest/{job}/batches/", data=parts, headers=headers)
    assert (answer.status_code, answer.content) == (201, b"")
    assert script(sf, polls_before_done=0)["polls_before_done"] == 0
    sf.bulk2.Claim__c._client.close_job(job)
    info = sf.session.get(f"{sf.bulk2_url}ingest/{job}", headers=headers).json()
    assert info["state"] == "JobComplete"
    results = sf.session.get(f"{sf.bulk2_url}ingest/{job}/successfulResults/", headers=headers)
    assert results.headers["Content-Type"] == "text/csv"
    assert "Ännie" in results.content.decode()


def read(text: str) -> list[dict[str, str]]:
    """CSV as rows."""
    return list(csv.DictReader(io.StringIO(text)))
