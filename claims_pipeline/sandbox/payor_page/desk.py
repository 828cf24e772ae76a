"""The desk: what the page asks of the org, done with its records as the signed-in person.

What belongs here: reading rows, saving decisions with who and when, new payors. Not here: the rules (`rules`), HTTP
(`web`). Texts of people go out as they are: the page shows them as text alone.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from claims_pipeline.sandbox.payor_page.rules import ClaimGroup, Decision, PageRules, RowFacts, changes
from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.people import User
from claims_pipeline.sandbox.salesforce.soql import execute
from claims_pipeline.sandbox.salesforce.validation import instant

MAPPING, PAYOR, CLAIM = "Claim_Payor_Mapping__c", "Claim_Payor__c", "Claim__c"
_SUGGESTED = [(f"Suggestion_{place}__c", f"Suggestion_{place}_Score__c") for place in (1, 2, 3)]
_ROW = ", ".join(
    (
        *(
            "Id",
            "Payor_Key__c",
            "Source_Payor_Name__c",
            "Source_Payor_Id__c",
            "Claim_Count__c",
            "Charged_Amount__c",
        ),
        *(
            "Status__c",
            "Match_Rule__c",
            "Claim_Payor__c",
            "Claim_Payor__r.Name",
            "Ignored__c",
            "Automatic_Match__c",
        ),
        *(
            "Automatic_Match__r.Name",
            "Linked_Payor__c",
            "Decided_At__c",
            "Decided_By__r.Name",
            "Last_Seen_On__c",
        ),
        *(f"{payor}, {payor.replace('__c', '__r')}.Name, {score}" for payor, score in _SUGGESTED),
    )
)
_SEARCHED = ("Source_Payor_Name__c", "Source_Payor_Id__c", "Payor_Key__c")
_IDS_A_QUERY = 200
_AMOUNT = re.compile(r"-?\d{1,16}\.\d\d", re.ASCII)

Json = dict[str, Any]
Record = Mapping[str, Any]


class Refused(Exception):
    """What is asked cannot be done; by its code, for which the rules have words."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Cursor:
    """Where a page of the list ended: its last row's dollars and id."""

    charged: str
    id: str


