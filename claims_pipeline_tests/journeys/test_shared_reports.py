"""The two whole reports arrive exactly: counts and sums read back from the org, to the cent."""

import json
from collections import Counter
from decimal import Decimal

import pytest
import requests

from claims_pipeline_tests.journeys.conftest import FIRST, SECOND, Town
from claims_pipeline_tests.paths import DATA

REPORTS = DATA / "reports"


def sums(town: Town) -> dict[str, Decimal]:
    """The org's own sums, over its REST API, as another client asks them."""
    bearer = town.sandbox.org.sessions.open(town.sandbox.org.settings.users[1]).token
    soql = "SELECT COUNT(Id) n, SUM(Charged_Amount__c) charged, SUM(Paid_Amount__c) paid FROM Claim__c"
    with requests.Session() as session:
        session.trust_env = False
        session.verify = town.environment["CLAIMS_CA_BUNDLE"]
        answer = session.get(
            f"{town.sandbox.salesforce.url}/services/data/v59.0/query",
            params={"q": soql},
            headers={"Authorization": f"Bearer {bearer}"},
            timeout=30,
        )
    answer.raise_for_status()
    (record,) = answer.json(parse_float=Decimal)["records"]
    return {name: Decimal(record[name]).quantize(Decimal("0.01")) for name in ("n", "charged", "paid")}


@pytest.mark.journey
@pytest.mark.parametrize("name", ["claims", "charges"])
def test_a_report_arrives_exactly(town: Town, name: str) -> None:
    expected = json.loads((REPORTS / f"{name}_expected.json").read_text())
    town.put(REPORTS / f"{name}_report.csv")
    whole = town.sync()
    rejected = Counter(whole.rejected.frame.collect()["code"].to_list())
    assert sum(report["rows"] for report in whole.synced.outcomes.stamp.facts["reports"]) == expected["rows"]
    assert dict(rejected) == expected["rejected"]
    assert whole.synced.counts["created"] == expected["claims"]
    assert sums(town) == {
        "n": Decimal(expected["claims"]),
        "charged": Decimal(expected["charged"]),
        "paid": Decimal(expected["paid"]),
    }


@pytest.mark.journey
def test_two_customers_with_the_same_claims_never_write_each_others(town: Town) -> None:
    town.put(REPORTS / "claims_report.csv", FIRST)
    town.put(REPORTS / "charges_report.csv", SECOND)
    assert town.sync(FIRST).synced.counts["created"] == 1816
    before = town.claims()
    second = town.sync(SECOND)
    assert second.synced.counts["created"] == 12
    assert dict(second.synced.held_by_reason) == {"OTHER_CUSTOMER": 1816}
    after = town.claims()
    assert {number: after[number] for number in before} == before
    assert len(after) == 1828
