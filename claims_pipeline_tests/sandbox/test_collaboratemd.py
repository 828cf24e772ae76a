"""The CollaborateMD stand-in, asked over HTTP as its documentation says, and answering as the service does."""

import base64
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import requests

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
    csv_entry,
    json_entry,
)
from claims_pipeline.sandbox.faults import Fault, FaultsAndLog
from claims_pipeline.sandbox.generator import ReportPlan, report_bytes
from claims_pipeline.sandbox.serving import LocalAuthority, serve

CUSTOMER, REPORT, FILTER = PLACE = ("10001001", "4711", "815")
CSV = b'ClaimID,PateintNameID\r\n500000001,"DOE, JAN (10000001)"\r\n'


@dataclass
class Service:
    """The service as a partner sees it."""

    url: str
    reports: ReportShelf
    sign_in: tuple[str, str] | None = ("partner", "secret")
    headers: dict[str, str] = field(default_factory=lambda: {"Accept": "application/json"})

    def post(self, path: str, **options: Any) -> requests.Response:
        return requests.post(
            f"{self.url}{path}", **{"auth": self.sign_in, "headers": self.headers, "timeout": 10, **options}
        )

    def run(self, customer: str = CUSTOMER, report: str = REPORT, filter_id: str = FILTER) -> dict[str, Any]:
        found: dict[str, Any] = self.post(
            f"/v1/customer/{customer}/reports/{report}/filter/{filter_id}/run"
        ).json()
        return found

    def results(self, identifier: int, customer: str = CUSTOMER) -> dict[str, Any]:
        found: dict[str, Any] = self.post(f"/v1/customer/{customer}/reports/results/{identifier}").json()
        return found

    def zip_of(self, report: Report | bytes) -> zipfile.ZipFile:
        """The ZIP that a run of this report ends in."""
        self.reports.put(*PLACE, report)
        data = self.results(self.run()["Identifier"])["Data"]
        return zipfile.ZipFile(io.BytesIO(base64.b64decode(data)))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    reports = ReportShelf(tmp_path)
    reports.put(*PLACE, CSV)
    app = FaultsAndLog(create_app(reports, partners={"partner": "secret", "other": "word"}))
    with serve(app, certificate=None) as served:
        yield Service(served.url, reports)


RUN = f"/v1/customer/{CUSTOMER}/reports/{REPORT}/filter/{FILTER}/run"


def test_a_report_is_run_and_fetched(service: Service) -> None:
    """One entry, named after the saved report, in a ZIP in base64."""
    started = service.run()
    assert started["Status"] == "SUCCESS"
    assert isinstance(started["Identifier"], int)
    answer = service.results(started["Identifier"])
    assert answer["Status"] == "SUCCESS"
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(answer["Data"], validate=True))) as found:
        assert found.namelist() == ["Claims.csv"]
        assert found.read("Claims.csv") == CSV


@pytest.mark.parametrize(
    "sign_in", [None, ("partner", "wrong"), ("nobody", "secret"), ("", ""), ("partner", "")]
)
def test_nobody_enters_without_the_right_password(service: Service, sign_in: tuple[str, str] | None) -> None:
    """And nothing is told."""
    answer = service.post(RUN, auth=sign_in)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert not service.reports.runs


