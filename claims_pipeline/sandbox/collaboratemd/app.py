"""The CollaborateMD stand-in as a web app: who asks, in which form, for what.

What belongs here: requests and their checks, as strict as the service's documentation. Not here: what is answered
(`shelf`) and how it is written (`wire`); the paths under `/sandbox`, which are ours (`controls`).
"""

import base64
import binascii
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from claims_pipeline.sandbox.collaboratemd.controls import control_routes
from claims_pipeline.sandbox.collaboratemd.shelf import Answer, EmptyData, ReportShelf, Run
from claims_pipeline.sandbox.collaboratemd.wire import Data, Form, form_asked_for, written

NUMBER = re.compile(r"[0-9]{1,18}")
CUSTOMER = re.compile(r"[0-9]{8}")
EMPTY_DATA: dict[EmptyData, Data | None] = {
    EmptyData.ABSENT: None,
    EmptyData.BLANK: Data(text=""),
    EmptyData.NULL: Data(),
}
Handler = Callable[[Request, str, Form], Awaitable[Response]]


def create_app(reports: ReportShelf, *, partners: Mapping[str, str]) -> Starlette:
    """The service over a shelf of reports; `partners` are its API users and their passwords."""
    service = _Service(reports, dict(partners))
    return Starlette(
        routes=[
            Route(
                "/v1/customer/{customer}/reports/{report}/filter/{filter}/run",
                service.checked(service.run),
                methods=["POST"],
            ),
            Route(
                "/v1/customer/{customer}/reports/results/{identifier}",
                service.checked(service.results),
                methods=["POST"],
            ),
            *control_routes(reports),
        ]
    )


class _Service:
    """The two calls, behind the checks that both go through."""

    def __init__(self, reports: ReportShelf, partners: dict[str, str]) -> None:
        self._reports = reports
        self._partners = partners

    def checked(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """The handler behind sign-in, form, body and customer, in this order."""

        async def endpoint(request: Request) -> Response:
            partner = self._partner(request.headers.get("authorization", ""))
            if partner is None:
                return PlainTextResponse(
                    "Unauthorized", 401, headers={"WWW-Authenticate": 'Basic realm="CollaborateMD Web API"'}
                )
            form = form_asked_for(request.headers.get("accept"), self._reports.wire)
            if form is None:
                return PlainTextResponse("Unsupported Media Type", 415)
            if await request.body():
                return PlainTextResponse("Bad Request: no body is taken", 400)
            customer = request.path_params["customer"]
            if not CUSTOMER.fullmatch(customer) or customer in self._reports.unavailable:
                return PlainTextResponse("Service Unavailable", 503)
            return await handler(request, partner, form)

        return endpoint

    def _partner(self, authorization: str) -> str | None:
        scheme, _, coded = authorization.partition(" ")
        try:
            name, _, password = base64.b64decode(coded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        known = self._partners.get(name)
        is_right = known is not None and hmac.compare_digest(known.encode(), password.encode())
        return name if is_right and scheme.lower() == "basic" else None

    async def run(self, request: Request, partner: str, form: Form) -> Response:
        """Start a saved report, if the partner's slot is free."""
        asked = request.path_params
        if not (NUMBER.fullmatch(asked["report"]) and NUMBER.fullmatch(asked["filter"])):
            return self._answer(form, [("Status", Answer.INVALID_CRITERIA.status), ("StatusMessage", "")])
        key = (asked["customer"], asked["report"], asked["filter"])
        answer, identifier, message = self._reports.run(partner, key)
        fields: list[tuple[str, str | int]] = [("Status", answer.status), ("StatusMessage", message)]
        if identifier is not None:
            fields.append(("Identifier", identifier))
        return self._answer(form, fields)

    async def results(self, request: Request, partner: str, form: Form) -> Response:
        """Tell how a run stands, with its ZIP once it is there."""
        identifier = request.path_params["identifier"]
        number = int(identifier) if NUMBER.fullmatch(identifier) else -1
        answer, run = self._reports.poll(partner, number)
        message = run.script.message if run is not None else ""
        data = await self._data(answer, run) if run is not None else None
        return self._answer(form, [("Status", answer.status), ("StatusMessage", message)], data)

    async def _data(self, answer: Answer, run: Run) -> Data | None:
        if answer is Answer.DATA:
            return Data(zip_at=await run_in_threadpool(self._reports.packed, run))
        return EMPTY_DATA[run.script.empty_data] if answer is Answer.EMPTY else None

    def _answer(self, form: Form, fields: list[tuple[str, str | int]], data: Data | None = None) -> Response:
        return StreamingResponse(written(form, self._reports.wire, fields, data), media_type=form.value)
