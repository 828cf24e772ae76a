"""The package as a file, and how a person uploads it where the pipeline's own address is not let in.

What belongs here: writing the zip, and the steps. Not here: what is in it (`clients.salesforce.metadata`).
"""

import hashlib
from pathlib import Path

from claims_pipeline.clients.salesforce.metadata import API_VERSION, MetadataPackage
from claims_pipeline.errors import PermanentError


class ZipNotWritten(PermanentError):
    """The package cannot be put where it should."""


def write_zip(package: MetadataPackage, path: Path) -> str:
    """Write it, whole or not at all; what was written, in words."""
    content = package.zipped()
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        raise ZipNotWritten(
            f"{path} cannot be written ({error.strerror}): name another with --zip."
        ) from None
    digest = hashlib.sha256(content).hexdigest()[:12]
    return (
        f"Written: {path} ({len(package.components)} components, {len(content):,} bytes, sha256 {digest}...)."
    )


def by_hand(package: MetadataPackage, path: Path, *, complete: bool) -> list[str]:
    """The steps."""
    tests = ", ".join(package.test_classes)
    level = (
        f"Test Level RunSpecifiedTests with Run Tests {tests}"
        if tests
        else "Test Level left at its default (no Apex goes with it)"
    )
    by_cli = f" --test-level RunSpecifiedTests --tests {' '.join(package.test_classes)}" if tests else ""
    for_whom = (
        "It is for an org that has no Claim__c and no Claim_Payor__c: in one that has them it would overwrite them."
        if complete
        else "It is for an org that has Claim__c and Claim_Payor__c, to which it adds our fields. For one that has "
        "neither: claims-pipeline salesforce deploy --zip FILE --complete."
    )
    sets = " and ".join(package.permission_sets)
    return [
        for_whom,
        "",
        "To upload it by hand, from an address that the org lets in (an admin's own):",
        "  1. Open https://workbench.developerforce.com, choose Production or Sandbox, and API Version "
        f"{API_VERSION}",
        "     (or the newest there is), and log in as an admin.",
        f"  2. Migration > Deploy. Choose the file {path.name}.",
        f"  3. Tick Rollback On Error and Single Package, and leave Allow Missing Files off. {level}.",
        "     To try first, tick Check Only too.",
        "  4. Next, Deploy. Wait for Status Succeeded; else each problem is listed with its file and line.",
        *(
            [f"  5. Setup > Permission Sets > {sets} > Manage Assignments: give them to their users."]
            if sets
            else []
        ),
        "Or with the Salesforce CLI, signed in to the org as an admin:",
        f"  sf project deploy start --metadata-dir {path.name} --single-package{by_cli} --target-org ORG",
        "Or let this address in (Setup > Network Access, or the Login IP Ranges of the admin's profile) and run again.",
        "Then run claims-pipeline salesforce diff from where the pipeline runs.",
    ]
