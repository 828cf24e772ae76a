"""The real client over TLS against the stand-in for Salesforce, which was written from the documentation alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from claims_pipeline.clients.salesforce import (
    CLAIM_FIELDS,
    BulkSizes,
    JobEvent,
    OrgNotReady,
    Patience,
    QuotaSpent,
    SalesforceClient,
    SalesforceLogin,
    SalesforceUnavailable,
    SignInRefused,
    Timing,
    UnexpectedAnswer,
)
from claims_pipeline.errors import DeadlineExceeded
from claims_pipeline.sandbox.faults import Fault, FaultsAndLog
from claims_pipeline.sandbox.salesforce.app import create_app
from claims_pipeline.sandbox.salesforce.bulk_api import BulkApi
from claims_pipeline.sandbox.salesforce.metadata import read_schema
from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import FieldAccess
from claims_pipeline.sandbox.salesforce.settings import INTEGRATION_USERNAME, OrgSettings
from claims_pipeline.sandbox.serving import LocalAuthority, serve
from claims_pipeline_tests.clients.salesforce.conftest import FakeTime

KEY = "Claim_Number__c"
BY_SECRET = {"consumer_key": "sandbox-consumer-key", "consumer_secret": "sandbox-consumer-secret"}
BY_PASSWORD = {
    "username": INTEGRATION_USERNAME,
    "password": "sandbox-password",
    "security_token": "sandboxTOKEN",
}


@dataclass
class Sandbox:
    """One org behind TLS, its faults and its log."""

    url: str
    org: Org
    bulk: BulkApi
    wire: FaultsAndLog
    ca_file: Path
    time: FakeTime
    opened: list[SalesforceClient]

    def client(
        self, *, login: dict[str, Any] | None = None, bulk_from: int = 2_000, **kwargs: Any
    ) -> SalesforceClient:
        """A client that never really waits, by client credentials unless told otherwise."""
        client = SalesforceClient(
            SalesforceLogin(domain=self.url, ca_bundle=self.ca_file, **(login or BY_SECRET)),
            clock=self.time.clock,
            sleep=self.time.sleep,
            jitter=lambda: 0.0,
            sizes=BulkSizes(threshold=bulk_from),
            **kwargs,
        )
        self.opened.append(client)
        return client

    def fault(self, method: str, path: str, **how: Any) -> None:
        self.wire.faults.add(Fault(method, path, **how))

    def close(self) -> None:
        for client in self.opened:
            client.close()

    def sign_ins(self) -> int:
        return sum(access.path.endswith("/token") or "/Soap/" in access.path for access in self.wire.log)

    def claims(self) -> dict[str, dict[str, Any]]:
        """The org's claims by number, without what differs from one org to the next."""
        own = {want.name for want in CLAIM_FIELDS}
        return {
            str(record[KEY]): {name: value for name, value in record.items() if name in own}
            for record in self.org.records("Claim__c")
        }


@pytest.fixture
def build_sandbox(
    authority: LocalAuthority, private_key: str, fake_time: FakeTime, tmp_path: Path
) -> Iterator[Callable[..., Sandbox]]:
    """Starts orgs; all are stopped at the end."""
    public = load_pem_private_key(private_key.encode(), None).public_key()
    certificate = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    stops: list[Callable[[], None]] = []

    def build() -> Sandbox:
        org = Org(
            read_schema(), clock=lambda: datetime.now(UTC), settings=OrgSettings(certificate=certificate)
        )
        folder = tmp_path / f"org-{len(stops)}"
        folder.mkdir()
        bulk = BulkApi(org, folder=folder)
        wire = FaultsAndLog(create_app(org, bulk=bulk))
        served = serve(wire, certificate=authority.certificate)
        stops.extend((served.close, org.close))
        sandbox = Sandbox(served.url, org, bulk, wire, authority.ca_file, fake_time, [])
        stops.insert(0, sandbox.close)
        return sandbox

    yield build
    for stop in stops:
        stop()


@pytest.fixture
def sandbox(build_sandbox: Callable[..., Sandbox]) -> Sandbox:
    return build_sandbox()


