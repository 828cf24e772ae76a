"""A header serves, or the message names everything that is missing or doubled, labels only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_pipeline.claims.columns import BY_FIELD, COLUMNS, KNOWN_BUT_NOT_CARRIED, Grain
from claims_pipeline.claims.header import (
    ColumnChoice,
    Header,
    ReportColumnsChanged,
    clean_label,
    match_header,
)
from claims_pipeline.claims.values import plain_text
from claims_pipeline.errors import ReportError, SettingsError
from claims_pipeline_tests.claims.given import PROPERTY

CLAIM_LABELS = [column.labels[0] for column in COLUMNS if column.field not in {"line_id", "status"}]
ALL = ColumnChoice()


def without(field: str, *more: str) -> list[str]:
    """The claim report's labels, less one field's, with some added."""
    return [label for label in CLAIM_LABELS if label not in BY_FIELD[field].labels] + list(more)


def refused(cells: list[str], columns: ColumnChoice = ALL) -> ReportColumnsChanged:
    with pytest.raises(ReportColumnsChanged) as caught:
        match_header(cells, columns)
    assert isinstance(caught.value, ReportError)
    return caught.value


@pytest.mark.parametrize(
    ("column", "label"), [(column.field, label) for column in COLUMNS for label in column.labels]
)
def test_every_known_label_finds_its_field_in_any_case_and_untidiness(column: str, label: str) -> None:
    untidy = f"\ufeff \u200b{label.upper().replace(' ', chr(160) + ' ')}\t"
    header = match_header(without(column, untidy), ALL)
    assert header.positions[column] == header.width - 1
    assert header.labels[column] == label.upper()


def test_a_line_id_makes_it_a_charge_report() -> None:
    assert match_header(CLAIM_LABELS, ALL).grain is Grain.CLAIM
    assert match_header([*CLAIM_LABELS, "Charge ID"], ALL).grain is Grain.CHARGE


def test_optional_columns_may_be_missing_and_unknown_ones_are_told() -> None:
    header = match_header([*CLAIM_LABELS, "Facility Name", " Color ", ""], ALL)
    assert header.present == {column.field for column in COLUMNS} - {"line_id", "status"}
    assert header.unknown == ("Color", "")
    assert header.warnings == ()


def test_what_is_missing_and_doubled_is_named_in_one_message_with_both_lists() -> None:
    error = refused([*without("paid"), "Claim ID"])
    assert error.missing == ("paid",)
    assert error.doubled == {"claim_id": ("ClaimID", "Claim ID")}
    assert str(error) == (
        "The report has no column for paid (known as ClaimAmountPaid, Charge Insurance Payments, Payment Total Paid). "
        "The report has 2 columns for claim_id: ClaimID, Claim ID. It has: ClaimID, PateintNameID, PatientReference, "
        "ClaimPrimaryPayerName, PayerID, PrimaryAuth, StatementCoversFromDate, StatementCoversToDate, "
        "ClaimDateEntered, ClaimTotalAmount, ClaimBalance, PaymentCheck, PaymentReceived, Claim ID. Restore the column "
        "in CollaborateMD's report builder, or say in COLLABORATEMD_COLUMNS which label stands for the field, such as "
        '{"paid": "Insurance Paid"}, or null where the report has no such column.'
    )


@pytest.mark.parametrize("field", [column.field for column in COLUMNS if column.required])
def test_every_required_column_is_missed(field: str) -> None:
    assert refused(without(field)).missing == (field,)


def test_the_same_label_twice_is_two_columns_for_one_field() -> None:
    assert refused([*CLAIM_LABELS, "claimid "]).doubled == {"claim_id": ("ClaimID", "claimid ")}


def test_settings_add_a_label() -> None:
    choice = ColumnChoice.from_labels({"paid": "insurance  paid"})
    header = match_header(without("paid", "Insurance Paid"), choice)
    assert header.labels["paid"] == "Insurance Paid"


def test_an_added_label_that_the_report_lacks_leaves_the_known_ones() -> None:
    choice = ColumnChoice.from_labels({"paid": "Insurance Paid"})
    assert match_header(CLAIM_LABELS, choice).labels["paid"] == "ClaimAmountPaid"


def test_settings_choose_between_two_and_the_other_is_unknown() -> None:
    cells = [*CLAIM_LABELS, "Payment Total Paid"]
    assert "paid" in refused(cells).doubled
    header = match_header(cells, ColumnChoice.from_labels({"paid": "Payment Total Paid"}))
    assert header.labels["paid"] == "Payment Total Paid"
    assert header.unknown == ("ClaimAmountPaid",)


def test_a_label_of_another_field_can_be_chosen_and_then_serves_only_one() -> None:
    choice = ColumnChoice.from_labels({"paid": "Charge Balance"})
    header = match_header([*CLAIM_LABELS, "Charge Balance"], choice)
    assert (header.labels["paid"], header.labels["balance"]) == ("Charge Balance", "ClaimBalance")


def test_the_chosen_label_twice_is_still_doubled() -> None:
    choice = ColumnChoice.from_labels({"paid": "Mine"})
    assert refused([*without("paid"), "Mine", "MINE"], choice).doubled == {"paid": ("Mine", "MINE")}


def test_a_field_declared_absent_is_not_missed_and_not_read() -> None:
    choice = ColumnChoice.from_labels({"authorization": None, "status": None})
    assert "authorization" not in match_header(without("authorization"), choice).present
    header = match_header([*CLAIM_LABELS, "Claim Status"], choice)
    assert header.present.isdisjoint({"authorization", "status"})
    assert header.unknown == ()
    assert header.warnings == (
        "column PrimaryAuth is not read: the settings say that the report has no authorization",
        "column Claim Status is not read: the settings say that the report has no status",
    )


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"payed": "X"}, "COLLABORATEMD_COLUMNS names 1 field"),
        ({"claim_id": None}, "claim_id cannot be absent"),
        ({"paid": "X", "charged": " x"}, "each field needs a label of its own"),
        ({"paid": " \u200b"}, "each field needs a label of its own that is not blank"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(columns: dict[str, str | None], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        ColumnChoice.from_labels(columns)


def test_a_row_of_claims_in_the_header_s_place_is_not_quoted() -> None:
    message = str(refused(["500000001", "ROE, RICHARD (10000001)", "ALICARE"]))
    assert "ROE" not in message
    assert "Its first row (3 cells) holds no label that we know and may be a row of claims" in message
    assert "is the header row missing?" in message


def test_labels_that_we_do_not_know_at_all_are_shown() -> None:
    assert "It has: Claim, Patient, (no label), Payer." in str(refused(["Claim", "Patient", "", "Payer"]))


def test_cells_parted_by_something_else_than_commas_are_guessed_at() -> None:
    assert (
        "Its header is one cell, ClaimID;Patient;Payer: are the cells parted by something else than commas?"
        in str(refused(["ClaimID;Patient;Payer"]))
    )


def test_endless_headers_are_shown_in_part() -> None:
    message = str(refused(["Column " + "x" * 200] * 5000))
    assert "and 4920 more" in message
    assert len(message) < 9000


def test_labels_that_we_know_belong_to_one_field_each() -> None:
    labels = [clean_label(label).casefold() for column in COLUMNS for label in column.labels]
    assert len(labels) == len(set(labels))
    assert not set(labels) & {label.casefold() for label in KNOWN_BUT_NOT_CARRIED}


@PROPERTY
@given(st.text())
def test_labels_are_cleaned_as_all_cells_are(text: str) -> None:
    cleaned = clean_label(text)
    assert clean_label(cleaned) == cleaned
    guarded = cleaned[:1] in {"'", "-", "#"}  # what text has beyond the cleaning of all cells
    assert guarded or (cleaned or None) == plain_text(text)


@PROPERTY
@given(st.permutations([*CLAIM_LABELS, "Charge ID", "Claim Status", "Facility Name"]))
def test_the_order_of_columns_says_nothing(cells: list[str]) -> None:
    header: Header = match_header(cells, ALL)
    assert {field: cells[place] for field, place in header.positions.items()} == header.labels
    assert len(header.positions) == len(COLUMNS)
