"""`claims-pipeline onboard`: a new customer from its number to its entry, asking nobody or asking a person."""

import io
import stat
import tomllib
from pathlib import Path

import pytest

from claims_pipeline.cli.claims_toml import ChangedMeanwhile, ClaimsToml
from claims_pipeline.cli.exits import Exit
from claims_pipeline.errors import SettingsError
from claims_pipeline.sandbox.systems import FULL_FILTER_ID, RECENT_FILTER_ID, REPORT_ID
from claims_pipeline.settings import Customer, Filter, FilterKind
from claims_pipeline.sync.connections import connect, read_settings
from claims_pipeline_tests.command_line import Said, claims_pipeline
from claims_pipeline_tests.given_report import CHARGE_LABELS, CLAIM_LABELS, line, report, row
from claims_pipeline_tests.town import FIRST, SECOND, Town

FILE = f"""# kept by the billing team
[customers.{FIRST}]
name = "Riverside"   # since 2019
report = "{REPORT_ID}"
filters = [{{ id = "{RECENT_FILTER_ID}", kind = "recent" }}]

[customers.{FIRST}.thresholds]
most_share_changed = 0.25
"""
PHI = ("DOE", "JAN", "MR-1", "AU1", "EFT1", "01/05/2026", "100.00", "Z1")
CHOSEN = (
    *("--customer", SECOND, "--name", "Lakeview", "--report", REPORT_ID),
    *("--recent-filter", RECENT_FILTER_ID, "--full-filter", FULL_FILTER_ID),
)
pytestmark = pytest.mark.journey


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "customers" / "claims.toml"
    path.parent.mkdir()
    path.write_text(FILE)
    path.chmod(0o640)
    return path


def onboard(town: Town, config: Path, *options: str) -> Said:
    said = claims_pipeline({**town.environment, "CLAIMS_CONFIG": str(config)}, "onboard", *options)
    assert "Traceback" not in said.words
    assert [each for each in config.parent.iterdir() if each != config] == [], "drafts are gone"
    return said