@pytest.mark.parametrize(
    "authorization", ["Basic", "Basic !!!", "Bearer cGFydG5lcjpzZWNyZXQ=", "Basic /////w=="]
)
def test_a_broken_authorization_is_none(service: Service, authorization: str) -> None:
    """Whatever stands in the header, the answer is 401."""
    answer = requests.post(f"{service.url}{RUN}", headers={"Authorization": authorization}, timeout=10)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "accept", ["*/*", "application/xml", "text/xml", "application/json;q=0.1, application/xml"]
)
def test_xml_is_the_default(service: Service, accept: str) -> None:
    """Who does not ask for JSON gets XML."""
    answer = service.post(RUN, headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith("application/xml")
    told = ElementTree.fromstring(answer.content)
    assert told.findtext("Status") == "SUCCESS"
    found = service.post(
        f"/v1/customer/{CUSTOMER}/reports/results/{told.findtext('Identifier')}", headers={"Accept": accept}
    )
    data = ElementTree.fromstring(found.content).findtext("Data")
    assert base64.b64decode(str(data)).startswith(b"PK")


@pytest.mark.parametrize("accept", ["text/html", "image/png, text/csv", "application/json;q=0"])
def test_any_other_form_is_refused(service: Service, accept: str) -> None:
    """With 415, as the guide says."""
    assert service.post(RUN, headers={"Accept": accept}).status_code == 415


def test_json_can_be_refused(service: Service) -> None:
    """Then only XML works."""
    service.reports.wire = Wire(json_refused=True)
    assert service.post(RUN).status_code == 415
    answer = service.post(RUN, headers={"Accept": "application/json, application/xml;q=0.5"})
    assert answer.headers["Content-Type"].startswith("application/xml")


@pytest.mark.parametrize("customer", ["1000100", "100010011", "1000100a", "customer"])
def test_a_customer_number_has_eight_digits(service: Service, customer: str) -> None:
    """Anything else is not available."""
    assert service.post(f"/v1/customer/{customer}/reports/1/filter/2/run").status_code == 503


def test_a_customer_can_be_unavailable(service: Service) -> None:
    """While others are served."""
    service.reports.unavailable.add(CUSTOMER)
    assert service.post(RUN).status_code == 503
    assert service.run("10001002")["Status"] == "NOT FOUND"


@pytest.mark.parametrize(
    ("place", "status"),
    [
        (("10001002", REPORT, FILTER), "NOT FOUND"),
        ((CUSTOMER, REPORT, REPORT), "NOT FOUND"),
        ((CUSTOMER, REPORT, "x"), "INVALID CRITERIA"),
    ],
)
def test_what_is_not_saved_is_not_found(service: Service, place: tuple[str, str, str], status: str) -> None:
    """Another customer's, or the report id in the filter's place."""
    answer = service.run(*place)
    assert answer["Status"] == status
    assert "Identifier" not in answer


def test_nobody_sends_a_body_or_another_method(service: Service) -> None:
    """Two POSTs without a body is all that there is."""
    assert service.post(RUN, data="{}").status_code == 400
    assert requests.get(f"{service.url}{RUN}", auth=service.sign_in, timeout=10).status_code == 405
    assert service.post("/v1/customer/10001001/claims").status_code == 404


def test_a_report_takes_its_time_and_then_its_data_some_more(service: Service) -> None:
    """Running, then a success without data, then the data; asked again, the same."""
    service.reports.script(*PLACE, Script.ready_after(2, empty=2))
    identifier = service.run()["Identifier"]
    answers = [service.results(identifier) for _ in range(6)]
    assert [answer["Status"] for answer in answers] == ["REPORT RUNNING"] * 2 + ["SUCCESS"] * 4
    assert ["Data" in answer for answer in answers] == [False] * 4 + [True] * 2
    assert answers[4] == answers[5]


@pytest.mark.parametrize(
    ("form", "told"), [(EmptyData.BLANK, ""), (EmptyData.NULL, None), (EmptyData.ABSENT, "-")]
)
def test_no_rows_is_a_success_without_data_for_ever(
    service: Service, form: EmptyData, told: str | None
) -> None:
    """However that is written."""
    service.reports.script(*PLACE, Script(polls=(Answer.EMPTY,), empty_data=form))
    identifier = service.run()["Identifier"]
    for _ in range(3):
        answer = service.results(identifier)
        assert (answer["Status"], answer.get("Data", "-")) == ("SUCCESS", told)


@pytest.mark.parametrize(
    "answer", [Answer.TIMED_OUT, Answer.ERROR, Answer.INVALID_CRITERIA, Answer.NOT_FOUND]
)
def test_every_other_status_can_be_scripted(service: Service, answer: Answer) -> None:
    """For a run and for a poll."""
    service.reports.script(*PLACE, Script(runs=(answer, Answer.DATA), polls=(answer, Answer.DATA)))
    assert service.run()["Status"] == answer.status
    identifier = service.run()["Identifier"]
    assert service.results(identifier)["Status"] == answer.status
    assert service.results(identifier)["Data"]


def test_one_report_runs_at_a_time(service: Service) -> None:
    """A second run is told so, and by its customer's choice which one: also another customer's."""
    service.reports.put("10001002", "5", "6", CSV)
    service.reports.script(*PLACE, Script.ready_after(2))
    first = service.run()["Identifier"]
    refused = service.run("10001002", "5", "6")
    assert (refused["Status"], refused["Identifier"]) == ("REPORT RUNNING", first)
    service.reports.tells_running_identifier = False
    refused = service.run("10001002", "5", "6")
    assert (refused["Status"], refused.get("Identifier")) == ("REPORT RUNNING", None)
    assert service.run("10001002", "5", "6")["Status"] == "SUCCESS"


def test_slots_can_be_freed_for_who_sets_a_stage_anew(service: Service) -> None:
    service.reports.script(*PLACE, Script.ready_after(5))
    assert [service.run()["Status"] for _ in range(2)] == ["SUCCESS", "REPORT RUNNING"]
    service.reports.free_slots()
    assert service.run()["Status"] == "SUCCESS"


def test_another_partner_has_a_slot_of_its_own(service: Service) -> None:
    """And does not see this one's runs."""
    service.reports.script(*PLACE, Script.ready_after(5))
    identifier = service.run()["Identifier"]
    other = Service(service.url, service.reports, sign_in=("other", "word"))
    assert other.run()["Status"] == "SUCCESS"
    assert other.results(identifier)["Status"] == "NOT FOUND"


def test_a_foreign_identifier_gives_foreign_data(service: Service) -> None:
    """Which is why nobody may take it."""
    foreign = service.reports.occupy(
        "partner", answers=2, report=Report.csv(b"ClaimID\r\n1\r\n", name="Other.csv")
    )
    refused = service.run()
    assert refused["Identifier"] == foreign
    assert service.results(foreign)["Status"] == "REPORT RUNNING"
    data = service.results(foreign)["Data"]
    assert zipfile.ZipFile(io.BytesIO(base64.b64decode(data))).namelist() == ["Other.csv"]


def test_the_message_echoes_the_filter(service: Service) -> None:
    """Also what would break XML."""
    message = 'Patient = "DOE, JAN" & <ALL>'
    service.reports.script(*PLACE, Script(message=message))
    assert service.run()["StatusMessage"] == message
    answer = service.post(RUN, headers={})
    assert ElementTree.fromstring(answer.content).findtext("StatusMessage") == message


@pytest.mark.parametrize("deflate", [True, False])
@pytest.mark.parametrize("zip64", [True, False])
@pytest.mark.parametrize("sizes_after", [True, False])
def test_a_zip_of_any_shape_holds_the_same(
    service: Service, *, deflate: bool, zip64: bool, sizes_after: bool
) -> None:
    """STORE and DEFLATE, with and without ZIP64, sizes before or after."""
    plan = ReportPlan(claims=30)
    shape = ZipShape(deflate=deflate, zip64=zip64, sizes_after=sizes_after)
    entries = (Entry("Träume.csv", lambda: report_bytes(plan)), Entry("two.csv", CSV))
    found = service.zip_of(Report(entries, shape))
    assert found.testzip() is None
    assert found.namelist() == ["Träume.csv", "two.csv"]
    assert found.read("Träume.csv") == b"".join(report_bytes(plan))
    assert found.read("two.csv") == CSV


def test_hostile_zips_are_what_they_claim_to_be(service: Service) -> None:
    """A wrong checksum, a lock, a lie about the size, a cut end, names that climb, a bomb."""
    with pytest.raises(zipfile.BadZipFile, match="CRC"):
        service.zip_of(Report.csv(CSV, shape=ZipShape(wrong_crc=True))).read("Claims.csv")
    assert service.zip_of(Report.csv(CSV, shape=ZipShape(encrypted=True))).infolist()[0].flag_bits & 1
    lying = service.zip_of(Report.csv(CSV, shape=ZipShape(claimed_size=5)))
    assert lying.getinfo("Claims.csv").file_size == 5
    with pytest.raises(zipfile.BadZipFile):
        service.zip_of(Report.csv(CSV, shape=ZipShape(cut_bytes=30)))
    assert service.zip_of(Report.csv(CSV, name="../../etc/claims.csv")).namelist() == ["../../etc/claims.csv"]
    bomb = service.zip_of(Report((Entry("Claims.csv", lambda: iter([bytes(1 << 16)] * 160)),)))
    info = bomb.getinfo("Claims.csv")
    assert info.file_size == 10 << 20
    assert info.compress_size < info.file_size // 900


@pytest.mark.parametrize(
    ("encoding", "line_end"), [("utf-8-sig", "\n"), ("utf-16", "\r\n"), ("cp1252", "\r")]
)
def test_entries_come_in_any_encoding(encoding: str, line_end: str) -> None:
    """With the byte order mark where it has one, and any line end."""
    entry = csv_entry("a.csv", [["A", "B"], ["é", "x, y"]], encoding=encoding, line_end=line_end)
    assert b"".join(entry.chunks()).decode(encoding) == f'A,B{line_end}é,"x, y"{line_end}'


def test_entries_can_be_json() -> None:
    """A list, or an object with data; a short record lacks its last keys."""
    records = [["A", "B"], ["1", "é"], ["2"]]
    assert b"".join(json_entry("a.json", records).chunks()).decode() == '[{"A": "1", "B": "é"}, {"A": "2"}]'
    assert b"".join(json_entry("a.json", records[:1], in_data=True).chunks()) == b'{"data": []}'


@pytest.mark.parametrize(
    "wire", [Wire(data_first=True), Wire(lines_of_76=True), Wire(slashes_escaped=True), Wire(root="Whatever")]
)
def test_the_same_answer_can_be_written_in_many_ways(service: Service, wire: Wire) -> None:
    """Order of the fields, line breaks in the base64, escaped slashes, another root in XML."""
    service.reports.put(*PLACE, Report.csv(b"".join(report_bytes(ReportPlan(claims=2_000)))))
    before = base64.b64decode(service.results(service.run()["Identifier"])["Data"])
    service.reports.wire = wire
    identifier = service.run()["Identifier"]
    raw = service.post(f"/v1/customer/{CUSTOMER}/reports/results/{identifier}").text
    assert base64.b64decode(service.results(identifier)["Data"]) == before
    assert raw.startswith('{"Data"') is wire.data_first
    assert ("\\r\\n" in raw) is wire.lines_of_76
    assert ("\\/" in raw) is wire.slashes_escaped
    xml = service.post(f"/v1/customer/{CUSTOMER}/reports/results/{identifier}", headers={}).content
    root = ElementTree.fromstring(xml)
    assert root.tag == wire.root
    assert base64.b64decode(str(root.findtext("Data"))) == before


def test_data_can_be_no_base64_and_no_zip(service: Service) -> None:
    """Both happen to those who trust."""
    service.reports.put(*PLACE, Report(as_it_is=b"no zip"))
    assert base64.b64decode(service.results(service.run()["Identifier"])["Data"]) == b"no zip"
    service.reports.wire = Wire(data_text="!no base64!")
    assert service.results(service.run()["Identifier"])["Data"] == "!no base64!"


def test_a_run_keeps_the_report_that_it_began_with(service: Service, tmp_path: Path) -> None:
    """What is saved later belongs to the next run; content may stand on disk."""
    service.reports.script(*PLACE, Script.ready_after(1))
    identifier = service.run()["Identifier"]
    (tmp_path / "next.csv").write_bytes(b"ClaimID\n7\n")
    service.reports.put(*PLACE, tmp_path / "next.csv")
    service.results(identifier)
    data = service.results(identifier)["Data"]
    assert zipfile.ZipFile(io.BytesIO(base64.b64decode(data))).read("Claims.csv") == CSV
    service.reports.script(*PLACE, Script())
    data = service.results(service.run()["Identifier"])["Data"]
    assert zipfile.ZipFile(io.BytesIO(base64.b64decode(data))).read("Claims.csv") == b"ClaimID\n7\n"


def test_reports_and_scripts_are_set_from_outside(service: Service) -> None:
    """By PUT, without signing in: the sandbox is for people too."""
    place = "10001009/1/2"
    put = requests.put(f"{service.url}/sandbox/reports/{place}?name=Mine.csv", data=CSV, timeout=10)
    assert (put.status_code, put.json()) == (201, {"bytes": len(CSV)})
    listed = requests.get(f"{service.url}/sandbox/reports", timeout=10).json()
    assert {"customer": "10001009", "report": "1", "filter": "2"} in listed
    script = {"runs": ["data"], "polls": ["running", "data"], "message": "mine"}
    assert requests.put(f"{service.url}/sandbox/scripts/{place}", json=script, timeout=10).status_code == 204
    identifier = service.run("10001009", "1", "2")["Identifier"]
    assert service.results(identifier, "10001009")["Status"] == "REPORT RUNNING"
    data = service.results(identifier, "10001009")["Data"]
    assert zipfile.ZipFile(io.BytesIO(base64.b64decode(data))).read("Mine.csv") == CSV
    assert requests.delete(f"{service.url}/sandbox/reports/{place}", timeout=10).status_code == 204
    assert service.run("10001009", "1", "2")["Status"] == "NOT FOUND"
    assert (
        requests.put(f"{service.url}/sandbox/scripts/{place}", json={"polls": ["x"]}, timeout=10).status_code
        == 400
    )


def test_it_speaks_tls_and_takes_faults(tmp_path: Path) -> None:
    """As the sandbox serves it: behind our own authority, with scripted faults around it."""
    reports = ReportShelf(tmp_path)
    reports.put(*PLACE, CSV)
    app = FaultsAndLog(create_app(reports, partners={"partner": "secret"}))
    app.faults.add(Fault(method="POST", path="/run$", status=500))
    authority = LocalAuthority(tmp_path / "ca")
    with serve(app, certificate=authority.certificate) as served:
        service = Service(served.url, reports)
        verify = str(authority.ca_file)
        assert service.post(RUN, verify=verify).status_code == 500
        assert service.post(RUN, verify=verify).json()["Status"] == "SUCCESS"
    assert [access.status for access in app.log] == [500, 200]
