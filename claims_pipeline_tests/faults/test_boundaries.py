"""The same call has the same name in every run, and strace's words are counted as they should be."""

from pathlib import Path

import pytest

from claims_pipeline_tests.faults.boundaries import kind_of_rename, kind_of_request
from claims_pipeline_tests.faults.sweep import renames_under

STORAGE = Path("/private/storage")


@pytest.mark.parametrize(
    ("method", "url", "headers", "kind"),
    [
        ("GET", "/services/data/v59.0/query/?q=SELECT+Id", {}, "GET /query"),
        ("GET", "/services/data/v62.0/jobs/query/750Vx0000000001IAA", {}, "GET /jobs/query/{id}"),
        (
            "GET",
            "/services/data/v59.0/jobs/ingest/750Vx0000000002/unprocessedrecords",
            {},
            "GET /jobs/ingest/{id}/unprocessedrecords",
        ),
        (
            "POST",
            "/v1/customer/10001001/reports/results/7000001",
            {},
            "POST /v1/customer/{id}/reports/results/{id}",
        ),
        ("POST", "/", {"X-Amz-Target": b"DynamoDB_20120810.UpdateItem"}, "DynamoDB UpdateItem"),
    ],
)
def test_a_request_is_named_without_ids_query_and_version(
    method: str, url: str, headers: dict[str, object], kind: str
) -> None:
    assert kind_of_request(method, url, headers) == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("rejected_claims/10001001.parquet", "rename rejected_claims/10001001.parquet"),
        ("rejected_claims/.10001001.parquet.3f2a", "rename beside rejected_claims/10001001.parquet"),
        ("reports/10001001/000000000007/20020.zip", "rename reports/10001001/{fetch}/20020.zip"),
        ("work/sync-lh72wnfd/fetch/20020.zip", "rename work/sync/fetch/20020.zip"),
    ],
)
def test_a_rename_is_named_by_its_target_without_what_differs_by_run(name: str, kind: str) -> None:
    assert kind_of_rename(STORAGE / name, STORAGE) == kind


def test_renames_are_counted_by_their_target_and_once_where_strace_split_them(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.write_text(
        '11 rename("/private/storage/work/a", "/private/storage/x/.a.1") = 0\n'
        '11 rename("/private/storage/x/.a.1", "/private/storage/x/a" <unfinished ...>\n'
        "12 <... rename resumed>) = 0\n"
        '12 renameat2(AT_FDCWD, "/tmp/b", AT_FDCWD, "/private/storage/b", RENAME_NOREPLACE) = 0\n'
        '12 rename("/private/storage/work/a", "/tmp/a") = 0\n'
        '12 rename("/home/x.pyc.1", "/home/x.pyc") = 0\n'
        "12 +++ exited with 0 +++\n"
    )
    assert renames_under(STORAGE, trace) == 3
