"""The sandbox's own paths beside the service's: saved reports and scripts, for people and other programs.

What belongs here: `/sandbox/reports` and `/sandbox/scripts`. Not here: anything that CollaborateMD has. No sign-in: the
sandbox listens on loopback alone.

    PUT    /sandbox/reports/{customer}/{report}/{filter}?name=Claims.csv   a CSV (or JSON, or a ready ZIP) as the body
    DELETE /sandbox/reports/{customer}/{report}/{filter}
    GET    /sandbox/reports
    PUT    /sandbox/scripts/{customer}/{report}/{filter}   {"runs": ["data"], "polls": ["running", "empty", "data"]}
"""

from itertools import count
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from claims_pipeline.sandbox.collaboratemd.shelf import Report, ReportShelf, script_from

ENDINGS = {"application/json": ".json", "application/zip": ".zip"}


def control_routes(reports: ReportShelf) -> list[BaseRoute]:
    """The routes, over one shelf."""
    controls = _Controls(reports)
    place = "{customer:str}/{report:str}/{filter:str}"
    return [
        Route(f"/sandbox/reports/{place}", controls.put, methods=["PUT"]),
        Route(f"/sandbox/reports/{place}", controls.remove, methods=["DELETE"]),
        Route("/sandbox/reports", controls.contents, methods=["GET"]),
        Route(f"/sandbox/scripts/{place}", controls.script, methods=["PUT"]),
    ]


class _Controls:
    def __init__(self, reports: ReportShelf) -> None:
        self._reports = reports
        self._uploads = count(1)

    async def put(self, request: Request) -> Response:
        """Save the body as a report, on disk; runs under way keep what they had."""
        ending = ENDINGS.get(request.headers.get("content-type", "").partition(";")[0], ".csv")
        path = self._reports.folder / f"upload-{next(self._uploads)}{ending}"
        with path.open("wb") as file:
            async for chunk in request.stream():
                file.write(chunk)
        self._reports.put(*_place(request), _saved(path, request.query_params.get("name", f"Claims{ending}")))
        return JSONResponse({"bytes": path.stat().st_size}, 201)

    async def remove(self, request: Request) -> Response:
        """Take a report away."""
        self._reports.remove(*_place(request))
        return Response(status_code=204)

    async def contents(self, _: Request) -> Response:
        """What is saved."""
        names = ("customer", "report", "filter")
        return JSONResponse([dict(zip(names, key, strict=True)) for key in self._reports.contents()])

    async def script(self, request: Request) -> Response:
        """Say how a report's runs go from now on."""
        words = await request.json()
        try:
            script = script_from(words if isinstance(words, dict) else {})
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 400)
        self._reports.script(*_place(request), script)
        return Response(status_code=204)


def _place(request: Request) -> tuple[str, str, str]:
    asked = request.path_params
    return asked["customer"], asked["report"], asked["filter"]


def _saved(path: Path, name: str) -> Report:
    return Report(as_it_is=path) if path.suffix == ".zip" else Report.csv(path, name=name)
