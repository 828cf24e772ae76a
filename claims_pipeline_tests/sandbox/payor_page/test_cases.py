"""The sandbox's page follows the rules of the page in the org: every case of the shared file, over records of an org.

The pipeline's own reading of the rules (which claims a mapping reaches) runs the same preview cases.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from claims_pipeline.claims.compare import LEAVE
from claims_pipeline.claims.payors import Mapping as MappingRow
from claims_pipeline.claims.payors import Payor, PayorMatcher
from claims_pipeline.sandbox.payor_page.desk import Cursor, Desk, Refused
from claims_pipeline.sandbox.payor_page.rules import CASES, ClaimGroup, Decision, PageRules, RowFacts, changes
from claims_pipeline.sandbox.salesforce.metadata import read_schema
from claims_pipeline.sandbox.salesforce.org import Org
from claims_pipeline.sandbox.salesforce.settings import ADMIN_USERNAME
from claims_pipeline.sync.payors.groups import Group
from claims_pipeline.sync.settling.relink import wanted_lookup

FILE = json.loads(CASES.read_text(encoding="utf-8"))
RULES = PageRules.read()
NOW = datetime(2026, 3, 2, 15, 4, 5, tzinfo=UTC)
KEY = "some payor|sp1"
BEFORE = {"Decided_By__c": None, "Decided_At__c": None}

Case = Mapping[str, Any]


def cases(name: str) -> list[Any]:
    """The cases of one list, each under its name."""
    found = FILE[name]
    assert len(found) >= 5, f"{name} has hardly a case"
    return [pytest.param(case, id=case["name"]) for case in found]


class Scene:
    """An org with the payors A, B and C, and a person at the page."""

    def __init__(self) -> None:
        self.org = Org(read_schema(), clock=lambda: NOW)
        admin = self.org.user(ADMIN_USERNAME)
        assert admin is not None
        self.admin = admin
        names = ("A", "B", "C", "GONE")
        made = self.org.insert(admin, "Claim_Payor__c", [{"Name": name} for name in names])
        self.payors = {name: str(each.id) for name, each in zip(names, made, strict=True)}
        self.org.delete(admin, "Claim_Payor__c", [self.payors["GONE"]])
        self.letters = {record_id: name for name, record_id in self.payors.items()}
        self.desk = Desk(self.org, admin, RULES)

    def add(self, row: Case, key: str = KEY) -> str:
        """A row of the mapping table, as the pipeline and people have left it."""
        record = {
            "Payor_Key__c": key,
            "Source_Payor_Name__c": row.get("payorName"),
            "Source_Payor_Id__c": row.get("payorId"),
            "Claim_Payor__c": self.payor(row.get("claimPayor")),
            "Ignored__c": row.get("ignored", False),
            "Automatic_Match__c": self.payor(row.get("automaticMatch")),
            "Linked_Payor__c": self.payor(row.get("linkedPayor")),
            "Charged_Amount__c": row.get("charged", "0"),
            "Claim_Count__c": 0,
        }
        (made,) = self.org.insert(self.admin, "Claim_Payor_Mapping__c", [record])
        assert made.success, made.errors
        return str(made.id)

    def payor(self, letter: str | None) -> str | None:
        return None if letter is None else self.payors[letter]

    def row(self, record_id: str) -> dict[str, Any]:
        """A row as it is stored."""
        (found,) = [each for each in self.org.records("Claim_Payor_Mapping__c") if each["Id"] == record_id]
        return dict(found)

    def decision(self, case: Case) -> Decision:
        seen = case.get("seen")
        return Decision(
            act=case["act"],
            payor=self.payor(case.get("payor")),
            ignored=case.get("ignored", False),
            seen=None if seen is None else (self.payor(seen["claimPayor"]), seen["ignored"]),
        )


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.org.close()


def facts(row: Case) -> RowFacts:
    return RowFacts(
        claim_payor=row.get("claimPayor"),
        ignored=row.get("ignored", False),
        automatic_match=row.get("automaticMatch"),
        linked_payor=row.get("linkedPayor"),
        suggestions=tuple((each["payor"], each["score"]) for each in row.get("suggestions", ())),
    )


@pytest.mark.parametrize("case", cases("statusCases"))
def test_status_and_what_may_be_done(case: Case, scene: Scene) -> None:
    row = facts(case["row"])
    assert (row.status, row.stands, row.waits) == (case["status"], case["stands"], case["waits"])
    assert RULES.acts(row) == case["acts"]
    scene.add({name: value for name, value in case["row"].items() if name != "suggestions"})
    (told,) = scene.desk.rows(case["status"])["rows"]
    assert (told["status"], told["acts"], told["waits"]) == (case["status"], case["acts"], case["waits"])


@pytest.mark.parametrize("case", cases("suggestionCases"))
def test_which_payors_are_offered(case: Case) -> None:
    assert [payor for payor, _ in facts(case["row"]).offers] == case["offers"]


@pytest.mark.parametrize("case", cases("saveCases"))
def test_what_a_decision_makes_of_a_row(case: Case, scene: Scene) -> None:
    if case["row"] is None:
        record_id = scene.add({})
        scene.org.delete(scene.admin, "Claim_Payor_Mapping__c", [record_id])
    else:
        record_id = scene.add(case["row"])
    (told,) = scene.desk.decide([(record_id, scene.decision(case))])
    assert (told["outcome"], told["code"]) == (case["outcome"], case.get("code"))
    assert case["outcome"] != "refused" or told["code"] in RULES.words
    if case["after"] is None:
        return
    record = scene.row(record_id)
    after = (record["Claim_Payor__c"], bool(record["Ignored__c"]))
    assert after == (scene.payor(case["after"]["claimPayor"]), case["after"]["ignored"])
    assert told["row"]["status"] == case["after"]["status"]
    stamped = {"Decided_By__c": scene.admin.id, "Decided_At__c": "2026-03-02T15:04:05.000Z"}
    assert {name: record[name] for name in BEFORE} == (stamped if case["outcome"] == "saved" else BEFORE)


@pytest.mark.parametrize("case", cases("previewCases"))
def test_how_much_a_decision_will_change(case: Case, scene: Scene) -> None:
    record_id = scene.add(case["row"])
    number = iter(range(1, 1_000))
    for group in case["claims"]:
        amounts = [Decimal(0)] * (group["count"] - 1) + [Decimal(group["charged"])]
        claims = [
            {
                "Claim_Number__c": str(next(number)),
                "Source_Payor_Key__c": KEY,
                "Claim_Payor__c": scene.payor(group["payor"]),
                "Charged_Amount__c": amount,
            }
            for amount in amounts
        ]
        assert all(made.success for made in scene.org.insert(scene.admin, "Claim__c", claims))
    told = scene.desk.preview([record_id], scene.decision(case))
    assert told == {"claims": case["changes"]["count"], "charged": case["changes"]["charged"]}


@pytest.mark.parametrize("case", cases("previewCases"))
def test_the_next_sync_changes_just_those_claims(case: Case) -> None:
    """The pipeline's own rules, which the page foretells."""
    row, decision = facts(case["row"]), Decision(case["act"], case.get("payor"), case.get("ignored", False))
    outcome = RULES.decide(row, decision, {"A", "B", "C"})
    assert outcome.after is not None
    claim_payor, ignored = outcome.after
    named = [
        ("Some Payor", "SP1") if letter == row.automatic_match else (letter * 9, letter * 4)
        for letter in "ABC"
    ]
    payors = [Payor(letter, *name) for letter, name in zip("ABC", named, strict=True)]
    mapping = MappingRow(KEY, claim_payor, ignored, row.linked_payor, row.automatic_match)
    matcher = PayorMatcher(payors, [mapping])
    assert matcher.automatic(KEY).payor == row.automatic_match
    groups = [
        Group(KEY, group["payor"], group["count"], Decimal(group["charged"]), None, None)
        for group in case["claims"]
    ]
    changed = [group for group in groups if wanted_lookup(group, matcher) != LEAVE]
    told = (sum(each.claims for each in changed), sum((each.charged for each in changed), Decimal("0.00")))
    assert told == (case["changes"]["count"], Decimal(case["changes"]["charged"]))
    assert told == changes(
        row,
        decision,
        [ClaimGroup(each["payor"], each["count"], Decimal(each["charged"])) for each in case["claims"]],
    )