def payload(**columns: list[str | None]) -> pl.DataFrame:
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def many(count: int, **more: pl.Expr | pl.Series) -> pl.DataFrame:
    return payload(Claim_Number__c=[f"C{number:05}" for number in range(count)]).with_columns(**more)


def send(
    client: SalesforceClient, frame: pl.DataFrame, folder: Path, **kwargs: Any
) -> dict[str, tuple[Any, ...]]:
    """Key -> (id, outcome, code, fields)."""
    folder.mkdir(exist_ok=True)
    slices = client.upsert("Claim__c", KEY, [frame], work_folder=folder, **kwargs)
    rows = pl.concat(slices).rows()
    assert sorted(row[0] for row in rows) == sorted(frame.get_column(KEY))
    assert list(folder.iterdir()) == []
    return {row[0]: row[1:] for row in rows}


def outcomes(found: dict[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    return {key: row[1:] for key, row in found.items()}


def test_every_way_of_signing_in_ends_as_the_same_user(sandbox: Sandbox, private_key: str) -> None:
    by_jwt = {
        "username": INTEGRATION_USERNAME,
        "consumer_key": "sandbox-consumer-key",
        "private_key": private_key,
    }
    found = {sandbox.client(login=login).sign_in() for login in (by_jwt, BY_SECRET, BY_PASSWORD)}
    assert len(found) == 1
    identity = found.pop()
    assert identity.organization_id == sandbox.org.settings.organization_id
    assert (identity.username, identity.instance_url) == (INTEGRATION_USERNAME, sandbox.url)


def test_a_password_signs_in_below_version_65(sandbox: Sandbox) -> None:
    client = sandbox.client(login=BY_PASSWORD | {"api_version": "68.0"})
    client.preflight()
    assert any("/v64.0/" in access.path for access in sandbox.wire.log)


@pytest.mark.parametrize("wrong", [{"password": "no"}, {"security_token": "no"}, {"security_token": None}])
def test_a_wrong_password_or_token_is_one_refusal_and_one_try(
    sandbox: Sandbox, wrong: dict[str, Any]
) -> None:
    with pytest.raises(SignInRefused, match="security token"):
        sandbox.client(login=BY_PASSWORD | wrong).sign_in()
    assert sandbox.sign_ins() == 1


def test_our_metadata_passes_the_preflight(sandbox: Sandbox) -> None:
    shape = sandbox.client().preflight()
    assert shape.writable == {want.name for want in CLAIM_FIELDS}
    assert (shape.missing, shape.warnings) == ((), ())
    assert shape.lengths["Source_Payor_Key__c"] == 255


def test_fields_hidden_or_read_only_are_named_before_a_row_is_sent(sandbox: Sandbox) -> None:
    user = sandbox.org.user(INTEGRATION_USERNAME)
    assert user is not None
    sandbox.org.set_access(user, "Claim__c", "DOS__c", FieldAccess.HIDDEN)
    sandbox.org.set_access(user, "Claim__c", "Payer__c", FieldAccess.READ_ONLY)
    sandbox.org.set_access(user, "Claim__c", "Source_Hash__c", FieldAccess.HIDDEN)
    with pytest.raises(OrgNotReady) as raised:
        sandbox.client().preflight()
    assert [problem.partition(":")[0] for problem in raised.value.problems] == ["DOS__c", "Payer__c"]
    shape = sandbox.client().preflight(left_alone={"DOS__c", "Payer__c"})
    assert shape.missing == ("Source_Hash__c",)


def test_an_org_without_the_mapping_table_has_no_mappings(sandbox: Sandbox) -> None:
    assert sandbox.client().read_mappings() is not None
    sandbox.org.drop_object("Claim_Payor_Mapping__c")
    assert sandbox.client().read_mappings() is None


MIXED = payload(
    Claim_Number__c=["A1", "a2", "Zoë'\\", "D4", "E5", "F6", "G7", "H8"],
    Name=["Doe, Jane", 'x\n"y"', None, "#N/A", "é" * 81, "n", "n", "n"],
    Charged_Amount__c=["1234.50", None, "0.10", "-5.00", "1.00", "12345678901234.50", "1.00", "1.00"],
    DOS__c=["2026-01-05", None, "2026-02-28", "2026-01-01", "2026-01-01", "", "2024-02-29", "2026-01-01"],
    Paid_Y_or_N__c=["Yes", "No", None, "No", "No", "", "Maybe", "No"],
    Payer__c=["00123", " ", "", "x", "y", "z", "z", "z"],
    Source_As_Of__c=["2026-01-05T10:00:00.000Z", None, None, None, None, None, None, None],
)


def test_the_same_rows_by_either_way_leave_the_same_org_and_the_same_outcomes(
    build_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    changed = MIXED.with_columns(
        Charged_Amount__c=pl.lit("7.00"),
        DOS__c=pl.lit(None, dtype=pl.String),
        Name=pl.lit(""),
        Paid_Y_or_N__c=pl.lit("Yes"),
    )
    found = []
    for bulk_from in (2_000, 1):
        sandbox = build_sandbox()
        client = sandbox.client(bulk_from=bulk_from)
        told = [outcomes(send(client, frame, tmp_path / "work")) for frame in (MIXED, changed, changed)]
        read = client.read_claims(MIXED.get_column(KEY).to_list(), [*MIXED.columns, "Claim_Payor__c"])
        whole = client.download_claims(read.columns, where=None, work_folder=tmp_path / "whole")
        assert pl.concat(whole).sort(KEY).equals(read.sort(KEY))
        found.append((told, sandbox.claims(), read.sort(KEY).rows()))
        jobs = [access for access in sandbox.wire.log if access.path.endswith("/jobs/ingest")]
        assert len(jobs) == (3 if bulk_from == 1 else 0)
    by_collections, by_bulk = found
    assert by_collections == by_bulk
    first, second, third = by_bulk[0]
    assert {key: row[0] for key, row in first.items()} == {
        "A1": "created",
        "a2": "created",
        "Zoë'\\": "created",
        "D4": "created",
        "E5": "refused",
        "F6": "created",
        "G7": "refused",
        "H8": "created",
    }
    assert first["E5"] == ("refused", "STRING_TOO_LONG", "Name")
    assert {row[0] for row in second.values()} == {"created", "updated"}
    assert {row[0] for row in third.values()} == {"updated"}
    claims = by_bulk[1]
    assert claims["D4"]["Name"] == "#N/A"
    assert claims["A1"]["Name"] == "Doe, Jane"
    assert claims["A1"]["DOS__c"] is None


def test_a_date_that_is_none_is_refused_by_either_way_in_its_own_words(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    frame = many(2, DOS__c=pl.Series(["2026-02-30", "2026-02-28"]))
    codes = set()
    for bulk_from in (2_000, 1):
        found = send(sandbox.client(bulk_from=bulk_from), frame, tmp_path / "work")
        assert found["C00000"][1] == "refused"
        assert found["C00001"][1] in ("created", "updated")
        codes.add(found["C00000"][2])
    assert codes == {"JSON_PARSER_ERROR", "INVALID_TYPE_ON_FIELD_IN_RECORD"}


def test_a_key_is_found_whatever_its_case(sandbox: Sandbox, tmp_path: Path) -> None:
    for bulk_from, expected in ((2_000, "created"), (1, "updated")):
        client = sandbox.client(bulk_from=bulk_from)
        key = "Ab1" if bulk_from == 1 else "aB1"
        assert send(client, payload(Claim_Number__c=[key]), tmp_path / "work")[key][1] == expected
    assert sandbox.client().read_claims(["AB1"], [KEY]).height == 1


def test_thousands_of_rows_are_read_back_as_they_were_sent(sandbox: Sandbox, tmp_path: Path) -> None:
    frame = many(4_321, Charged_Amount__c=pl.int_range(4_321).cast(pl.String) + ".05", Name=pl.lit("Zoë, Ñ"))
    client = sandbox.client()
    assert {row[1] for row in send(client, frame, tmp_path / "work").values()} == {"created"}
    fields = [KEY, "Charged_Amount__c", "Name"]
    keys = frame.get_column(KEY).to_list()
    assert client.read_claims(keys, fields).sort(KEY).equals(frame.select(fields))
    whole = client.download_claims(fields, where=None, work_folder=tmp_path / "whole")
    assert pl.concat(whole).sort(KEY).equals(frame.select(fields))
    assert client.api_usage is not None and client.api_usage.used == sandbox.org.api_requests_used


def test_a_session_lost_between_any_two_steps_costs_one_sign_in(sandbox: Sandbox, tmp_path: Path) -> None:
    steps = (
        "POST .*/jobs/ingest$",
        "PUT ",
        "PATCH ",
        "GET .*/jobs/ingest/\\w+$",
        "GET .*successful",
    )
    for number, step in enumerate(steps):
        client = sandbox.client(bulk_from=1)
        client.describe("Claim__c")
        before = sandbox.sign_ins()
        method, _, path = step.partition(" ")
        sandbox.fault(
            method,
            path,
            status=401,
            body=b'[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]',
            headers={"Content-Type": "application/json"},
        )
        expected = "created" if number == 0 else "updated"
        found = send(client, many(3), tmp_path / "work")
        assert {row[1] for row in found.values()} == {expected}, step
        assert sandbox.sign_ins() == before + 1, step


def test_sessions_that_the_org_ends_are_renewed(sandbox: Sandbox, tmp_path: Path) -> None:
    client = sandbox.client(login=BY_PASSWORD)
    client.preflight()
    sandbox.org.sessions.expire_all()
    assert send(client, many(2), tmp_path / "work")["C00000"][1] == "created"
    assert sandbox.sign_ins() == 2


def test_a_lasting_401_costs_exactly_one_new_sign_in_even_while_the_job_is_left(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    client = sandbox.client(bulk_from=1)
    client.describe("Claim__c")
    dead = b'[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]'
    sandbox.fault(
        "*", "/jobs/ingest/", times=99, status=401, body=dead, headers={"Content-Type": "application/json"}
    )
    with pytest.raises(SignInRefused):
        send(client, many(3), tmp_path / "work")
    assert sandbox.sign_ins() == 2


def test_a_failed_jobs_committed_rows_are_told_and_the_rest_is_sent(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.bulk.script.fail_after_rows = 2
    client = sandbox.client(bulk_from=3)
    events: list[JobEvent] = []
    found = send(client, many(4), tmp_path / "work", on_job=lambda _, event: events.append(event))
    assert {row[1] for row in found.values()} == {"created"}
    assert len(sandbox.claims()) == 4
    assert events == [JobEvent.CREATED, JobEvent.ENDED]


def test_rows_that_no_job_ever_processes_end_unprocessed(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.bulk.script.fail_after_rows = 0
    found = send(sandbox.client(bulk_from=1), many(3), tmp_path / "work")
    assert {row[1] for row in found.values()} == {"unprocessed"}
    assert sandbox.claims() == {}


def test_a_job_that_never_ends_is_aborted_and_writes_no_more(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.bulk.script.hold = True
    client = sandbox.client(bulk_from=1, patience=Patience(1, 1, 3))
    events: list[JobEvent] = []
    with pytest.raises(DeadlineExceeded):
        send(client, many(3), tmp_path / "work", on_job=lambda _, event: events.append(event))
    assert events == [JobEvent.CREATED, JobEvent.ABORTED]
    sandbox.bulk.release()
    assert sandbox.claims() == {}


def test_a_job_of_an_earlier_run_is_ended_by_the_next(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.bulk.script.hold = True
    left: list[str] = []
    sandbox.fault("PATCH", "/jobs/ingest/", after=1, times=9, status=503)
    with pytest.raises(DeadlineExceeded):
        client = sandbox.client(bulk_from=1, patience=Patience(1, 1, 3))
        send(client, many(3), tmp_path / "work", on_job=lambda job_id, _: left.append(job_id))
    assert len(left) == 1
    sandbox.wire.faults.clear()
    assert sandbox.client().end_job(left[0]) == "Aborted"
    assert sandbox.client().end_job(left[0]) == "Aborted"
    sandbox.bulk.release()
    assert sandbox.claims() == {}


def test_a_record_locked_for_a_while_is_written_by_either_way(sandbox: Sandbox, tmp_path: Path) -> None:
    for bulk_from in (2_000, 1):
        sandbox.org.scripts.lock("Claim__c", "C00001", times=1)
        found = send(sandbox.client(bulk_from=bulk_from), many(3), tmp_path / "work")
        assert {row[0:1] + row[2:] for row in found.values()} == {
            (row[0], None, None) for row in found.values()
        }
    assert len(sandbox.claims()) == 3


def test_lost_answers_are_repeated_and_told_truly(sandbox: Sandbox, tmp_path: Path) -> None:
    """The first call creates and its answer is lost; the repeat would say `updated`."""
    sandbox.fault("PATCH", "/composite/sobjects/", status=503, before=False)
    found = send(sandbox.client(), many(3), tmp_path / "work")
    assert {row[1] for row in found.values()} == {"created"}
    assert len(sandbox.claims()) == 3


def test_an_answer_cut_on_the_wire_is_repeated(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.fault("PATCH", "/composite/sobjects/", cut_after_bytes=20)
    sandbox.fault("GET", "/successfulResults", cut_after_bytes=20)
    sandbox.fault("GET", "/jobs/query/\\w+/results", cut_after_bytes=20)
    for bulk_from, expected in ((2_000, "created"), (1, "updated")):
        found = send(sandbox.client(bulk_from=bulk_from), many(30), tmp_path / "work")
        assert {row[1] for row in found.values()} == {expected}
    whole = sandbox.client().download_claims([KEY], where=None, work_folder=tmp_path / "whole")
    assert pl.concat(whole).height == 30


def test_429_and_web_pages_pass(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.fault("PATCH", "/composite/sobjects/", status=429, headers={"Retry-After": "7"})
    page = {"status": 200, "body": b"<html>Jane Doe</html>", "headers": {"Content-Type": "text/html"}}
    sandbox.fault("GET", "/describe", **page)
    assert len(send(sandbox.client(), many(3), tmp_path / "work")) == 3
    assert 7 in sandbox.time.slept
    sandbox.fault("GET", "/query", times=99, **page)
    with pytest.raises(UnexpectedAnswer) as raised:
        list(sandbox.client().query("SELECT Id FROM Claim__c"))
    assert "Jane" not in str(raised.value)


def test_an_org_that_is_down_leaves_rows_unknown_and_unprocessed(sandbox: Sandbox, tmp_path: Path) -> None:
    client = sandbox.client(timing=Timing(attempts=2), login=BY_SECRET | {"batch_size": 2})
    sandbox.fault("PATCH", "/composite/sobjects/", after=1, times=99, status=503)
    found = send(client, many(6), tmp_path / "work")
    assert [row[1] for row in found.values()] == ["created"] * 2 + ["unknown"] * 2 + ["unprocessed"] * 2


def test_an_answer_that_never_comes_is_not_waited_for(sandbox: Sandbox) -> None:
    client = sandbox.client(timing=Timing(read_seconds=0.05, attempts=2))
    client.sign_in()
    sandbox.fault("GET", "/describe", times=2, delay_seconds=0.2, status=503)
    with pytest.raises(SalesforceUnavailable):
        client.preflight()


def test_the_spent_quota_is_said_as_that(sandbox: Sandbox) -> None:
    client = sandbox.client()
    client.sign_in()
    sandbox.org.daily_api_requests = sandbox.org.api_requests_used
    with pytest.raises(QuotaSpent):
        client.preflight()


def test_payors_and_mappings_are_read(sandbox: Sandbox) -> None:
    user = sandbox.org.user(INTEGRATION_USERNAME)
    assert user is not None
    (payor,) = sandbox.org.insert(
        user, "Claim_Payor__c", [{"Name": "AETNA (#60054)", "Payor_ID__c": "60054"}]
    )
    row = {"Payor_Key__c": "aetna|60054", "Claim_Payor__c": payor.id, "Ignored__c": False}
    sandbox.org.insert(user, "Claim_Payor_Mapping__c", [row])
    client = sandbox.client()
    assert client.read_payors().rows() == [(payor.id, "AETNA (#60054)", "60054")]
    mappings = client.read_mappings()
    assert mappings is not None
    told = mappings.rows(named=True)[0]
    assert (told["payor_key"], told["claim_payor"], told["ignored"]) == ("aetna|60054", payor.id, False)
    assert told["status"] == "Mapped"
