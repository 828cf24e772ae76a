"""The stand-in as a web app: Salesforce's hosts and paths, and the sandbox's own below `/sandbox/`.

What belongs here: requests in, answers out, and the limits of HTTP itself. Not here: what an answer says (`service`,
`sign_in`, `oauth`, `control`).
"""

import gzip
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import BinaryIO, cast
from urllib.parse import parse_qsl
from zlib import error as zlib_error

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from claims_pipeline.errors import PermanentError
from claims_pipeline.sandbox import lightning_pages
from claims_pipeline.sandbox.payor_page import web as payor_page
from claims_pipeline.sandbox.salesforce import oauth, sign_in, versions
from claims_pipeline.sandbox.salesforce.bulk_api import BulkApi
from claims_pipeline.sandbox.salesforce.calls import Answer, ApiError
from claims_pipeline.sandbox.salesforce.control import Control
from claims_pipeline.sandbox.salesforce.metadata_api import soap as metadata_soap
from claims_pipeline.sandbox.salesforce.metadata_api.deployments import Deployments
from claims_pipeline.sandbox.salesforce.oauth import OAuthRefused, TokenRequest
from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.scripts import ScriptError
from claims_pipeline.sandbox.salesforce.service import RestRequest, RestService

LONGEST_REQUEST_HEAD = 16_384  # bytes of URI and headers together
_METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]
_IN_MEMORY_BYTES = 1 << 20


def create_app(org: Org, *, bulk: BulkApi | None = None) -> Starlette:
    """The app of one org. `bulk` is given by whoever wants to script its jobs; else the app has its own."""
    jobs = bulk or BulkApi(org)
    deployments = Deployments(org)
    web = _Web(org, RestService(org, jobs), Control(org, jobs, deployments), deployments)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(jobs.shut_down)

    routes = [
        *_either("/services/data", web.versions, ["GET"]),
        Route("/services/data/v{rest:path}", web.rest, methods=_METHODS),
        Route("/services/Soap/{kind}/{rest:path}", web.soap, methods=["POST"]),
        *_either("/services/oauth2/token", web.token, ["POST"]),
        *_either("/services/oauth2/userinfo", web.userinfo, ["GET", "POST"]),
        *_either("/services/oauth2/revoke", web.revoke, ["GET", "POST"]),
        *_either("/id/{organization}/{user}", web.identity, ["GET", "POST"]),
        Route("/sandbox/records/{object}", web.dump, methods=["GET"]),
        *payor_page.routes(org),
        *lightning_pages.routes(org),
        Route("/sandbox/{act:path}", web.control, methods=["POST"]),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[
            Middleware(_LongHeadsRefused),
            Middleware(GZipMiddleware, minimum_size=500, compresslevel=1),
        ],
    )
    app.router.redirect_slashes = False
    return app


Endpoint = Callable[[Request], Awaitable[Response]]


def _either(path: str, endpoint: Endpoint, methods: list[str]) -> list[Route]:
    """The path with and without a slash at its end: there are no redirects."""
    return [Route(path, endpoint, methods=methods), Route(f"{path}/", endpoint, methods=methods)]


