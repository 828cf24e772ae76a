"""The real client against the CollaborateMD stand-in over HTTP: the slot, the polls, the ambiguous empty success."""

import base64
import io
import stat
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from claims_pipeline.clients.collaboratemd import (
    AnswerUnreadable,
    CollaborateMDClient,
    CredentialsRefused,
    ReportDeadline,
    ReportFailed,
    ReportNotFound,
    ReportTimedOut,
    ServiceRefused,
    ServiceUnavailable,
    SlotTaken,
    Status,
    UnknownStatus,
    Waiting,
)
from claims_pipeline.errors import DeadlineExceeded, PermanentError, SettingsError, TransientError
from claims_pipeline.sandbox.collaboratemd import (
    Answer,
    EmptyData,
    Entry,
    Report,
    ReportShelf,
    Script,
    Wire,
    ZipShape,
    create_app,
    write_zip,
)
from claims_pipeline.sandbox.faults import Fault, FaultsAndLog
from claims_pipeline.sandbox.serving import LocalAuthority, serve
from claims_pipeline_tests.clients.given_collaboratemd import (
    CUSTOMER,
    FILTER,
    PASSWORD,
    PLACE,
    REPORT,
    SECRET_CRITERIA,
    FakeTime,
    client_at,
    files_in,
)

CSV = b"ClaimID,ClaimBalance\r\n500000001,1.00\r\n"
OTHERS = b"ClaimID,ClaimBalance\r\n666666666,6.00\r\n"
RUN, RESULTS = "/run$", "/results/"


