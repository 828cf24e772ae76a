"""What a person sets wrongly, and the words that are read at the command line for it.

Each table maps the mistake to (what is set then, words of the message). Nothing is asked of anybody.
"""

from pathlib import Path

import pytest

from claims_pipeline.cli.exits import Exit
from claims_pipeline_tests.command_line import claims_pipeline

GOOD = {
    "COLLABORATEMD_USERNAME": "partner",
    "COLLABORATEMD_PASSWORD": "hunter2",
    "COLLABORATEMD_CUSTOMER": "10001001",
    "COLLABORATEMD_REPORT_ID": "4001",
    "COLLABORATEMD_FILTER_ID": "5001",
    "SALESFORCE_DOMAIN": "test",
    "SALESFORCE_USERNAME": "integration@example.com",
    "SALESFORCE_PASSWORD": "hunter2",
    "SALESFORCE_SECURITY_TOKEN": "hunter2",
    "CLAIMS_STORAGE": "/var/lib/claims",
}
SETTINGS: dict[str, tuple[dict[str, str], str]] = {
    "the filter's id where the report's should be": (
        {"COLLABORATEMD_REPORT_ID": "5001"},
        "COLLABORATEMD_FILTER_ID is the same number as COLLABORATEMD_REPORT_ID: it should be digits only",
    ),
    "the full filter is the recent one": (
        {"COLLABORATEMD_FULL_FILTER_ID": "5001"},
        "COLLABORATEMD_FULL_FILTER_ID is the same number as COLLABORATEMD_REPORT_ID or COLLABORATEMD_FILTER_ID",
    ),
    "a customer number of 7 digits": (
        {"COLLABORATEMD_CUSTOMER": "1000100"},
        "COLLABORATEMD_CUSTOMER does not look right: it should be 8 digits",
    ),
    "a customer's name for its number": (
        {"COLLABORATEMD_CUSTOMER": "Riverside"},
        "COLLABORATEMD_CUSTOMER does not look right: it should be 8 digits",
    ),
    "http, not https": (
        {"COLLABORATEMD_API_BASE_URL": "http://webapi.collaboratemd.com"},
        "COLLABORATEMD_API_BASE_URL is not https (plain http is for this machine's own sandbox only)",
    ),
    "a path behind the address": (
        {"COLLABORATEMD_API_BASE_URL": "https://webapi.collaboratemd.com/v1"},
        "COLLABORATEMD_API_BASE_URL has a path or a query behind the host",
    ),
    "a password in the address": (
        {"COLLABORATEMD_API_BASE_URL": "https://me:hunter2@webapi.collaboratemd.com"},
        "COLLABORATEMD_API_BASE_URL holds a user name or password, which belong into settings of their own",
    ),
    "no password": (
        {"COLLABORATEMD_PASSWORD": ""},
        "COLLABORATEMD_PASSWORD is missing: it should be the Web API's",
    ),
    "no org named": (
        {"SALESFORCE_DOMAIN": ""},
        "SALESFORCE_DOMAIN is missing: it should be login (production)",
    ),
    "the Lightning address": (
        {"SALESFORCE_DOMAIN": "https://acme.lightning.force.com"},
        "SALESFORCE_DOMAIN is the address of the Lightning pages, where nothing signs in",
    ),
    "half a My Domain": ({"SALESFORCE_DOMAIN": "acme"}, "SALESFORCE_DOMAIN lacks the `.my`"),
    "two ways of signing in": (
        {"SALESFORCE_CONSUMER_SECRET": "hunter2"},
        "belong to different ways of signing in to Salesforce: it should be exactly one of",
    ),
    "no way of signing in": (
        {"SALESFORCE_PASSWORD": "", "SALESFORCE_SECURITY_TOKEN": ""},
        "No way of signing in to Salesforce is set: it should be exactly one of",
    ),
    "no security token": (
        {"SALESFORCE_SECURITY_TOKEN": ""},
        "SALESFORCE_SECURITY_TOKEN is missing: it should be the token that Salesforce mailed, or none",
    ),
    "an API version that is too old": (
        {"SALESFORCE_API_VERSION": "39.0"},
        "SALESFORCE_API_VERSION is too old",
    ),
    "a batch that is too large": (
        {"BATCH_SIZE": "500"},
        "BATCH_SIZE is wrong: it should be a number from 1 to 200",
    ),
    "a storage folder that is not whole": (
        {"CLAIMS_STORAGE": "claims"},
        "CLAIMS_STORAGE is not a whole path",
    ),
    "columns that are not JSON": (
        {"COLLABORATEMD_COLUMNS": "paid=Paid"},
        "COLLABORATEMD_COLUMNS is not JSON",
    ),
    "a column that there is not": (
        {"COLLABORATEMD_COLUMNS": '{"shoe_size": "Shoe"}'},
        "COLLABORATEMD_COLUMNS names shoe_size, and no such field is known",
    ),
    "the claim id declared absent": (
        {"COLLABORATEMD_COLUMNS": '{"claim_id": null}'},
        "COLLABORATEMD_COLUMNS says that claim_id is absent, and nothing can be synced without it",
    ),
    "a field to leave alone that we never write": (
        {"SALESFORCE_FIELDS_LEFT_ALONE": "Name,Shoe_Size__c"},
        "SALESFORCE_FIELDS_LEFT_ALONE names Shoe_Size__c, and we write no such field",
    ),
    "a claims.toml that is not there": (
        {"CLAIMS_CONFIG": "/nowhere/claims.toml"},
        "CLAIMS_CONFIG names no file that is there",
    ),
}
TOML: dict[str, tuple[str, str]] = {
    "no TOML": ("[customers", "CLAIMS_CONFIG"),
    "a short customer number": (
        '[customers.1001]\nname = "A"\nreport = 1\nfilters = [{id = 2, kind = "recent"}]',
        "customers.1001 is no customer number: it should be 8 digits",
    ),
    "one number for report and filter": (
        '[customers.10001001]\nname = "A"\nreport = 1\nfilters = [{id = 1, kind = "recent"}]',
        "customers.10001001: report and a filter have the same number",
    ),
    "a kind that there is not": (
        '[customers.10001001]\nname = "A"\nreport = 1\nfilters = [{id = 2, kind = "daily"}]',
        'customers.10001001: filters.0.kind is wrong: it should be "recent" or "full"',
    ),
    "a password in the file": (
        '[customers.10001001]\nname = "A"\nreport = 1\npassword = "hunter2"\nfilters = [{id = 2, kind = "recent"}]',
        "password is not known here: it should go (passwords, tokens and keys stand in the environment",
    ),
    "no filter": (
        '[customers.10001001]\nname = "A"\nreport = 1',
        "filters is missing: it should be a list such as",
    ),
}