@pytest.mark.parametrize("case", cases("listCases"))
def test_which_rows_are_listed_and_in_which_order(case: Case, scene: Scene) -> None:
    labels = {scene.add(row, key=f"key {row['label']}|"): row for row in case["rows"]}
    after = None
    if "after" in case:
        ((record_id, row),) = [(each, row) for each, row in labels.items() if row["label"] == case["after"]]
        after = Cursor(row.get("charged", "0.00"), record_id)
    told = scene.desk.rows(case["status"], case.get("term", ""), after)
    assert [labels[row["id"]]["label"] for row in told["rows"]] == case["shown"]


@pytest.mark.parametrize("case", cases("createCases"))
def test_a_new_payor(case: Case, scene: Scene) -> None:
    for each in case["existing"]:
        record = {"Name": each["payorName"], "Payor_ID__c": each["payorId"]}
        scene.org.insert(scene.admin, "Claim_Payor__c", [record])
    before = len(scene.org.records("Claim_Payor__c"))
    given = case["given"]
    if "code" in case:
        with pytest.raises(Refused) as refused:
            scene.desk.create(given["payorName"], given["payorId"])
        assert refused.value.code == case["code"]
        assert len(scene.org.records("Claim_Payor__c")) == before
        return
    made = scene.desk.create(given["payorName"], given["payorId"])
    assert (made["name"], made["payorId"]) == (case["made"]["payorName"], case["made"]["payorId"])