class _Web:
    """The handlers of the app."""

    def __init__(self, org: Org, service: RestService, control: Control, deployments: Deployments) -> None:
        self._org, self._service, self._control = org, service, control
        self._deployments = deployments

    async def versions(self, _: Request) -> Response:
        """`GET /services/data`: open to all."""
        return JSONResponse(versions.listed())

    async def rest(self, request: Request) -> Response:
        """Everything below a version."""
        raw = _raw_path(request).removeprefix("/services/data/v")
        version, _, path = raw.partition("/")
        try:
            async with _received(request) as upload:
                asked = RestRequest(
                    method=request.method,
                    version=version,
                    path=path,
                    query=_query(request),
                    headers=dict(request.headers),
                    upload=upload,
                    base_url=_base_url(request),
                )
                return _response(await run_in_threadpool(self._service.answer, asked))
        except (gzip.BadGzipFile, EOFError, zlib_error):
            refused = ApiError(400, "UNKNOWN_EXCEPTION", "The gzip stream of the request cannot be read")
            return _response(refused.answer())

    async def soap(self, request: Request) -> Response:
        """The partner API's sign-in and the Metadata API; the version is the first part of the rest of the path."""
        kind, version = request.path_params["kind"], request.path_params["rest"].partition("/")[0]
        body = await request.body()
        if kind == "m":
            told = await run_in_threadpool(metadata_soap.answer, self._deployments, version, body)
            return Response(told.xml, told.status, media_type="text/xml; charset=utf-8")
        if kind != "u":
            words = "The sandbox speaks SOAP for signing in and for metadata only."
            return PlainTextResponse(words, status_code=404)
        answer = await run_in_threadpool(sign_in.answer, self._org, version, body, _base_url(request))
        return Response(answer.xml, answer.status, media_type="text/xml; charset=utf-8")

    async def token(self, request: Request) -> Response:
        """The OAuth token endpoint."""
        asked = TokenRequest(
            form=await _form(request),
            authorization=request.headers.get("authorization", ""),
            host=request.headers.get("host", ""),
            base_url=_base_url(request),
        )
        try:
            answer = await run_in_threadpool(oauth.token, self._org, asked)
        except OAuthRefused as refused:
            told = {"error": refused.error, "error_description": refused.description}
            return JSONResponse(told, 400, headers={"Cache-Control": "no-store"})
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    async def userinfo(self, request: Request) -> Response:
        """Whose token this is, as OpenID Connect tells it."""
        user = await self._token_user(request)
        if user is None:
            return PlainTextResponse("Bad_OAuth_Token", 403)
        return JSONResponse(oauth.userinfo(self._org, user, _base_url(request)))

    async def identity(self, request: Request) -> Response:
        """Whose token this is, as Salesforce tells it; only to the user himself."""
        user = await self._token_user(request)
        if user is None:
            return PlainTextResponse("Bad_OAuth_Token", 403)
        asked = request.path_params["organization"], request.path_params["user"]
        mine = self._org.settings.organization_id, user.id
        if tuple(found[:15] for found in asked) != tuple(found[:15] for found in mine):
            return PlainTextResponse("Bad_Id", 404)
        return JSONResponse(oauth.identity(self._org, user, _base_url(request)))

    async def revoke(self, request: Request) -> Response:
        """End a token's session."""
        given = {**_query(request), **await _form(request)}
        if self._org.sessions.close(given.get("token", "")):
            return Response(status_code=200)
        told = {"error": "unsupported_token_type", "error_description": "this token type is not supported"}
        return JSONResponse(told, 400)

    async def _token_user(self, request: Request) -> User | None:
        given = {**_query(request), **await _form(request)}
        scheme, _, header = request.headers.get("authorization", "").partition(" ")
        carried = header.strip() if scheme.lower() in ("bearer", "oauth") else ""
        token = carried or given.get("oauth_token") or given.get("access_token") or ""
        session = self._org.sessions.find(token)
        return None if session is None else session.user

    async def dump(self, request: Request) -> Response:
        """`GET /sandbox/records/{object}`."""
        try:
            return JSONResponse(await run_in_threadpool(self._control.records, request.path_params["object"]))
        except PermanentError as error:
            return JSONResponse({"error": str(error)}, 404)

    async def control(self, request: Request) -> Response:
        """`POST /sandbox/{act}` with a JSON object."""
        try:
            given = await request.json() if await request.body() else {}
            if not isinstance(given, dict):
                raise ScriptError("A JSON object is wanted.")
            return JSONResponse(await run_in_threadpool(self._control.act, request.path_params["act"], given))
        except KeyError:
            known = ", ".join(self._control.acts())
            return JSONResponse({"error": f"There is no such act; there are {known}."}, 404)
        except (ScriptError, ValueError) as error:
            return JSONResponse({"error": str(error)}, 400)


class _LongHeadsRefused:
    """URI and headers together may have 16,384 bytes: 414 where the URI alone is longer, else 431."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith("/sandbox/"):
            await self._app(scope, receive, send)
            return
        uri = len(scope.get("raw_path") or b"") + len(scope["query_string"]) + 1
        headers = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
        if uri > LONGEST_REQUEST_HEAD:
            await PlainTextResponse("URI Too Long", 414)(scope, receive, send)
        elif uri + headers > LONGEST_REQUEST_HEAD:
            await PlainTextResponse("Request Header Fields Too Large", 431)(scope, receive, send)
        else:
            await self._app(scope, receive, send)


@asynccontextmanager
async def _received(request: Request) -> AsyncIterator[BinaryIO]:
    """The request's body, on disk once it is large, at its start; unzipped if it came zipped."""
    with _spool() as sent, _spool() as plain:
        async for part in request.stream():
            sent.write(part)
        sent.seek(0)
        if request.headers.get("content-encoding", "").lower() != "gzip":
            yield sent
            return
        with gzip.GzipFile(fileobj=sent, mode="rb") as unzipped:
            while part := unzipped.read(_IN_MEMORY_BYTES):
                plain.write(part)
        plain.seek(0)
        yield plain


def _spool() -> BinaryIO:
    """A temporary file that is in memory while it is small; its user closes it."""
    return cast(BinaryIO, tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES))


def _response(answer: Answer) -> Response:
    headers = dict(answer.headers)
    if answer.content is None:
        if answer.body is None:
            return Response(status_code=answer.status, headers=headers)
        return JSONResponse(answer.body, answer.status, headers, media_type=answer.media_type)
    headers["Content-Type"] = answer.media_type  # as it is: Starlette would add a charset to text
    if isinstance(answer.content, bytes):
        return Response(answer.content, answer.status, headers)
    return StreamingResponse(answer.content, answer.status, headers)


def _raw_path(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.decode("latin-1").partition("?")[0]


def _query(request: Request) -> Mapping[str, str]:
    return dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))


async def _form(request: Request) -> Mapping[str, str]:
    """A form body; bodies of another type hold no fields."""
    body = (await request.body()).decode("utf-8", "replace")
    return dict(parse_qsl(body, keep_blank_values=True))


def _base_url(request: Request) -> str:
    """Where clients find us: the host that they asked, or ours, where they think to ask salesforce.com."""
    host = request.headers.get("host", "")
    if not host or host.partition(":")[0].endswith(".salesforce.com"):
        address, port = request.scope["server"]
        host = f"{address}:{port}"
    return f"{request.url.scheme}://{host}"
