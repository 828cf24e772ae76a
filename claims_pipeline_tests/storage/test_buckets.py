"""Buckets and parts: every row once, and all rows of a key together."""

from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claims_pipeline.storage.buckets import Buckets, PartWriter, bucket_count

KEYS = st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=40)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(slices=st.lists(KEYS, max_size=4), count=st.integers(1, 5))
def test_each_row_lands_in_exactly_one_bucket_with_all_rows_of_its_key(
    tmp_path_factory: "object", slices: list[list[str | None]], count: int
) -> None:
    folder: Path = tmp_path_factory.mktemp("buckets")  # type: ignore[attr-defined]  # pytest's factory
    buckets = Buckets(folder, "key", count, pl.Schema({"key": pl.String}))
    buckets.fill(pl.DataFrame({"key": keys}, schema={"key": pl.String}) for keys in slices)
    found = [set(bucket["key"].to_list()) for bucket in buckets]
    for number, keys in enumerate(found):
        for other in found[number + 1 :]:
            assert not keys & other
    everything = sorted((key for keys in slices for key in keys), key=str)
    assert sorted(buckets.scan().collect()["key"].to_list(), key=str) == everything


def test_parts_come_back_in_the_order_written_and_an_empty_one_keeps_the_schema(tmp_path: Path) -> None:
    parts = PartWriter(tmp_path / "parts")
    parts.write(pl.DataFrame(schema={"a": pl.Int64}))
    assert parts.scan().collect().schema == pl.Schema({"a": pl.Int64})
    parts.write(pl.DataFrame({"a": [2]}))
    parts.write(pl.DataFrame({"a": [1]}))
    assert parts.scan().collect()["a"].to_list() == [2, 1]
    assert parts.rows == 2


def test_a_small_book_is_one_bucket_and_a_large_one_is_cut() -> None:
    assert bucket_count(0) == 1
    assert bucket_count(700_000) == 29
