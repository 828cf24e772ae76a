"""What is sent, healed, held or left: the source's claims against the org's records."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_pipeline.claims import compare
from claims_pipeline.claims.compare import CompareRules, canonical_claims, decide, payload_of, source_hash
from claims_pipeline_tests.claims.given import PROPERTY

US, THEM = "005000000000001AAA", "005000000000002AAA"
PAYOR, OTHER_PAYOR = "a01000000000001AAA", "a01000000000002AAA"
EVERYTHING = frozenset((*compare.REQUIRED_FIELDS, *compare.OPTIONAL_FIELDS))
RULES = CompareRules(
    customer="10001001",
    our_user=US,
    writable=EVERYTHING,
    left_to_org=frozenset(),
    synced_at=datetime(2026, 2, 15, 2, 0, tzinfo=UTC),
    as_of=datetime(2026, 2, 15, 1, 55, tzinfo=UTC),
)


def claim(**changes: Any) -> pl.DataFrame:
    """One canonical claim of the source, unmapped."""
    row = {
        "claim_key": "500000001",
        "Claim_Number__c": "500000001",
        "Name": "DOE, JAN (10000001)",
        "MR_Number__c": "MR-1",
        "Source_Payor_Name__c": "ALICARE",
        "Payer__c": "13550",
        "Insurance_Authorization_Number__c": None,
        "DOS__c": date(2026, 1, 5),
        "DOS_End__c": date(2026, 1, 5),
        "Claim_Submitted_Date__c": date(2026, 1, 7),
        "Charged_Amount__c": Decimal("100.00"),
        "Paid_Amount__c": Decimal("0.00"),
        "Total_BDP__c": Decimal("100.00"),
        "EFT_or_Paper_Check__c": None,
        "Paid_Date__c": None,
        "Source_Status__c": "PAID",
        "Paid_Y_or_N__c": "No",
        "Source_Payor_Key__c": "alicare|13550",
        "matched_payor": None,
        "match_rule": "UNMAPPED",
        "linked_payor": None,
        **changes,
    }
    texts = {name: pl.String for name, value in row.items() if value is None or isinstance(value, str)}
    dates = dict.fromkeys(("DOS__c", "DOS_End__c", "Claim_Submitted_Date__c", "Paid_Date__c"), pl.Date)
    money = {name: pl.Decimal(16, 2) for name in compare.MONEY_FIELDS}
    return canonical_claims(pl.DataFrame([row], schema_overrides={**texts, **dates, **money}))


def org_of(claims: pl.DataFrame, *, by: str = US, **changes: str | None) -> pl.DataFrame:
    """The org's records just after these claims were sent, but for `changes`."""
    sent = payload_of(decide(claims, nothing_there(), RULES))
    standing = sent.with_columns(
        pl.lit("a0X000000000001AAA").alias("Id"),
        pl.lit(by).alias("LastModifiedById"),
        pl.when(pl.col("Claim_Payor__c") != "").then(pl.col("Claim_Payor__c")).alias("Claim_Payor__c"),
    )
    return standing.with_columns(
        pl.lit(value, dtype=pl.String).alias(name) for name, value in changes.items()
    )


def nothing_there() -> pl.DataFrame:
    return pl.DataFrame(schema=dict.fromkeys(RULES.read_back, pl.String))


def decision(claims: pl.DataFrame, org: pl.DataFrame, rules: CompareRules = RULES) -> dict[str, Any]:
    return decide(claims, org, rules).row(0, named=True)


