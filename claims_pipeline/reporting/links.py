"""Links: where in the Salesforce org a person finds a record or a list.

What belongs here: addresses. Not here: what stands there.
"""

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class OrgLinks:
    """Addresses in one org; `instance_url` as Salesforce gave it when we signed in."""

    instance_url: str

    @property
    def claims(self) -> str:
        """The list of claims."""
        return self._list("Claim__c")

    @property
    def issues(self) -> str:
        """The open issues, those that wait longest first."""
        return self._list("Claim_Sync_Issue__c", "Open_Issues_by_Days")

    @property
    def mapping_page(self) -> str:
        """The page on which payors are mapped."""
        return f"{self.instance_url}/lightning/n/ClaimPayorMapping"

    def claim(self, record_id: str) -> str:
        """One claim's record."""
        return f"{self.instance_url}/lightning/r/Claim__c/{quote(record_id, safe='')}/view"

    def _list(self, sobject: str, view: str = "") -> str:
        of_view = f"?filterName={view}" if view else ""
        return f"{self.instance_url}/lightning/o/{sobject}/list{of_view}"