def answering(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{answer}\n" for answer in answers)))


def entry(config: Path, number: str = SECOND) -> dict[str, object]:
    found: dict[str, object] = tomllib.loads(config.read_text())["customers"][number]
    return found


def test_an_entry_is_written_beside_the_others_which_stay_as_they_were(town: Town, config: Path) -> None:
    town.put(report(row("Z1"), row("Z2", ClaimTotalAmount="12,34")), SECOND)
    town.sandbox.collaboratemd_wire.clear_log()
    said = onboard(town, config, *CHOSEN, "--yes")
    assert said.code == Exit.NOT_ALL_ARRIVED, said.words  # a row would be rejected: someone should look
    assert config.read_text().startswith(FILE.rstrip("\n"))
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert entry(config) == {
        "name": "Lakeview",
        "report": REPORT_ID,
        "filters": [
            {"id": RECENT_FILTER_ID, "kind": "recent"},
            {"id": FULL_FILTER_ID, "kind": "full"},
        ],
    }
    settings = read_settings({**town.environment, "CLAIMS_CONFIG": str(config)})
    assert [each.number for each in settings.customers] == [FIRST, SECOND]


def test_it_shows_columns_shapes_and_what_a_first_sync_would_do_and_no_value(
    town: Town, config: Path
) -> None:
    labels = [*CLAIM_LABELS, "Facility"]
    town.put(report([*row("Z1"), "North Clinic 7"], labels=labels), SECOND)
    said = onboard(town, config, *CHOSEN, "--yes")
    assert said.code == Exit.ALL_ARRIVED, said.words
    told = {words.split()[0]: words for words in said.out.splitlines() if words.startswith("  ")}
    assert told["service_from"].split()[1:] == ["StatementCoversFromDate", "99/99/9999"]
    assert told["patient"].split()[1:] == ["PateintNameID", "AAA,", "AAA", "(9)"]
    assert told["Facility"].split()[1:] == ["Aaaaa", "Aaaaa…", "9"]
    assert "1      would be created in Salesforce" in said.out
    assert "Nobody Knows Health (NKH1); no payor fits: to map" in said.out
    assert [value for value in PHI if value in said.words.replace("$100.00", "")] == []
    assert "North" not in said.words


def test_the_report_runs_once_nothing_is_sent_and_no_state_is_left(town: Town, config: Path) -> None:
    town.put(report(row("Z1")), SECOND)
    town.sandbox.collaboratemd_wire.clear_log()
    said = onboard(town, config, *CHOSEN, "--yes")
    assert said.code == Exit.ALL_ARRIVED, said.words
    asked = [each.path for each in town.sandbox.collaboratemd_wire.log if each.path.endswith("/run")]
    assert len(asked) == 1
    assert town.writes() == []
    with connect(read_settings(town.environment), "looking") as connections:
        assert not connections.state.has_table()


def test_a_sync_of_the_new_customer_then_does_what_was_foretold(town: Town, config: Path) -> None:
    town.put(report(row("ZS1"), row("ZS2")), SECOND)
    assert "2      would be created" in onboard(town, config, *CHOSEN, "--yes").out
    environment = {**town.environment, "CLAIMS_CONFIG": str(config)}
    synced = claims_pipeline(environment, "sync", "--customer", SECOND)
    assert "2      created in Salesforce" in synced.out


def _renamed(**labels: str) -> list[str]:
    return [labels.get(label, label) for label in CLAIM_LABELS]


RENAMED = _renamed(ClaimAmountPaid="Claim Amount Paid Total", PrimaryAuth="Whatever")


def test_a_missing_column_is_named_with_what_may_be_meant_and_nothing_is_written(
    town: Town, config: Path
) -> None:
    town.put(report(row("Z1"), labels=RENAMED), SECOND)
    said = onboard(town, config, *CHOSEN, "--yes")
    assert said.code == Exit.SETTINGS
    assert "paid" in said.out
    assert "near: Claim Amount Paid Total" in said.out
    assert "say it by --label paid=LABEL, or --absent paid" in said.err
    assert "--absent authorization" in said.err
    assert config.read_text() == FILE


def test_labels_and_absent_columns_can_be_options(town: Town, config: Path) -> None:
    town.put(report(row("Z1"), labels=RENAMED), SECOND)
    options = ("--label", "paid=Claim Amount Paid Total", "--absent", "authorization")
    said = onboard(town, config, *CHOSEN, *options, "--yes")
    assert said.code == Exit.ALL_ARRIVED, said.words
    assert entry(config)["columns"] == {"paid": "Claim Amount Paid Total"}
    assert entry(config)["absent_columns"] == ["authorization"]


def test_a_person_is_asked_for_all_of_it(town: Town, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    town.put(report(row("Z1"), labels=RENAMED), SECOND)
    facts = (SECOND, "Lakeview", REPORT_ID, RECENT_FILTER_ID, "")
    answering(monkeypatch, *facts, "-", "no such column", "claim amount paid total", "y")
    said = onboard(town, config)
    assert said.code == Exit.ALL_ARRIVED, said.words
    assert "Which column is paid (Claim Amount Paid Total?)?" in said.err
    assert "the report has no such column" in said.words
    assert entry(config)["columns"] == {"paid": "Claim Amount Paid Total"}
    assert entry(config)["absent_columns"] == ["authorization"]
    assert entry(config)["filters"] == [{"id": RECENT_FILTER_ID, "kind": "recent"}]


def test_a_no_at_the_end_writes_nothing(town: Town, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    town.put(report(row("Z1")), SECOND)
    answering(monkeypatch, "n")
    said = onboard(town, config, *CHOSEN)
    assert "would be created" in said.out
    assert said.code == 130
    assert config.read_text() == FILE


def test_a_charge_report_needs_a_word_that_its_filters_return_whole_claims(town: Town, config: Path) -> None:
    town.put(report(line("Z1", "1"), line("Z1", "2"), labels=CHARGE_LABELS), SECOND)
    said = onboard(town, config, *CHOSEN, "--yes")
    assert said.code == Exit.SETTINGS
    assert "say it by --claim-complete" in said.err
    assert config.read_text() == FILE
    assert onboard(town, config, *CHOSEN, "--claim-complete", "--yes").code == Exit.ALL_ARRIVED
    assert all(each["claim_complete"] for each in entry(config)["filters"])  # type: ignore[attr-defined]


def test_a_report_without_a_header_is_not_quoted(town: Town, config: Path) -> None:
    town.put(report(row("Z2"), labels=row("Z1")), SECOND)
    said = onboard(town, config, *CHOSEN, "--yes")
    assert said.code == Exit.PERMANENT
    assert "may be a row of claims, so it is not shown" in said.err
    assert [value for value in PHI if value in said.words] == []
    assert config.read_text() == FILE


def test_an_existing_customer_is_replaced_only_when_a_person_says_so(
    town: Town, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.put(report(row("Z1")))
    mine = ("--customer", FIRST, "--name", "Riverside West", "--report", REPORT_ID)
    mine = (*mine, "--recent-filter", RECENT_FILTER_ID)
    said = onboard(town, config, *mine, "--yes")
    assert said.code == Exit.SETTINGS
    assert "say it by --replace" in said.err
    answering(monkeypatch, "n")
    assert onboard(town, config, *mine).code == 130
    assert config.read_text() == FILE
    assert onboard(town, config, *mine, "--replace", "--yes").code == Exit.ALL_ARRIVED
    assert entry(config, FIRST)["name"] == "Riverside West"
    assert entry(config, FIRST)["thresholds"] == {"most_share_changed": 0.25}
    assert "# since 2019" in config.read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--customer", SECOND), "--name is missing, and with --yes nobody is asked"),
        (CHOSEN[:6], "--recent-filter or --full-filter is missing"),
        (("--customer", "123", *CHOSEN[2:]), "customers.123 is no customer number"),
        ((*CHOSEN[:4], "--report", "x", *CHOSEN[6:]), "report is wrong"),
        ((*CHOSEN, "--label", "colour=Blue"), "names colour, and no such field is known"),
        ((*CHOSEN, "--absent", "claim_id"), "claim_id is absent"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(
    town: Town, config: Path, options: tuple[str, ...], words: str
) -> None:
    said = onboard(town, config, *options, "--yes")
    assert said.code == Exit.SETTINGS
    assert words in said.err
    assert town.sandbox.collaboratemd_wire.log == []
    assert config.read_text() == FILE


def test_a_label_that_is_not_one_is_a_wrong_option(town: Town, config: Path) -> None:
    assert onboard(town, config, *CHOSEN, "--label", "paid", "--yes").code == Exit.USAGE


def test_a_first_file_is_made_where_there_is_none(town: Town, config: Path) -> None:
    town.put(report(row("Z1")), SECOND)
    config.unlink()
    assert onboard(town, config, *CHOSEN, "--yes").code == Exit.ALL_ARRIVED
    assert list(tomllib.loads(config.read_text())) == ["customers"]
    assert config.read_text().startswith("# The customers of the claims pipeline.")


def customer(number: str = SECOND) -> Customer:
    return Customer(number, "Lakeview", "1", (Filter("2", FilterKind.RECENT),))


def test_a_file_changed_meanwhile_is_not_written_over(config: Path) -> None:
    file = ClaimsToml.read(config)
    config.write_text(FILE + "# more\n")
    with pytest.raises(ChangedMeanwhile, match="changed by somebody else meanwhile"):
        file.replace_by(file.with_customer(customer()))
    assert config.read_text() == FILE + "# more\n"


def test_a_link_stays_a_link_to_the_file(config: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(config)
    file = ClaimsToml.read(link)
    file.replace_by(file.with_customer(customer()))
    assert link.is_symlink()
    assert SECOND in config.read_text()


@pytest.mark.parametrize(
    "text",
    [
        "customers = 1\n",
        f'customers = {{ {FIRST} = {{ name = "A" }} }}\n',
        f'[customers]\n{FIRST}.name = "A"\n',
        f'customers.{FIRST}.name = "A"\n\n[other]\nx = 1\n',
        f'[customers.{FIRST}]\nname = "A"\n\n[other]\nx = 1\n\n[customers.10003003]\nname = "B"\n',
        f'[customers.{FIRST}]\r\nname = "A"\r\n',
    ],
)
def test_whatever_form_a_file_has_no_other_entry_is_lost(config: Path, text: str) -> None:
    config.write_text(text, newline="")
    file = ClaimsToml.read(config)
    try:
        written = tomllib.loads(file.with_customer(customer()))
    except SettingsError as refused:
        assert "cannot be added to" in str(refused)
        return
    assert written["customers"].pop(SECOND)["name"] == "Lakeview"
    assert written == tomllib.loads(text)


def test_a_file_that_is_no_toml_is_refused_unquoted(config: Path) -> None:
    config.write_text('password = "hush\n')
    with pytest.raises(SettingsError, match="is not TOML") as told:
        ClaimsToml.read(config)
    assert "hush" not in str(told.value)
