"""SOQL over REST: `query`, `queryAll` and the pages that follow.

What belongs here: paging and its cursors. Not here: what a query means and finds (`soql`).
"""

import re
import threading
from collections import OrderedDict
from itertools import count

from claims_pipeline.sandbox.salesforce.calls import Answer, ApiError, Call, Endpoint
from claims_pipeline.sandbox.salesforce.record_ids import new_id
from claims_pipeline.sandbox.salesforce.soql import QueryResult, execute

LARGEST_PAGE = 2_000
SMALLEST_PAGE = 200
_CURSORS_KEPT = 10  # a user; older ones are dropped, as Salesforce does


class Cursors:
    """The queries whose later pages may still be asked for."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], QueryResult] = OrderedDict()
        self._numbers = count(1)
        self._lock = threading.Lock()

    def keep(self, user_id: str, result: QueryResult) -> str:
        """The cursor of a result that has more than one page."""
        with self._lock:
            cursor = new_id("01g", next(self._numbers))
            self._kept[user_id, cursor] = result
            mine = [key for key in self._kept if key[0] == user_id]
            for key in mine[:-_CURSORS_KEPT]:
                del self._kept[key]
        return cursor

    def find(self, user_id: str, cursor: str) -> QueryResult | None:
        """The result of a cursor, for the user who made it."""
        with self._lock:
            return self._kept.get((user_id, cursor))


def endpoints() -> list[Endpoint]:
    """The paths of queries; cursors live as long as the app."""
    cursors = Cursors()

    def first_page(call: Call, *, include_deleted: bool) -> Answer:
        soql = call.query.get("q")
        if not soql:
            raise ApiError(400, "MALFORMED_QUERY", "A query string has to be specified")
        found = execute(call.org, call.user, soql, include_deleted=include_deleted, version=call.version)
        return _page(call, cursors, found, None, 0)

    def next_page(call: Call) -> Answer:
        cursor, _, start = call.path["cursor"].partition("-")
        found = cursors.find(call.user.id, cursor)
        if found is None or not start.isdigit():
            raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return _page(call, cursors, found, cursor, int(start))

    return [
        Endpoint("GET", "query", lambda call: first_page(call, include_deleted=False)),
        Endpoint("GET", "queryAll", lambda call: first_page(call, include_deleted=True)),
        Endpoint("GET", "query/{cursor}", next_page),
        Endpoint("GET", "queryAll/{cursor}", next_page),
    ]


def _page(call: Call, cursors: Cursors, found: QueryResult, cursor: str | None, start: int) -> Answer:
    size = _page_size(call)
    body: dict[str, object] = {"totalSize": found.total, "done": True}
    records = found.page(start, size)
    if not found.count_only and start + size < found.total:
        cursor = cursor or cursors.keep(call.user.id, found)
        body |= {"done": False, "nextRecordsUrl": f"{call.root}/query/{cursor}-{start + size}"}
    return Answer(200, body | {"records": records})


def _page_size(call: Call) -> int:
    asked = re.search(r"batchSize\s*=\s*(\d+)", call.headers.get("sforce-query-options", ""), re.IGNORECASE)
    return min(max(int(asked[1]), SMALLEST_PAGE), LARGEST_PAGE) if asked else LARGEST_PAGE
