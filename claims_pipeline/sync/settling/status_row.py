"""The status row: what Salesforce's own people see of a customer's last sync (`Claim_Sync_Status__c`).

What belongs here: its fields, and writing it beside the claims. It also carries the sequence, from which a lost sync
state begins anew. An org without the object, or one that refuses the row, is synced all the same, with a warning.
"""

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from claims_pipeline.claims.compare import wire_instant
from claims_pipeline.claims.outcomes import ClaimOutcome
from claims_pipeline.clients.salesforce import ObjectMissing
from claims_pipeline.errors import ClaimsPipelineError, LeaseLost
from claims_pipeline.storage.frames import Stamp
from claims_pipeline.sync.known import STATUS
from claims_pipeline.sync.settling.send import Writer

KEY = "Customer__c"


def write_status(
    writer: Writer, stamp: Stamp, counts: Mapping[str, int], dollars: Mapping[str, object], at: datetime
) -> str | None:
    """Write the customer's row; a warning in words where it could not be.

    `counts`: claims by outcome, with `missing` and `rejected_rows`; `dollars`: Salesforce field -> source sum.
    """
    try:
        described = writer.salesforce.describe(STATUS).fields
    except ObjectMissing:
        return f"the org has no {STATUS}: people there do not see how the sync went. Deploy salesforce/ to have it"
    if KEY not in described:
        return f"{STATUS}: the integration user may not see {KEY}, so its row is not written"
    row = {
        name: value
        for name, value in _row(stamp, counts, dollars, at).items()
        if name == KEY or (name in described and described[name].writable)
    }
    frame = pl.DataFrame({name: [value] for name, value in row.items()}, schema=dict.fromkeys(row, pl.String))
    try:
        answer = writer.salesforce.upsert_few(STATUS, KEY, frame, before_batch=writer.before_batch)
    except LeaseLost:
        raise
    except ClaimsPipelineError as error:  # the claims have arrived, whatever becomes of a row about them
        return f"the customer's row of {STATUS} could not be written ({type(error).__name__})"
    taken = (ClaimOutcome.CREATED.value, ClaimOutcome.UPDATED.value)
    codes = [
        code or "UNKNOWN"
        for outcome, code in answer.select("outcome", "code").iter_rows()
        if outcome not in taken
    ]
    return f"Salesforce did not take the customer's row of {STATUS} ({', '.join(codes)})" if codes else None


def _row(
    stamp: Stamp, counts: Mapping[str, int], dollars: Mapping[str, object], at: datetime
) -> dict[str, str]:
    named = {
        "Claims_Created__c": "created",
        "Claims_Updated__c": "updated",
        "Claims_Unchanged__c": "unchanged",
        "Claims_Healed__c": "healed",
        "Claims_Refused__c": "refused",
        "Claims_Held__c": "held",
        "Claims_Missing__c": "missing",
        "Rows_Rejected__c": "rejected_rows",
    }
    sums = {
        "Charged_Amount__c": "Charged_Amount__c",
        "Paid_Amount__c": "Paid_Amount__c",
        "Balance_Amount__c": "Total_BDP__c",
    }
    return {
        KEY: stamp.customer,
        "Sequence__c": str(stamp.sequence),
        "Last_Success_At__c": wire_instant(at),
        "Source_As_Of__c": wire_instant(stamp.fetched_at),
        "Rows_Read__c": str(sum(report["rows"] for report in stamp.facts["reports"])),
        **{field: str(counts[name]) for field, name in named.items() if name in counts},
        **{field: str(dollars[name]) for field, name in sums.items()},
    }