def test_a_claim_that_the_org_lacks_is_created_with_every_field_and_stamp() -> None:
    decided = decide(claim(matched_payor=PAYOR, match_rule="ID"), nothing_there(), RULES)
    assert decided["action"].to_list() == ["create"]
    sent = payload_of(decided).row(0, named=True)
    assert sent["Charged_Amount__c"] == "100.00"
    assert sent["DOS__c"] == "2026-01-05"
    assert sent["Paid_Date__c"] is None
    assert sent["Claim_Payor__c"] == PAYOR
    assert sent["Source_Customer__c"] == "10001001"
    assert sent["Source_Synced_At__c"] == "2026-02-15T02:00:00.000Z"
    assert sent["Source_Hash__c"].startswith("1:")
    assert len(sent["Source_Hash__c"]) == 40
    assert set(sent) == EVERYTHING


def test_an_equal_claim_is_left_alone_whatever_the_hash_says() -> None:
    assert decision(claim(), org_of(claim()))["action"] == "unchanged"
    assert decision(claim(), org_of(claim(), Source_Hash__c="0:of-another-version"))["action"] == "unchanged"


def test_the_key_is_compared_as_the_org_compares_it() -> None:
    org = org_of(claim(claim_key="a5", Claim_Number__c="A5"))
    assert decision(claim(claim_key="a5", Claim_Number__c="A5"), org)["action"] == "unchanged"
    spelled = decision(claim(claim_key="a5", Claim_Number__c="a5"), org)
    assert (spelled["action"], spelled["differing"]) == ("update", ["Claim_Number__c"])


def test_a_change_at_the_source_is_sent_and_is_not_called_healed() -> None:
    found = decision(claim(Paid_Amount__c=Decimal("5.00")), org_of(claim(), by=THEM))
    assert (found["action"], found["healed"], found["differing"]) == ("update", False, ["Paid_Amount__c"])


@pytest.mark.parametrize("field", compare.SOURCE_FIELDS)
def test_every_source_field_edited_by_someone_else_is_healed(field: str) -> None:
    found = decision(
        claim(), org_of(claim(), by=THEM, **({} if field == "Claim_Number__c" else {field: "edited"}))
    )
    if field == "Claim_Number__c":  # the key itself: another key is another record
        assert found["action"] == "unchanged"
    else:
        assert (found["action"], found["healed"], found["differing"]) == ("update", True, [field])


def test_what_the_org_itself_rewrote_is_held_until_the_source_changes() -> None:
    org = org_of(claim(), by=US, MR_Number__c="REWRITTEN")
    held = decision(claim(), org)
    assert (held["action"], held["reason"]) == ("hold", "REWRITTEN_BY_ORG")
    assert decision(claim(Paid_Amount__c=Decimal("5.00")), org)["action"] == "update"


def test_another_customers_claim_is_held_and_a_blank_customer_is_adopted() -> None:
    theirs = decision(claim(Name="X"), org_of(claim(), Source_Customer__c="10002002"))
    assert (theirs["action"], theirs["reason"]) == ("hold", "OTHER_CUSTOMER")
    adopted = decision(claim(), org_of(claim(), Source_Customer__c=None))
    assert (adopted["action"], adopted["differing"]) == ("update", ["Source_Customer__c"])


def test_a_claim_that_came_back_to_the_source_loses_its_mark_though_we_wrote_last() -> None:
    found = decision(claim(), org_of(claim(), by=US, Source_Missing_Since__c="2026-02-01"))
    assert (found["action"], found["differing"]) == ("update", ["Source_Missing_Since__c"])


def test_a_value_cleared_at_the_source_is_cleared_in_the_org() -> None:
    decided = decide(claim(MR_Number__c=None), org_of(claim()), RULES)
    assert payload_of(decided).row(0, named=True)["MR_Number__c"] is None


def test_a_hand_set_lookup_of_an_unmapped_payor_stays() -> None:
    org = org_of(claim(), by=THEM, Claim_Payor__c=PAYOR)
    assert decision(claim(), org)["action"] == "unchanged"
    sent = payload_of(decide(claim(Name="NEW (1)"), org, RULES)).row(0, named=True)
    assert sent["Claim_Payor__c"] == compare.LEAVE


