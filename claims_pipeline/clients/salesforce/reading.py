"""Reading the org: SOQL pages, payors, mappings, and claims by their keys.

What belongs here: what is asked over REST, and its answers as typed frames. Not here: whole tables (`bulk_query`).
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

import polars as pl
from simple_salesforce.api import Salesforce
from simple_salesforce.format import format_soql

from claims_pipeline.clients.salesforce.canonical import frame_of_records, text_of
from claims_pipeline.clients.salesforce.connection import Connection
from claims_pipeline.clients.salesforce.describe import ObjectDescription
from claims_pipeline.clients.salesforce.refusals import (
    OrgNotReady,
    SalesforceUnavailable,
    UnexpectedAnswer,
    error_of,
)

CLAIMS = "Claim__c"
PAYORS = "Claim_Payor__c"
MAPPINGS = "Claim_Payor_Mapping__c"

MOST_KEYS = 2_000  # a page holds as many
MOST_SOQL_CHARACTERS = 100_000
MOST_QUERIES = 5
MOST_ADDRESS_CHARACTERS = 2_000
_ROUNDS = 3

PAYOR_COLUMNS: dict[str, str] = {"id": "Id", "name": "Name", "payor_id": "Payor_ID__c"}
MAPPING_COLUMNS: dict[str, str] = {
    "id": "Id",
    "payor_key": "Payor_Key__c",
    "claim_payor": "Claim_Payor__c",
    "ignored": "Ignored__c",
    "automatic_match": "Automatic_Match__c",
    "match_rule": "Match_Rule__c",
    "linked_payor": "Linked_Payor__c",
    "status": "Status__c",
    "source_payor_name": "Source_Payor_Name__c",
    "source_payor_id": "Source_Payor_Id__c",
    "first_seen_on": "First_Seen_On__c",
    "last_seen_on": "Last_Seen_On__c",
    "claim_count": "Claim_Count__c",
    "charged_amount": "Charged_Amount__c",
    "suggestion_1": "Suggestion_1__c",
    "suggestion_1_score": "Suggestion_1_Score__c",
    "suggestion_2": "Suggestion_2__c",
    "suggestion_2_score": "Suggestion_2_Score__c",
    "suggestion_3": "Suggestion_3__c",
    "suggestion_3_score": "Suggestion_3_Score__c",
}
_MAPPING_MUST_BE_SEEN = ("payor_key", "claim_payor", "ignored")


def soql_text(value: str) -> str:
    """A text as a SOQL literal, quoted and escaped."""
    return str(format_soql("{}", value))


def query(connection: Connection, soql: str, *, deleted_too: bool = False) -> Iterator[dict[str, Any]]:
    """Every record of a query, page by page; numbers as Decimal. `deleted_too`: those in the recycle bin as well."""
    if len(soql) > MOST_ADDRESS_CHARACTERS and not deleted_too:
        page = _patient_composite(connection, [soql])[0]
    else:
        page = connection.ask("query", lambda salesforce: salesforce.query(soql, include_deleted=deleted_too))
    yield from _pages(connection, page)


def _pages(connection: Connection, page: Any) -> Iterator[dict[str, Any]]:
    """The records of this page and of those after it. A page without records or an end is no answer."""
    while True:
        if not isinstance(page, dict) or not isinstance(page.get("records"), list) or "done" not in page:
            raise UnexpectedAnswer("Salesforce's answer to a query is no page of records.")
        yield from page["records"]
        if page["done"]:
            return
        path = urlsplit(str(page.get("nextRecordsUrl"))).path
        page = connection.ask("query", partial(_next_page, path))


def _next_page(path: str, salesforce: Salesforce) -> Any:
    return salesforce.query_more(path, identifier_is_url=True)


def read_payors(connection: Connection, description: ObjectDescription) -> pl.DataFrame:
    """The payors: `id`, `name`, `payor_id`, all text."""
    return _read_table(connection, description, PAYOR_COLUMNS, must_be_seen=("name", "payor_id"))


def read_mappings(connection: Connection, description: ObjectDescription) -> pl.DataFrame:
    """The mapping table as text columns, `ignored` as Boolean. A column that the org lacks is null."""
    mappings = _read_table(connection, description, MAPPING_COLUMNS, must_be_seen=_MAPPING_MUST_BE_SEEN)
    return mappings.with_columns(ignored=pl.col("ignored") == "true")


def _read_table(
    connection: Connection,
    description: ObjectDescription,
    columns: dict[str, str],
    *,
    must_be_seen: Sequence[str],
) -> pl.DataFrame:
    seen = {ours: field for ours, field in columns.items() if field in description.fields}
    hidden = [columns[ours] for ours in must_be_seen if ours not in seen]
    if hidden:
        raise OrgNotReady(
            description.name,
            [f"{field}: it does not exist, or the integration user may not see it" for field in hidden],
        )
    soql = f"SELECT {', '.join(seen.values())} FROM {description.name}"
    records = list(query(connection, soql))
    frame = frame_of_records(records, list(seen.values()), description)
    return frame.select(
        frame.get_column(seen[ours]).alias(ours)
        if ours in seen
        else pl.lit(None, dtype=pl.String).alias(ours)
        for ours in columns
    )


def read_by_keys(
    connection: Connection,
    description: ObjectDescription,
    *,
    key: str,
    keys: Sequence[str],
    fields: Sequence[str],
) -> pl.DataFrame:
    """The records whose `key` is among `keys`, as canonical text columns in the order of `fields`.

    The queries go as sub-requests of `composite`, since no address holds so many keys.
    """
    start = f"SELECT {', '.join(fields)} FROM {description.name} WHERE {key} IN "
    queries = [
        f"{start}({','.join(chunk)})" for chunk in _chunks(keys, MOST_SOQL_CHARACTERS - len(start) - 2)
    ]
    frames = [frame_of_records([], fields, description)]
    for first in range(0, len(queries), MOST_QUERIES):
        for page in _patient_composite(connection, queries[first : first + MOST_QUERIES]):
            frames.append(frame_of_records(list(_pages(connection, page)), fields, description))
    return pl.concat(frames)


def _chunks(keys: Sequence[str], most_characters: int) -> Iterator[list[str]]:
    """The keys as literals, in lists that fit one query each."""
    chunk: list[str] = []
    characters = 0
    for literal in (soql_text(key) for key in keys):
        if chunk and (len(chunk) == MOST_KEYS or characters + len(literal) + 1 > most_characters):
            yield chunk
            chunk, characters = [], 0
        chunk.append(literal)
        characters += len(literal) + 1
    if chunk:
        yield chunk


def _patient_composite(connection: Connection, queries: Sequence[str]) -> list[Any]:
    """The first page of each query. A query that Salesforce could not answer just now is asked again with the rest."""
    session = connection.session
    for attempt in range(1, _ROUNDS):
        try:
            return list(_composite(connection, queries))
        except SalesforceUnavailable:
            session.sleep(session.timing.wait_seconds(attempt, session.jitter()))
    return list(_composite(connection, queries))


def _composite(connection: Connection, queries: Sequence[str]) -> Iterator[Any]:
    """The first page of each query, asked in one call."""
    base = f"/services/data/v{connection.login.version}/query/?q="
    body = {
        "allOrNone": False,
        "compositeRequest": [
            {"method": "GET", "url": base + quote(soql, safe=""), "referenceId": f"query{number}"}
            for number, soql in enumerate(queries)
        ],
    }
    told = connection.call("read by keys", "POST", "composite", body=body, repeatable=True)
    answers = told.get("compositeResponse") if isinstance(told, dict) else None
    if not isinstance(answers, list) or len(answers) != len(queries):
        raise UnexpectedAnswer("Salesforce did not answer each of the queries in one call.")
    by_reference = {answer.get("referenceId"): answer for answer in answers if isinstance(answer, dict)}
    for number in range(len(queries)):
        answer = by_reference.get(f"query{number}", {})
        status = answer.get("httpStatusCode")
        if status != 200:
            raise error_of("read by keys", int(status or 500), answer.get("body"))
        yield answer["body"]


def count(connection: Connection, soql: str) -> int:
    """The number that a `SELECT COUNT() ...` gives."""
    page = connection.ask("count", lambda salesforce: salesforce.query(soql))
    total = page.get("totalSize") if isinstance(page, dict) else None
    text = text_of(total, "string")
    if text is None or not text.isdigit():
        raise UnexpectedAnswer("Salesforce's answer to a count holds no number.")
    return int(text)