def test_a_long_list_is_paged_without_gap_or_repetition(scene: Scene) -> None:
    size = RULES.limit("pageSize")
    ids = [scene.add({"charged": f"{place % 7}.00"}, key=f"key {place}|") for place in range(2 * size + 3)]
    seen: list[str] = []
    cursor: Cursor | None = None
    while True:
        page = scene.desk.rows("Unmapped", after=cursor)
        seen += [row["id"] for row in page["rows"]]
        if page["next"] is None:
            break
        cursor = Cursor(**page["next"])
    assert sorted(seen) == sorted(ids)
    assert len(seen) == len(set(seen))


def test_no_more_than_the_limit_is_decided_at_once_and_a_row_only_once(scene: Scene) -> None:
    record_id = scene.add({})
    ignore = Decision("ignore")
    with pytest.raises(Refused, match="NOTHING_CHOSEN"):
        scene.desk.decide([])
    with pytest.raises(Refused, match="TOO_MANY"):
        scene.desk.decide([(record_id, ignore)] * (RULES.limit("mostAtOnce") + 1))
    first, second = scene.desk.decide([(record_id, ignore), (record_id, ignore)])
    assert (first["outcome"], second["code"]) == ("saved", "NAMED_TWICE")


def test_what_cannot_be_listed_is_refused_in_words(scene: Scene) -> None:
    asked = {
        "UNKNOWN_STATUS": lambda: scene.desk.rows("Nonsense"),
        "TERM_TOO_LONG": lambda: scene.desk.rows("Unmapped", "x" * 101),
        "BAD_CURSOR": lambda: scene.desk.rows("Unmapped", after=Cursor("1 OR 1=1", "a00")),
    }
    for code, ask in asked.items():
        with pytest.raises(Refused, match=code):
            ask()
        assert code in RULES.words