@pytest.mark.parametrize("mistake", SETTINGS)
def test_settings(mistake: str) -> None:
    wrong, words = SETTINGS[mistake]
    said = claims_pipeline({**GOOD, **wrong}, "check")
    assert said.code == Exit.SETTINGS
    assert words in said.err
    assert "Traceback" not in said.words
    assert "hunter2" not in said.words


@pytest.mark.parametrize("mistake", TOML)
def test_claims_toml(mistake: str, tmp_path: Path) -> None:
    content, words = TOML[mistake]
    (tmp_path / "claims.toml").write_text(content)
    shared = {name: value for name, value in GOOD.items() if not name.endswith(("CUSTOMER", "_ID"))}
    said = claims_pipeline({**shared, "CLAIMS_CONFIG": str(tmp_path / "claims.toml")}, "sync")
    assert said.code == Exit.SETTINGS
    assert words in said.err
    assert "hunter2" not in said.words


def test_everything_that_is_wrong_stands_in_one_message() -> None:
    wrong = {"COLLABORATEMD_CUSTOMER": "1", "SALESFORCE_DOMAIN": "", "BATCH_SIZE": "0", "CLAIMS_STORAGE": ""}
    said = claims_pipeline({**GOOD, **wrong}, "sync")
    assert said.err.startswith("4 setting(s) must be mended before anything can run:\n")
    assert {each.split()[1] for each in said.err.splitlines()[1:]} == set(wrong)
