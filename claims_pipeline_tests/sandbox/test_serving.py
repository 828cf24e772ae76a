"""Apps are served over TLS with a certificate of our own, on ports that do not clash."""

import gc
import socket
import ssl
import stat
from pathlib import Path

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from claims_pipeline.sandbox.serving import LocalAuthority, serve


async def hello(request: Request) -> Response:
    return PlainTextResponse(f"{request.url.scheme} {len(await request.body())}")


def app() -> Starlette:
    return Starlette(routes=[Route("/", hello, methods=["GET", "POST"])])


def test_a_client_that_trusts_the_ca_is_served_and_another_is_not(tmp_path: Path) -> None:
    authority = LocalAuthority(tmp_path)
    with serve(app(), certificate=authority.certificate) as served, requests.Session() as client:
        client.trust_env = False
        assert served.url.startswith("https://127.0.0.1:")
        with pytest.raises(requests.exceptions.SSLError):
            client.get(served.url, timeout=5)
        client.verify = str(authority.ca_file)
        assert client.get(served.url, timeout=5).text == "https 0"
        assert (
            client.post(f"https://localhost:{served.port}/", data=b"x" * 100_000, timeout=5).text
            == "https 100000"
        )


def test_the_private_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    key = LocalAuthority(tmp_path).certificate.key_file
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_client_that_never_hangs_up_does_not_keep_the_server(tmp_path: Path) -> None:
    authority = LocalAuthority(tmp_path)
    context = ssl.create_default_context(cafile=str(authority.ca_file))
    with serve(app(), certificate=authority.certificate) as served:
        plain = socket.create_connection(("127.0.0.1", served.port))
        client = context.wrap_socket(plain, server_hostname="localhost")
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(1_000).startswith(b"HTTP/1.1 200")
    with client:
        gc.collect()  # a connection that the server left open would complain here, and a complaint is an error


def test_two_servers_stand_side_by_side_and_a_closed_one_is_gone(tmp_path: Path) -> None:
    with requests.Session() as client:
        client.trust_env = False
        with serve(app(), certificate=None) as one, serve(app(), certificate=None) as two:
            assert one.url != two.url
            assert client.get(two.url, timeout=5).text == "http 0"
        with pytest.raises(requests.exceptions.ConnectionError):
            client.get(one.url, timeout=5)
