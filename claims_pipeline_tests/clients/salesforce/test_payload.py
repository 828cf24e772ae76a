"""Payload frames as bytes: what JSON and CSV say must be the same."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_pipeline.clients.salesforce.payload import (
    BULK_NULL,
    JobFiles,
    UnfitKeys,
    fold_key,
    one_line,
)

KEY = "Claim_Number__c"


def frame(**columns: Sequence[str | None]) -> pl.DataFrame:
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def written(payload: pl.DataFrame, folder: Path) -> tuple[bytes, list[pl.DataFrame]]:
    files = JobFiles(folder, KEY)
    data = b"".join(file.path.read_bytes() for file in files.write([payload]))
    return data, files.aside


def test_null_clears_and_empty_leaves(tmp_path: Path) -> None:
    payload = frame(Claim_Number__c=["A1", "A2"], Name=[None, "x"], Paid_Amount__c=["", "12.50"])
    assert written(payload, tmp_path)[0] == (b"Claim_Number__c,Name,Paid_Amount__c\nA1,#N/A,\nA2,x,12.50\n")


def test_text_is_quoted_where_csv_needs_it_and_stands_on_one_line(tmp_path: Path) -> None:
    names = ["Doe, Jane", 'say "a"', "a\r\nb", "a\u2028b\x85c", " Zoë\t", "'x' #"]
    payload = frame(Claim_Number__c=[f"A{n}" for n in range(6)], Name=names)
    lines = written(payload, tmp_path)[0].decode().split("\n")
    assert lines == [
        "Claim_Number__c,Name",
        'A0,"Doe, Jane"',
        'A1,"say ""a"""',
        "A2,a b",
        "A3,a b c",
        "A4,Zoë",
        "A5,'x' #",
        "",
    ]


def test_text_of_nothing_but_white_space_is_nothing_never_leave() -> None:
    assert one_line(frame(Name=[" \n ", "\x00", "", None])).rows() == [(None,), (None,), ("",), (None,)]


def test_a_text_that_reads_as_bulks_null_is_set_aside(tmp_path: Path) -> None:
    payload = frame(Claim_Number__c=["A1", "A2"], Name=["#N/A", "b"], Payer__c=[None, None])
    data, aside = written(payload, tmp_path)
    assert data == b"Claim_Number__c,Name,Payer__c\nA2,b,#N/A\n"
    assert pl.concat(aside).rows() == [("A1", "#N/A", None)]


def test_files_are_cut_before_they_grow_too_large(tmp_path: Path) -> None:
    payload = frame(Claim_Number__c=[f"{n:06}" for n in range(25_000)])
    by_bytes = list(JobFiles(tmp_path, KEY, most_bytes=100_000).write([payload]))
    assert [file.keys.height for file in by_bytes] == [10_000, 10_000, 5_000]
    assert all(file.path.stat().st_size <= 100_000 for file in by_bytes)
    by_rows = list(JobFiles(tmp_path, KEY, most_rows=12_000, name="b").write([payload]))
    assert sum(file.keys.height for file in by_rows) == 25_000
    assert max(file.keys.height for file in by_rows) <= 12_000


def test_files_begin_small_and_each_is_handed_over_as_soon_as_it_is_full(tmp_path: Path) -> None:
    """So that Salesforce works while the rest is compared: a file does not wait for the slice behind it."""
    asked: list[int] = []

    def slices() -> Iterator[pl.DataFrame]:
        for number in range(20):
            asked.append(number)
            yield frame(Claim_Number__c=[f"{number}-{place}" for place in range(10_000)])

    files = JobFiles(tmp_path, KEY).write(slices())
    found = [(file.keys.height, len(asked)) for file in files]
    assert found == [(20_000, 2), (40_000, 6), (80_000, 14), (60_000, 20)]


def test_the_same_key_twice_in_one_job_is_never_sent(tmp_path: Path) -> None:
    for keys in (["A1", " a1"], ["STRASSE", "straße"], ["A1", ""], ["A1", None]):
        with pytest.raises(UnfitKeys):
            written(frame(Claim_Number__c=keys), tmp_path)


def test_a_file_that_is_not_finished_is_not_left_behind(tmp_path: Path) -> None:
    def slices() -> object:
        yield frame(Claim_Number__c=["A1"])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        list(JobFiles(tmp_path, KEY).write(slices()))  # type: ignore[arg-type] # a generator that breaks
    assert list(tmp_path.iterdir()) == []


texts = st.one_of(st.none(), st.text(st.characters(codec="utf-8"), max_size=12))


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=8))
def test_what_was_written_is_read_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str | None, str | None]]
) -> None:
    payload = pl.DataFrame(
        [(f"K{number}", *row) for number, row in enumerate(rows)],
        schema=dict.fromkeys((KEY, "Name", "Payer__c"), pl.String),
        orient="row",
    )
    files = JobFiles(tmp_path_factory.mktemp("job"), KEY)
    expected = one_line(payload).filter(~pl.any_horizontal(pl.all().eq_missing(BULK_NULL)))
    for file in files.write([payload]):
        again = pl.concat(file.payload(frozenset(file.keys.get_column("folded"))))
        assert again.equals(expected)
        with file.path.open(encoding="utf-8", newline="") as opened:
            assert all(
                len(cells) == 3 for cells in csv.reader(io.StringIO(opened.read(), newline=""), strict=True)
            )
        assert file.path.read_bytes().count(b"\n") == again.height + 1


def test_some_rows_are_read_back_by_key(tmp_path: Path) -> None:
    payload = frame(Claim_Number__c=["A1", "b2", "C3"], Name=["x", None, ""])
    file = next(JobFiles(tmp_path, KEY).write([payload]))
    assert pl.concat(file.payload(frozenset({"b2", "c3"}))).rows() == [("b2", None), ("C3", "")]


@given(st.text())
def test_keys_fold_as_python_folds(text: str) -> None:
    folded = pl.DataFrame({"key": [text]}).select(fold_key(pl.col("key"))).item()
    assert folded == text.strip().casefold() or text != text.strip()
