"""Faults come when they are scripted, as often as scripted; the log tells every request."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from claims_pipeline.sandbox.broken_wires import Wire
from claims_pipeline.sandbox.faults import Fault, FaultsAndLog
from claims_pipeline.sandbox.serving import serve

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Till:
    """An app that does something: each POST adds to what it has taken."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.slept: list[float] = []
        routes = [Route("/{rest:path}", self.take, methods=["GET", "POST"])]
        self.wrapped = FaultsAndLog(Starlette(routes=routes), clock=lambda: NOON, sleep=self.sleep)

    async def take(self, request: Request) -> Response:
        if request.method == "POST":
            self.taken.append(await request.body())
        return PlainTextResponse("ten letters" * 10)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def till() -> Till:
    return Till()


@pytest.fixture
def url(till: Till) -> Iterator[str]:
    with serve(till.wrapped, certificate=None) as served:
        yield served.url


@pytest.fixture
def client() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_a_fault_lets_the_first_pass_then_harms_so_many_and_is_gone(
    till: Till, url: str, client: requests.Session
) -> None:
    till.wrapped.faults.add(Fault(path="/jobs", after=1, times=2, status=503, body=b"busy"))
    answers = [client.get(f"{url}/jobs/1", timeout=5).status_code for _ in range(5)]
    assert answers == [200, 503, 503, 200, 200]
    assert till.wrapped.faults.waiting() == ()


def test_a_fault_is_for_its_method_and_for_its_path_with_the_query(
    till: Till, url: str, client: requests.Session
) -> None:
    till.wrapped.faults.add(Fault(method="POST", path=r"/a\?page=2", status=500))
    assert client.get(f"{url}/a?page=2", timeout=5).status_code == 200
    assert client.post(f"{url}/a?page=1", timeout=5).status_code == 200
    assert client.post(f"{url}/a?page=2", timeout=5).status_code == 500


def test_before_answers_instead_of_acting_and_after_answers_though_it_acted(
    till: Till, url: str, client: requests.Session
) -> None:
    till.wrapped.faults.add(Fault(path="/one", status=502))
    till.wrapped.faults.add(Fault(path="/two", status=502, before=False))
    assert client.post(f"{url}/one", data=b"lost", timeout=5).status_code == 502
    assert till.taken == []
    assert client.post(f"{url}/two", data=b"kept", timeout=5).status_code == 502
    assert till.taken == [b"kept"]


def test_a_delay_comes_before_the_apps_own_answer(till: Till, url: str, client: requests.Session) -> None:
    till.wrapped.faults.add(Fault(delay_seconds=2.5))
    assert client.get(f"{url}/slow", timeout=5).text.startswith("ten letters")
    assert till.slept == [2.5]


@pytest.mark.parametrize("cut", [0, 7])
def test_a_cut_answer_ends_in_a_broken_connection(
    till: Till, url: str, client: requests.Session, cut: int
) -> None:
    till.wrapped.faults.add(Fault(path="/part", cut_after_bytes=cut))
    with pytest.raises((requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        client.post(f"{url}/part", data=b"whole", timeout=5)
    assert till.taken == [b"whole"], "the app acted: only its answer is lost"
    assert till.wrapped.log[-1].response_bytes == cut
    assert client.get(f"{url}/part", timeout=5).status_code == 200


def test_the_log_tells_every_request_with_its_bytes(till: Till, url: str, client: requests.Session) -> None:
    client.post(f"{url}/a%2Fb?q=1", data=b"12345", timeout=5)
    (access,) = till.wrapped.log
    assert (access.at, access.method, access.path, access.query) == (NOON, "POST", "/a%2Fb", "q=1")
    assert (access.status, access.request_bytes, access.response_bytes) == (200, 5, 110)


def test_people_script_faults_and_read_the_log_over_http(
    till: Till, url: str, client: requests.Session
) -> None:
    fault = {"method": "GET", "path": "/x", "status": 401, "body": [{"errorCode": "INVALID_SESSION_ID"}]}
    assert client.post(f"{url}/sandbox/faults", json=fault, timeout=5).status_code == 204
    assert client.get(f"{url}/sandbox/faults", timeout=5).json()[0]["times"] == 1
    answer = client.get(f"{url}/x", timeout=5)
    assert answer.json() == [{"errorCode": "INVALID_SESSION_ID"}]
    assert answer.headers["content-type"] == "application/json"
    (logged,) = client.get(f"{url}/sandbox/log", timeout=5).json()
    assert (logged["path"], logged["status"], logged["at"]) == ("/x", 401, "2026-11-23T12:00:00+00:00")
    client.post(f"{url}/sandbox/faults", json=fault, timeout=5)
    assert client.delete(f"{url}/sandbox/faults", timeout=5).status_code == 204
    assert client.delete(f"{url}/sandbox/log", timeout=5).status_code == 204
    assert client.get(f"{url}/x", timeout=5).status_code == 200
    assert len(till.wrapped.log) == 1


@pytest.mark.parametrize("wrong", [{"stauts": 500}, ["status"], {"path": "("}, {"wire": "cut"}])
def test_what_is_no_fault_is_refused_with_the_known_names(
    url: str, client: requests.Session, wrong: object
) -> None:
    answer = client.post(f"{url}/sandbox/faults", json=wrong, timeout=5)
    assert answer.status_code == 400
    assert "not a fault" in answer.json()["error"]


def test_a_reset_connection_fails_before_the_app_acted_or_after(
    till: Till, url: str, client: requests.Session
) -> None:
    for before, taken in ((True, []), (False, [b"whole"])):
        till.wrapped.faults.add(Fault(wire=Wire.RESET, before=before))
        with pytest.raises(requests.exceptions.ConnectionError, match="reset"):
            client.post(f"{url}/part", data=b"whole", timeout=5)
        assert till.taken == taken
        assert till.wrapped.log[-1].status == 0
    assert client.get(f"{url}/part", timeout=5).status_code == 200


def test_a_silent_connection_takes_the_request_and_never_answers(
    till: Till, url: str, client: requests.Session
) -> None:
    till.wrapped.faults.add(Fault(wire=Wire.SILENT, before=False))
    with pytest.raises(requests.exceptions.ReadTimeout):
        client.post(f"{url}/part", data=b"whole", timeout=(5, 0.2))
    assert till.taken == [b"whole"]
    assert client.get(f"{url}/part", timeout=5).status_code == 200


def test_an_answer_without_its_length_seems_whole_though_it_is_cut(
    till: Till, url: str, client: requests.Session
) -> None:
    till.wrapped.faults.add(Fault(wire=Wire.NO_LENGTH, cut_after_bytes=7))
    answer = client.get(f"{url}/part", timeout=5)
    assert (answer.status_code, answer.text) == (200, "ten let")
    assert not {"content-length", "transfer-encoding"} & {name.lower() for name in answer.headers}
    till.wrapped.faults.add(Fault(wire=Wire.NO_LENGTH))
    assert client.get(f"{url}/part", timeout=5).text == "ten letters" * 10


def test_an_answer_drips_a_byte_at_a_time(till: Till, url: str, client: requests.Session) -> None:
    till.wrapped.faults.add(Fault(drip_seconds=3))
    assert client.get(f"{url}/slow", timeout=5).text == "ten letters" * 10
    assert till.slept == [3] * 110


def test_people_break_a_connection_over_http(url: str, client: requests.Session) -> None:
    assert client.post(f"{url}/sandbox/faults", json={"wire": "reset"}, timeout=5).status_code == 204
    with pytest.raises(requests.exceptions.ConnectionError, match="reset"):
        client.get(f"{url}/x", timeout=5)
