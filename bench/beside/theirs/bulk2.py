"""simple-salesforce's Bulk 2.0 upsert, as it comes or tuned. Prints what came back as JSON.

    python bulk2.py RECORDS.csv WAIT_SECONDS [BATCH_SIZE CONCURRENCY]

Tuned is what its code can do and `upsert` does not pass on: several jobs at once (`concurrency` is an argument of
`insert` alone; the method below both has it), and asking each job for the rows that it refused.
"""

import csv
import io
import json
import sys

from signed_in import simple_salesforce
from simple_salesforce.bulk2 import Operation

KEY = "Claim_Number__c"


def main() -> int:
    """Upsert the file."""
    path, wait, *tuning = sys.argv[1:]
    claims, rows = simple_salesforce().bulk2.Claim__c, {}
    if tuning:
        batch_size, concurrency = map(int, tuning)
        told = claims._upload_file(
            Operation.upsert,
            csv_file=path,
            external_id_field=KEY,
            batch_size=batch_size,
            concurrency=concurrency,
            wait=int(wait),
        )
        for job in told:
            if job["numberRecordsFailed"]:
                failed = csv.DictReader(io.StringIO(claims.get_failed_records(job["job_id"])))
                rows |= {row[KEY]: row["sf__Error"].partition(":")[0] for row in failed}
    else:
        told = claims.upsert(csv_file=path, external_id_field=KEY, wait=int(wait))
    counted = sum(job["numberRecordsFailed"] for job in told)
    print(json.dumps({"counted": counted, "rows": rows, "jobs": [job["job_id"] for job in told]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
