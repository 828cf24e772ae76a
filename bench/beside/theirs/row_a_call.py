"""The predecessor's way: one upsert a row. Prints what came back as JSON.

python row_a_call.py RECORDS.csv ROWS
"""

import csv
import json
import sys
from itertools import islice
from pathlib import Path

from signed_in import simple_salesforce
from simple_salesforce.exceptions import SalesforceError

CLEARED = "#N/A"
"""In the file, for Bulk; a call takes null."""


def main() -> int:
    """Upsert the first rows; a refusal is an exception, which is counted and passed over."""
    claims, refused = simple_salesforce().Claim__c, {}
    with Path(sys.argv[1]).open(encoding="utf-8", newline="") as file:
        for row in islice(csv.DictReader(file), int(sys.argv[2])):
            key = row.pop("Claim_Number__c")
            record = {name: None if value == CLEARED else value for name, value in row.items() if value}
            try:
                claims.upsert(f"Claim_Number__c/{key}", record)
            except SalesforceError as error:
                refused[key] = error.content[0]["errorCode"]
    print(json.dumps({"counted": len(refused), "rows": refused}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