def test_an_automatic_match_fills_an_empty_lookup_and_spares_a_hand_set_one() -> None:
    matched = claim(matched_payor=PAYOR, match_rule="NAME_AND_ID")
    filled = decision(matched, org_of(claim()))
    assert (filled["action"], filled["lookup"], filled["differing"]) == ("update", PAYOR, ["Claim_Payor__c"])
    assert decision(matched, org_of(claim(), by=THEM, Claim_Payor__c=OTHER_PAYOR))["action"] == "unchanged"


def test_an_automatic_match_replaces_what_we_linked_ourselves() -> None:
    matched = claim(matched_payor=PAYOR, match_rule="ID", linked_payor=OTHER_PAYOR)
    assert decision(matched, org_of(claim(), Claim_Payor__c=OTHER_PAYOR))["lookup"] == PAYOR


def test_a_persons_mapping_replaces_any_lookup() -> None:
    mapped = claim(matched_payor=PAYOR, match_rule="TABLE")
    assert decision(mapped, org_of(claim(), by=THEM, Claim_Payor__c=OTHER_PAYOR))["lookup"] == PAYOR


def test_a_payor_changed_at_the_source_clears_the_lookup_when_the_new_one_is_unmapped() -> None:
    org = org_of(claim(matched_payor=PAYOR, match_rule="ID"))
    changed = claim(Source_Payor_Key__c="other|1", Source_Payor_Name__c="OTHER", Payer__c="1")
    assert payload_of(decide(changed, org, RULES)).row(0, named=True)["Claim_Payor__c"] is None


def test_an_org_without_our_fields_is_compared_by_the_fields_it_has() -> None:
    bare = replace(RULES, writable=frozenset(compare.REQUIRED_FIELDS))
    org = org_of(claim()).select("Id", "LastModifiedById", *compare.REQUIRED_FIELDS)
    assert decision(claim(), org, bare)["action"] == "unchanged"
    found = decision(claim(Paid_Amount__c=Decimal("5.00")), org, bare)
    assert found["action"] == "update"
    assert not [name for name in payload_of(decide(claim(), org, bare)).columns if name.startswith("Source_")]


def test_a_field_left_alone_is_neither_compared_nor_sent() -> None:
    rules = replace(RULES, left_to_org=frozenset({"Name"}))
    org = org_of(claim(), by=THEM, Name="AS A PERSON WROTE IT")
    assert decision(claim(), org, rules)["action"] == "unchanged"
    assert "Name" not in payload_of(decide(claim(Paid_Amount__c=None), org, rules)).columns


def test_resend_sends_an_equal_claim_but_never_another_customers() -> None:
    again = replace(RULES, resend=True)
    assert decision(claim(), org_of(claim()), again)["action"] == "update"
    assert decision(claim(), org_of(claim(), Source_Customer__c="10002002"), again)["action"] == "hold"


def test_the_hash_covers_source_fields_and_neither_lookup_nor_stamp() -> None:
    plain = source_hash(claim())[0]
    assert source_hash(claim(matched_payor=PAYOR, match_rule="ID"))[0] == plain
    assert source_hash(claim(Paid_Amount__c=Decimal("0.01")))[0] != plain
    assert source_hash(claim(MR_Number__c=None, Payer__c="MR-1"))[0] != plain


CELLS = st.none() | st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\\n\t\x00\x1f,'), max_size=6
)


@PROPERTY
@given(st.lists(st.tuples(*[CELLS] * len(compare.SOURCE_FIELDS)), max_size=4))
def test_the_hash_is_of_the_fields_as_a_json_list(rows: list[tuple[str | None, ...]]) -> None:
    claims = pl.DataFrame(rows, schema=dict.fromkeys(compare.SOURCE_FIELDS, pl.String), orient="row")
    texts = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
    assert source_hash(claims).to_list() == [
        f"1:{hashlib.sha256(text.encode()).hexdigest()[:38]}" for text in texts
    ]