class Desk:
    """One person's work on the mapping table of one org."""

    def __init__(self, org: Org, user: User, rules: PageRules) -> None:
        self._org, self._user, self._rules = org, user, rules

    def rows(self, status: str, term: str = "", after: Cursor | None = None) -> Json:
        """A page of rows of a status: most dollars first, then by id; and where the next one goes on."""
        if status not in self._rules.statuses:
            raise Refused("UNKNOWN_STATUS")
        size = self._rules.limit("pageSize")
        where = [f"Status__c = {_text(status)}", *self._searching(term), *_beyond(after)]
        records = self._query(
            f"SELECT {_ROW} FROM {MAPPING} WHERE {' AND '.join(where)} "
            f"ORDER BY Charged_Amount__c DESC, Id LIMIT {size + 1}"
        )
        shown = records[:size]
        last = shown[-1] if len(records) > size else None
        return {
            "rows": [self._told(record) for record in shown],
            "next": {"charged": _dollars(last["Charged_Amount__c"]), "id": last["Id"]} if last else None,
        }

    def counts(self) -> Json:
        """Status -> how many payors, claims and dollars without a payor."""
        totals: Json = {}
        for status in self._rules.statuses:
            (sums,) = self._query(
                "SELECT COUNT(Id) payors, SUM(Claim_Count__c) claims, SUM(Charged_Amount__c) charged "
                f"FROM {MAPPING} WHERE Status__c = {_text(status)}"
            )
            totals[status] = {
                "payors": int(sums["payors"]),
                "claims": int(sums["claims"] or 0),
                "charged": _dollars(sums["charged"]),
            }
        return totals

    def payors(self, term: str) -> list[Json]:
        """Payors of the org whose name or id holds the term, in the order of their names."""
        where = self._searching(term, ("Name", "Payor_ID__c"))
        found = self._query(
            f"SELECT Id, Name, Payor_ID__c FROM {PAYOR} {'WHERE ' + ' AND '.join(where) if where else ''} "
            f"ORDER BY Name, Id LIMIT {self._rules.limit('mostOffered')}"
        )
        return [{"id": each["Id"], "name": each["Name"], "payorId": each["Payor_ID__c"]} for each in found]

    def preview(self, row_ids: Sequence[str], decision: Decision) -> Json:
        """How many claims and dollars the next sync changes after this decision on all these rows."""
        count, charged = 0, Decimal("0.00")
        for record in self._standing(row_ids).values():
            found, dollars = changes(_facts(record), decision, self._claims_of(record["Payor_Key__c"]))
            count, charged = count + found, charged + dollars
        return {"claims": count, "charged": f"{charged:.2f}"}

    def decide(self, decisions: Sequence[tuple[str, Decision]]) -> list[Json]:
        """Save each decision that the rules allow, stamped with who and when; one answer each, in order."""
        if not decisions:
            raise Refused("NOTHING_CHOSEN")
        if len(decisions) > self._rules.limit("mostAtOnce"):
            raise Refused("TOO_MANY")
        with self._org.lock:
            return self._decided(decisions)

    def create(self, name: str, payor_id: str | None) -> Json:
        """A new payor of the org."""
        name, wanted_id = name.strip(), (payor_id or "").strip() or None
        existing = self._query(f"SELECT Name, Payor_ID__c FROM {PAYOR}")
        code = self._rules.created(
            name, wanted_id, [(each["Name"], each["Payor_ID__c"]) for each in existing]
        )
        if code is not None:
            raise Refused(code)
        (made,) = self._org.insert(self._user, PAYOR, [{"Name": name, "Payor_ID__c": wanted_id}])
        if not made.success:
            raise Refused("FAILED")
        return {"id": made.id, "name": name, "payorId": wanted_id}

    def _decided(self, decisions: Sequence[tuple[str, Decision]]) -> list[Json]:
        standing = self._standing([row_id for row_id, _ in decisions])
        wanted = {decision.payor for _, decision in decisions if decision.payor}
        existing = {each["Id"] for each in self._by_ids("Id", PAYOR, sorted(wanted))}
        answers: list[Json] = []
        payload: dict[str, Json] = {}
        named: set[str] = set()
        for row_id, decision in decisions:
            record = standing.get(row_id)
            told: Json = {"id": row_id, "outcome": "refused", "code": "NAMED_TWICE"}
            if row_id not in named:
                outcome = self._rules.decide(_facts(record) if record else None, decision, existing)
                told = {"id": row_id, "outcome": outcome.outcome, "code": outcome.code}
                if outcome.after is not None:
                    payload[row_id] = self._stamped(row_id, *outcome.after)
            named.add(row_id)
            if record is not None:
                told["before"] = {"claimPayor": record["Claim_Payor__c"], "ignored": record["Ignored__c"]}
            answers.append(told)
        results = self._org.update(self._user, MAPPING, list(payload.values())) if payload else []
        refused = {row_id for row_id, result in zip(payload, results, strict=True) if not result.success}
        after = self._standing(list(named))
        for told in answers:
            if told["outcome"] == "saved" and told["id"] in refused:
                told.update(outcome="refused", code="SAVE_REFUSED")
            if told["id"] in after:
                told["row"] = self._told(after[told["id"]])
        return answers

    def _stamped(self, row_id: str, claim_payor: str | None, ignored: bool) -> Json:
        return {
            "Id": row_id,
            "Claim_Payor__c": claim_payor,
            "Ignored__c": ignored,
            "Decided_By__c": self._user.id,
            "Decided_At__c": instant(self._org.now()),
        }

    def _claims_of(self, key: str) -> list[ClaimGroup]:
        found = self._query(
            f"SELECT Claim_Payor__c payor, COUNT(Id) claims, SUM(Charged_Amount__c) charged FROM {CLAIM} "
            f"WHERE Source_Payor_Key__c = {_text(key)} GROUP BY Claim_Payor__c"
        )
        return [
            ClaimGroup(each["payor"], int(each["claims"]), Decimal(_dollars(each["charged"])))
            for each in found
        ]

    def _standing(self, row_ids: Sequence[str]) -> dict[str, Record]:
        return {record["Id"]: record for record in self._by_ids(_ROW, MAPPING, row_ids)}

    def _by_ids(self, fields: str, object_name: str, ids: Sequence[str]) -> list[Record]:
        found: list[Record] = []
        for first in range(0, len(ids), _IDS_A_QUERY):
            listed = ", ".join(_text(each) for each in ids[first : first + _IDS_A_QUERY])
            found += self._query(f"SELECT {fields} FROM {object_name} WHERE Id IN ({listed})")
        return found

    def _searching(self, term: str, fields: Sequence[str] = _SEARCHED) -> list[str]:
        """Conditions that look for a term as text: nothing in it is a wildcard."""
        if len(term) > self._rules.limit("longestTerm"):
            raise Refused("TERM_TOO_LONG")
        if not term.strip():
            return []
        as_text = _escaped(term.strip()).replace("%", "\\%").replace("_", "\\_")
        found = [f"{name} LIKE '%{as_text}%'" for name in fields]
        return [f"({' OR '.join(found)})"]

    def _told(self, record: Record) -> Json:
        """A row as the page takes it."""
        facts = _facts(record)
        names = {record[payor]: _name_of(record, payor) for payor, _ in _SUGGESTED}
        return {
            "id": record["Id"],
            "payorName": record["Source_Payor_Name__c"],
            "payorId": record["Source_Payor_Id__c"],
            "payorKey": record["Payor_Key__c"],
            "claims": int(record["Claim_Count__c"] or 0),
            "charged": _dollars(record["Charged_Amount__c"]),
            "status": record["Status__c"],
            "rule": record["Match_Rule__c"],
            "acts": self._rules.acts(facts),
            "waits": facts.waits,
            "claimPayor": facts.claim_payor,
            "claimPayorName": _name_of(record, "Claim_Payor__c"),
            "ignored": facts.ignored,
            "automaticMatch": facts.automatic_match,
            "automaticMatchName": _name_of(record, "Automatic_Match__c"),
            "offers": [{"id": payor, "name": names[payor], "score": score} for payor, score in facts.offers],
            "decidedBy": _name_of(record, "Decided_By__c"),
            "decidedAt": record["Decided_At__c"],
        }

    def _query(self, soql: str) -> list[Record]:
        result = execute(self._org, self._user, soql)
        return list(result.page(0, result.total))


def _facts(record: Record) -> RowFacts:
    return RowFacts(
        claim_payor=record["Claim_Payor__c"],
        ignored=bool(record["Ignored__c"]),
        automatic_match=record["Automatic_Match__c"],
        linked_payor=record["Linked_Payor__c"],
        suggestions=tuple(
            (record[payor], None if record[score] is None else int(record[score]))
            for payor, score in _SUGGESTED
        ),
    )


def _beyond(after: Cursor | None) -> Iterable[str]:
    if after is not None:
        if not _AMOUNT.fullmatch(after.charged):
            raise Refused("BAD_CURSOR")
        amount = f"{Decimal(after.charged):f}"
        yield f"(Charged_Amount__c < {amount} OR (Charged_Amount__c = {amount} AND Id > {_text(after.id)}))"


def _name_of(record: Record, lookup: str) -> str | None:
    related = record.get(lookup.replace("__c", "__r"))
    return related["Name"] if related else None


def _dollars(amount: object) -> str:
    return f"{Decimal(str(amount or 0)):.2f}"


def _text(value: str) -> str:
    """A text as a SOQL literal."""
    return f"'{_escaped(value)}'"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