class Front:
    """One server for all tests here: it hands each request to the app of the test that runs."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None
        self.url = ""
        self._answering = 0
        self._changed = threading.Condition()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.app is None or scope["type"] != "http":
            return
        self._count(1)
        try:
            await self.app(scope, receive, send)
        finally:
            self._count(-1)

    def wait_until_idle(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._answering == 0, timeout=30)

    def _count(self, change: int) -> None:
        with self._changed:
            self._answering += change
            self._changed.notify_all()


@dataclass
class Service:
    """The stand-in, and what is needed to ask it."""

    front: Front
    shelf: ReportShelf
    app: FaultsAndLog
    time: FakeTime
    folder: Path

    def client(self, **options: Any) -> CollaborateMDClient:
        return client_at(self.url, self.time, **options)

    def fetch(self, **options: Any) -> bool:
        with self.client(**options) as client:
            return client.fetch_report(*PLACE, self.zip)

    @property
    def url(self) -> str:
        return self.front.url

    def calls(self) -> int:
        """How many calls there were in all, once none is being answered any more."""
        self.front.wait_until_idle()
        return len(self.app.log)

    @property
    def zip(self) -> Path:
        return self.folder / "report.zip"

    @property
    def rows(self) -> bytes:
        with zipfile.ZipFile(self.zip) as archive:
            return archive.read(archive.namelist()[0])

    def asked(self, ending: str) -> int:
        """How often a call was made."""
        return sum(ending in access.path for access in self.app.log)

    def script(self, **script: Any) -> None:
        self.shelf.script(*PLACE, Script(message=SECRET_CRITERIA, **script))


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    front = Front()
    with serve(front, certificate=None) as served:
        front.url = served.url
        yield front


@pytest.fixture
def service(front: Front, tmp_path: Path) -> Service:
    (tmp_path / "shelf").mkdir()
    (tmp_path / "ours").mkdir()
    shelf = ReportShelf(tmp_path / "shelf")
    shelf.put(*PLACE, CSV)
    app = front.app = FaultsAndLog(create_app(shelf, partners={"partner": PASSWORD}))
    return Service(front, shelf, app, FakeTime(), tmp_path / "ours")


def shown(error: BaseException) -> str:
    """The message, after checking that it keeps to itself what others must not read."""
    text = str(error)
    assert SECRET_CRITERIA not in text
    assert PASSWORD not in text
    assert CUSTOMER in text
    assert error.__cause__ is None
    return text


def test_a_report_is_run_polled_and_brought_to_disk(service: Service) -> None:
    service.shelf.script(*PLACE, Script.ready_after(2))
    assert service.fetch() is True
    assert service.rows == CSV
    assert service.time.slept == [10, 10]
    assert files_in(service.folder) == ["report.zip"]


def test_the_zip_is_readable_by_its_owner_alone(service: Service) -> None:
    service.fetch()
    assert stat.S_IMODE(service.zip.stat().st_mode) == 0o600


def test_requests_have_no_body_and_two_steps_do_as_one(service: Service) -> None:
    with service.client() as client:
        identifier = client.run_report(*PLACE)
        assert client.download(CUSTOMER, identifier, service.zip) is True
    assert service.rows == CSV
    assert [access.path for access in service.app.log] == [
        f"/v1/customer/{CUSTOMER}/reports/{REPORT}/filter/{FILTER}/run",
        f"/v1/customer/{CUSTOMER}/reports/results/{identifier}",
    ]
    assert [access.request_bytes for access in service.app.log] == [0, 0]


@pytest.mark.parametrize(
    "wire",
    [
        Wire(data_first=True),
        Wire(lines_of_76=True),
        Wire(slashes_escaped=True),
        Wire(json_refused=True),
        Wire(json_refused=True, lines_of_76=True, data_first=True),
        Wire(json_refused=True, root="x:Answer xmlns:x='urn:x'"),
    ],
)
def test_every_way_of_writing_the_answer_gives_the_same_report(service: Service, wire: Wire) -> None:
    big = CSV + b"".join(b"%d,1.00\r\n" % number for number in range(100_000))
    service.shelf.put(*PLACE, Report.csv(big, shape=ZipShape(deflate=False)))
    service.shelf.wire = replace(wire, root=wire.root.partition(" ")[0].rpartition(":")[2])
    assert service.fetch() is True
    assert service.rows == big


def test_xml_is_asked_for_once_json_is_refused_and_then_at_once(service: Service) -> None:
    service.shelf.wire = Wire(json_refused=True)
    with service.client() as client:
        client.fetch_report(*PLACE, service.zip)
        client.fetch_report(*PLACE, service.zip)
    assert [access.status for access in service.app.log] == [415, 200, 200, 200, 200]
    assert service.time.slept == []


def test_a_success_without_data_is_not_believed_at_once(service: Service) -> None:
    service.shelf.script(*PLACE, Script.ready_after(1, empty=5))
    assert service.fetch() is True
    assert service.rows == CSV


@pytest.mark.parametrize("empty_data", list(EmptyData))
@pytest.mark.parametrize("json_refused", [False, True])
def test_a_lasting_success_without_data_is_believed_empty_and_leaves_no_file(
    service: Service, empty_data: EmptyData, json_refused: bool
) -> None:
    service.shelf.wire = Wire(json_refused=json_refused)
    service.script(polls=(Answer.EMPTY,), empty_data=empty_data)
    service.zip.write_bytes(b"of an earlier fetch")
    assert service.fetch() is False
    assert files_in(service.folder) == []
    assert service.asked(RESULTS) == 6


def test_a_report_running_in_between_starts_the_grace_anew(service: Service) -> None:
    five = (Answer.EMPTY,) * 5
    service.script(polls=(*five, Answer.RUNNING, *five, Answer.RUNNING, *five, Answer.DATA))
    assert service.fetch() is True
    assert service.rows == CSV


def test_the_slot_is_waited_for_and_a_foreign_identifier_never_taken(service: Service) -> None:
    foreign = service.shelf.occupy("partner", answers=4, report=Report.csv(OTHERS))
    waits: list[Waiting] = []
    with service.client() as client:
        identifier = client.run_report(*PLACE, on_waiting=waits.append)
        assert client.download(CUSTOMER, identifier, service.zip)
    assert identifier != str(foreign)
    assert service.rows == CSV
    assert [wait.waited_seconds for wait in waits] == [0, 10, 20, 30]
    assert {(wait.status, wait.own_lost_run) for wait in waits} == {(Status.RUNNING, False)}
    assert not any(str(foreign) in access.path for access in service.app.log)


def test_a_slot_that_stays_taken_ends_at_the_deadline(service: Service) -> None:
    service.shelf.occupy("partner", answers=1000)
    with pytest.raises(SlotTaken) as caught:
        service.fetch(deadline_seconds=300)
    assert isinstance(caught.value, DeadlineExceeded)
    assert service.time.now <= 1300
    assert shown(caught.value) == (
        "CollaborateMD runs one report at a time, and the slot stayed taken for 290 s, by another report of the same "
        f"API user (customer {CUSTOMER}, report {REPORT}, filter {FILTER}). Run again later, or move the other "
        "report's schedule."
    )


def test_a_run_whose_answer_was_lost_is_waited_out_and_never_guessed(service: Service) -> None:
    """The service acted, we never heard: the slot is ours without an identifier, until that run is over."""
    service.shelf.script(*PLACE, Script.ready_after(3))
    service.app.faults.add(Fault(path=RUN, status=502, before=False))
    waits: list[Waiting] = []
    with service.client() as client:
        identifier = client.run_report(*PLACE, on_waiting=waits.append)
        assert client.download(CUSTOMER, identifier, service.zip)
    lost, ours = service.shelf.runs
    assert identifier == str(ours.identifier)
    assert {wait.own_lost_run for wait in waits} == {True}
    assert not any(str(lost.identifier) in access.path for access in service.app.log)


def test_a_lost_run_that_never_ends_is_named_as_perhaps_our_own(service: Service) -> None:
    service.shelf.script(*PLACE, Script.ready_after(1000))
    service.app.faults.add(Fault(path=RUN, cut_after_bytes=7))
    with pytest.raises(SlotTaken, match="perhaps by a run of our own whose answer was lost"):
        service.fetch(deadline_seconds=100)


@pytest.mark.parametrize("answer", [Answer.NOT_FOUND, Answer.INVALID_CRITERIA])
def test_a_report_that_is_not_there_names_the_settings_to_check(service: Service, answer: Answer) -> None:
    service.script(runs=(answer,))
    with pytest.raises(ReportNotFound) as caught:
        service.fetch()
    assert isinstance(caught.value, PermanentError)
    assert shown(caught.value) == (
        f"CollaborateMD answered {answer.status} (customer {CUSTOMER}, report {REPORT}, filter {FILTER}). Check "
        "COLLABORATEMD_REPORT_ID, COLLABORATEMD_FILTER_ID (and COLLABORATEMD_FULL_FILTER_ID) and "
        "COLLABORATEMD_CUSTOMER; the report must be of the Central Business Intelligence kind, and CollaborateMD must "
        "have approved it for the API."
    )
    assert service.asked(RUN[:-1]) == 1


def test_equal_report_and_filter_ids_are_pointed_at(service: Service) -> None:
    with (
        service.client() as client,
        pytest.raises(ReportNotFound, match="report id and the filter id are equal"),
    ):
        client.run_report(CUSTOMER, REPORT, REPORT)


def test_a_report_that_the_server_gives_up_is_run_once_more(service: Service) -> None:
    service.script(polls=(Answer.RUNNING, Answer.TIMED_OUT))
    with pytest.raises(ReportTimedOut) as caught:
        service.fetch()
    assert isinstance(caught.value, TransientError)
    assert len(service.shelf.runs) == 2
    assert shown(caught.value) == (
        f"CollaborateMD gave up on the report, it ran too long (customer {CUSTOMER}, report {REPORT}, filter {FILTER}; "
        "2 run(s)). Run again at a quieter time. If it stays, narrow the saved filter, or split it into several "
        "filters that together are the full fetch."
    )


def test_an_error_that_passes_is_polled_through_and_one_that_lasts_is_told(service: Service) -> None:
    service.script(polls=(Answer.ERROR, Answer.ERROR, Answer.DATA))
    assert service.fetch() is True
    service.script(polls=(Answer.ERROR,))
    with pytest.raises(ReportFailed) as caught:
        service.fetch()
    identifier = service.shelf.runs[-1].identifier
    assert len(service.shelf.runs) == 3
    assert shown(caught.value) == (
        f"CollaborateMD answered ERROR 3 time(s) (customer {CUSTOMER}, report {REPORT}, filter {FILTER}, result "
        f"{identifier}). Run again later. If it stays, run the saved report in CollaborateMD by hand; if it fails "
        "there too, tell CollaborateMD's support."
    )


@pytest.mark.parametrize(
    ("answer", "error"), [(Answer.ERROR, ReportFailed), (Answer.TIMED_OUT, ReportTimedOut)]
)
def test_a_run_that_is_refused_again_and_again_is_told(
    service: Service, answer: Answer, error: type[TransientError]
) -> None:
    service.script(runs=(answer,))
    with pytest.raises(error) as caught, service.client() as client:
        client.run_report(*PLACE)
    shown(caught.value)
    service.script(runs=(answer, answer, Answer.DATA))
    assert service.fetch() is True


def test_a_report_that_never_ends_stops_at_the_deadline(service: Service) -> None:
    service.shelf.script(*PLACE, Script.ready_after(1000))
    with pytest.raises(ReportDeadline) as caught:
        service.fetch(deadline_seconds=600)
    assert service.time.now <= 1600
    assert shown(caught.value) == (
        "CollaborateMD's report did not come within 600 s; the time ran out while waiting for the result (customer "
        f"{CUSTOMER}, report {REPORT}, filter {FILTER}, result {service.shelf.runs[0].identifier}). Run again later. "
        "If it stays, narrow the saved filter or raise COLLABORATEMD_DEADLINE_SECONDS."
    )


def test_wrong_credentials_are_told_at_once_and_tried_once(service: Service) -> None:
    with pytest.raises(CredentialsRefused) as caught, client_at(service.url, service.time) as client:
        client._transport._auth.password = "wrong"
        client.run_report(*PLACE)
    assert isinstance(caught.value, PermanentError)
    assert shown(caught.value) == (
        f"CollaborateMD refused the API user (HTTP 401; customer {CUSTOMER}, report {REPORT}, filter {FILTER}). Check "
        "COLLABORATEMD_USERNAME and COLLABORATEMD_PASSWORD: they are the Web API's, not those of a person who signs in "
        "to CollaborateMD."
    )
    assert service.calls() == 1


def test_a_customer_that_is_not_open_to_us_looks_like_a_service_that_is_down(service: Service) -> None:
    service.shelf.unavailable.add(CUSTOMER)
    with pytest.raises(ServiceUnavailable) as caught:
        service.fetch()
    assert isinstance(caught.value, TransientError)
    assert shown(caught.value) == (
        f"CollaborateMD could not be reached: HTTP 503, 5 attempt(s) (customer {CUSTOMER}, report {REPORT}, filter "
        f"{FILTER}). Run again later. If it stays, check COLLABORATEMD_API_BASE_URL and the network; an HTTP 503 that "
        "stays can also mean that the customer number (COLLABORATEMD_CUSTOMER) is not open to this API user."
    )
    assert service.time.slept == [1, 2, 4, 8]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520])
@pytest.mark.parametrize("path", [RUN, RESULTS])
def test_statuses_that_pass_are_tried_again(service: Service, status: int, path: str) -> None:
    service.app.faults.add(Fault(path=path, status=status, times=4))
    assert service.fetch() is True
    assert service.rows == CSV


def test_retry_after_is_kept_to_in_seconds_and_as_a_date(service: Service) -> None:
    dated = "Thu, 01 Jan 1970 00:18:20 GMT"  # 1100 s; the fake day begins at 1000 s
    service.app.faults.add(Fault(path=RUN, status=429, headers={"Retry-After": "33"}))
    service.app.faults.add(Fault(path=RUN, status=503, headers={"Retry-After": dated}))
    service.app.faults.add(Fault(path=RUN, status=503, headers={"Retry-After": "soon"}))
    assert service.fetch() is True
    assert service.time.slept == [34, 1100 - 1034 + 1, 4]


def test_a_retry_after_of_nothing_is_no_leave_to_hammer(service: Service) -> None:
    service.app.faults.add(Fault(path=RUN, status=503, headers={"Retry-After": "0"}, times=2))
    assert service.fetch() is True
    assert service.time.slept == [1, 2]


def test_a_retry_after_beyond_the_deadline_is_not_slept_through(service: Service) -> None:
    service.app.faults.add(Fault(path=RUN, status=503, headers={"Retry-After": "86400"}))
    with pytest.raises(ServiceUnavailable, match=r"HTTP 503, asking us to wait 86400 s, 1 attempt"):
        service.fetch()
    assert service.time.slept == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(service: Service, status: int) -> None:
    service.app.faults.add(Fault(path=RUN, status=status, headers={"Location": f"{service.url}/elsewhere"}))
    with pytest.raises(ServiceRefused) as caught:
        service.fetch()
    assert shown(caught.value) == (
        f"CollaborateMD sent us elsewhere (HTTP {status}) (customer {CUSTOMER}, report {REPORT}, filter {FILTER}). "
        "Redirects are not followed. Set COLLABORATEMD_API_BASE_URL to the Web API's own address."
    )
    assert service.calls() == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, r"refused the request \(HTTP 400\)"),
        (404, r"answered HTTP 404, which can also mean that COLLABORATEMD_API_BASE_URL is wrong"),
        (403, r"refused the API user \(HTTP 403"),
        (451, r"refused the request \(HTTP 451\)"),
    ],
)
def test_other_refusals_are_permanent_and_quote_nothing(service: Service, status: int, words: str) -> None:
    service.app.faults.add(Fault(path=RUN, status=status, body=SECRET_CRITERIA.encode()))
    with pytest.raises(PermanentError, match=words) as caught:
        service.fetch()
    shown(caught.value)
    assert service.calls() == 1


def test_neither_json_nor_xml_is_told(service: Service) -> None:
    service.app.faults.add(Fault(path=RUN, status=415, times=2))
    with pytest.raises(ServiceRefused, match=r"takes neither JSON nor XML \(HTTP 415\)"):
        service.fetch()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "it is empty (it came as application/json)"),
        (b"<!DOCTYPE html><html><body>Maintenance</body></html>", "it declares a document type"),
        (b"<html><body>Maintenance</body></html>", "it has no status"),
        (b"Service is down", "it is neither JSON nor XML"),
        (b"[]", "it is neither JSON nor XML"),
        (b"{}", "it has no status"),
        (b'{"Status": "SUCCESS", "Data": "UEsD"', "it is cut off"),
        (b'{"Status": "SUCCESS", "Data": "UEs"}', "its Data ends in the middle of the base64 text"),
        (b'{"Status": "SUCCESS", "Data": "U!sD"}', "its Data is no base64 text"),
        (b'{"Status": "SUCCESS", "Data": "UEs=UEsD"}', "its Data is no base64 text"),
        (b'{"Status": "SUCCESS", "Data": "UEsD"}', "its Data is no whole ZIP file"),
        (b'{"Status": "SUCCESS", "Data": {"a": 1}}', "a field holds a list or an object"),
        (b'{"Status": "SUCCESS", "Status": "ERROR"}', "it holds status twice"),
        (b'{"Status": "SUCCESS"} {"Status": "SUCCESS"}', "something follows its end"),
        (b"<a><Status>SUCCESS</Status><Data>UEsD</Data>", "it is no whole XML document"),
        (b'<?xml version="1.0" encoding="x-none"?><a/>', "its XML is in an encoding that is unknown"),
        (b"<a><Status><b>SUCCESS</b></Status></a>", "a field holds elements"),
        (b"<a>" * 40, "it is nested deeper"),
        (b'{"Status": "' + b"S" * 300 + b'"}', "its status is longer"),
    ],
)
def test_an_answer_that_is_none_is_told_after_some_attempts_and_leaves_no_file(
    service: Service, body: bytes, words: str
) -> None:
    fault = Fault(path=RESULTS, status=200, body=body, headers={"Content-Type": "application/json"}, times=5)
    service.app.faults.add(fault)
    with pytest.raises(AnswerUnreadable) as caught:
        service.fetch()
    assert isinstance(caught.value, TransientError)
    assert words in shown(caught.value)
    assert "5 attempt(s)" in str(caught.value)
    assert files_in(service.folder) == []


def test_xml_with_entities_is_refused_before_any_is_expanded(service: Service) -> None:
    laughs = b'<!DOCTYPE a [<!ENTITY l "lol"><!ENTITY m "&l;&l;&l;&l;">]><a><Status>&m;</Status></a>'
    service.app.faults.add(Fault(path=RESULTS, status=200, body=laughs, times=5))
    with pytest.raises(AnswerUnreadable, match="it declares a document type"):
        service.fetch()


@pytest.mark.parametrize(
    "body", [b'{"Status": "QUEUED for ROE"}', b"<a><Status>QUEUED for ROE</Status></a>", b'{"Status": null}']
)
def test_a_status_that_we_do_not_know_is_told_without_quoting_it(service: Service, body: bytes) -> None:
    service.app.faults.add(Fault(path=RESULTS, status=200, body=body))
    with pytest.raises(UnknownStatus) as caught:
        service.fetch()
    assert isinstance(caught.value, PermanentError)
    assert "a status that this pipeline does not know" in shown(caught.value)
    assert "ROE" not in str(caught.value)


@pytest.mark.parametrize("identifier", [b"null", b"0", b'""', b'"../results/1"', b"1.5", b"-4"])
def test_a_run_accepted_without_an_identifier_is_a_lost_one(service: Service, identifier: bytes) -> None:
    body = b'{"Status": "SUCCESS", "Identifier": %s}' % identifier
    service.app.faults.add(Fault(path=RUN, status=200, body=body, times=3))
    with pytest.raises(AnswerUnreadable, match="the run was accepted without an identifier, 3 attempt"):
        service.fetch()


def test_an_identifier_may_be_written_as_text(service: Service) -> None:
    body = b'\xef\xbb\xbf {"Identifier": "7000001", "Status": "success", "Other": {"a": ["]", {}]}}'
    service.app.faults.add(Fault(path=RUN, status=200, body=body))
    with service.client() as client:
        assert client.run_report(*PLACE) == "7000001"


@pytest.mark.parametrize("cut", [0, 1, 40, 200])
def test_an_answer_cut_on_the_way_is_asked_for_again(service: Service, cut: int) -> None:
    service.app.faults.add(Fault(path=RESULTS, cut_after_bytes=cut, times=2))
    assert service.fetch() is True
    assert service.rows == CSV


def test_a_zip_that_lacks_its_end_is_noticed_although_the_answer_is_whole(service: Service) -> None:
    service.shelf.put(*PLACE, Report.csv(CSV, shape=ZipShape(cut_bytes=10)))
    with pytest.raises(AnswerUnreadable, match="its Data is no whole ZIP file"):
        service.fetch()
    assert files_in(service.folder) == []


def test_data_beside_report_running_is_not_taken(service: Service) -> None:
    packed = io.BytesIO()
    write_zip([Entry("Others.csv", OTHERS)], ZipShape(), packed)
    body = b'{"Status": "REPORT RUNNING", "Data": "%s"}' % base64.b64encode(packed.getvalue())
    service.app.faults.add(Fault(path=RESULTS, status=200, body=body))
    assert service.fetch() is True
    assert service.rows == CSV
    assert service.time.slept == [10]


def test_more_than_we_take_is_refused(service: Service) -> None:
    with pytest.raises(AnswerUnreadable, match="larger than 50 bytes, the most that we take"):
        service.fetch(most_bytes=50)
    assert files_in(service.folder) == []


def test_progress_is_told(service: Service) -> None:
    service.shelf.script(*PLACE, Script.ready_after(2, empty=1))
    polls: list[Waiting] = []
    with service.client() as client:
        client.fetch_report(*PLACE, service.zip, on_poll=polls.append)
    assert [(poll.status, poll.polls, poll.waited_seconds) for poll in polls] == [
        (Status.RUNNING, 1, 0),
        (Status.RUNNING, 2, 10),
        (Status.SUCCESS, 3, 20),
    ]


def test_the_client_shows_neither_user_nor_password(service: Service) -> None:
    with service.client() as client:
        assert repr(client) == f"CollaborateMDClient('{service.url}', username=***, password=***)"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (("1001", REPORT, FILTER), "COLLABORATEMD_CUSTOMER must be 8 digits"),
        ((CUSTOMER, "../x", FILTER), "COLLABORATEMD_REPORT_ID must be digits only"),
        ((CUSTOMER, REPORT, ""), "COLLABORATEMD_FILTER_ID must be digits only"),
    ],
)
def test_numbers_that_do_not_fit_a_path_are_refused_unsent(
    service: Service, place: tuple[str, str, str], words: str
) -> None:
    with service.client() as client, pytest.raises(SettingsError, match=words):
        client.run_report(*place)
    assert service.calls() == 0


@pytest.mark.parametrize(
    "url", ["http://webapi.collaboratemd.com", "ftp://127.0.0.1", "https://", "webapi", "https://u:p@host"]
)
def test_an_address_that_is_not_https_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="COLLABORATEMD_API_BASE_URL must be an https address"):
        client_at(url, FakeTime())


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "https://" + "x" * 70 + ".example"])
def test_a_request_that_cannot_be_made_names_the_settings(tmp_path: Path, url: str) -> None:
    missing = str(tmp_path / "gone.pem")
    with client_at(url, FakeTime(), ca_bundle=missing) as client, pytest.raises(ServiceRefused) as caught:
        client.run_report(*PLACE)
    assert shown(caught.value) == (
        "CollaborateMD could not be asked: the request cannot be made at all (customer "
        f"{CUSTOMER}, report {REPORT}, filter {FILTER}). Check COLLABORATEMD_API_BASE_URL, the file named in "
        "CLAIMS_CA_BUNDLE, and any proxy on the way."
    )


def test_tls_is_checked_against_the_given_authority_and_the_environment_has_no_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = LocalAuthority(tmp_path / "tls")
    shelf = ReportShelf(tmp_path)
    shelf.put(*PLACE, CSV)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.ca_file))
    app = create_app(shelf, partners={"partner": PASSWORD})
    with serve(app, certificate=authority.certificate) as served:
        with client_at(served.url, FakeTime(), ca_bundle=str(authority.ca_file)) as client:
            assert client.fetch_report(*PLACE, tmp_path / "report.zip") is True
        with client_at(served.url, FakeTime()) as client, pytest.raises(ServiceRefused) as caught:
            client.run_report(*PLACE)
    assert shown(caught.value) == (
        f"CollaborateMD showed a certificate that we cannot trust (customer {CUSTOMER}, report {REPORT}, filter "
        f"{FILTER}). Check COLLABORATEMD_API_BASE_URL, or name the authority's certificate file in CLAIMS_CA_BUNDLE."
    )
