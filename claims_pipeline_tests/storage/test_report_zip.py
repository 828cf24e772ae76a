"""Opening a report's ZIP: several files, every honest shape, and no trust in the others."""

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claims_pipeline.errors import ReportError
from claims_pipeline.sandbox.collaboratemd import Entry, ZipShape, write_zip
from claims_pipeline.storage.report_zip import ZipDamaged, ZipLimits, ZipRefused, open_entries

CSV = b"ClaimID,ClaimBalance\r\n500000001,1.00\r\n"
PATIENT = "ROE, RICHARD"


def written(to: Path, *entries: Entry, shape: ZipShape | None = None) -> Path:
    """A ZIP of these entries, honest or not."""
    path = to / "report.zip"
    with path.open("w+b") as file:
        write_zip(entries, shape or ZipShape(), file)
    return path


def contents(path: Path) -> list[tuple[int, str, str, bytes]]:
    found: list[tuple[int, str, str, bytes]] = []
    for entry in open_entries(path):
        with entry.open() as stream:
            found.append((entry.ordinal, entry.name, entry.kind, stream.read()))
    return found


def shown(error: BaseException) -> str:
    assert PATIENT not in str(error)
    assert error.__cause__ is None
    return str(error)


@pytest.mark.parametrize(
    "shape",
    [
        ZipShape(),
        ZipShape(deflate=False),
        ZipShape(zip64=True),
        ZipShape(sizes_after=True),
        ZipShape(zip64=True, sizes_after=True, deflate=False),
    ],
)
def test_every_honest_shape_is_read(tmp_path: Path, shape: ZipShape) -> None:
    assert contents(written(tmp_path, Entry("Claims.csv", CSV), shape=shape)) == [
        (0, "Claims.csv", "csv", CSV)
    ]


def test_several_files_keep_their_order_and_folders_and_mac_leftovers_are_passed_over(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        Entry("out/", b""),
        Entry("out/B.CSV", b"b"),
        Entry("__MACOSX/out/._B.CSV", b"\x00\x05"),
        Entry("out/.DS_Store", b"\x00"),
        Entry("out\\A.json", b"[]"),
        Entry("../../etc/C.csv", b"c"),
        shape=ZipShape(deflate=False),
    )
    assert [(ordinal, kind, content) for ordinal, _, kind, content in contents(path)] == [
        (0, "csv", b"b"),
        (1, "json", b"[]"),
        (2, "csv", b"c"),
    ]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["report.zip"]  # nothing is unpacked


def test_a_file_can_be_opened_again_and_beside_others(tmp_path: Path) -> None:
    one, two = open_entries(written(tmp_path, Entry("a.csv", b"1234"), Entry("b.csv", b"5678")))
    with one.open() as first, two.open() as second, one.open() as again:
        assert (first.read(2), second.read(), again.read(), first.read()) == (b"12", b"5678", b"1234", b"34")


def test_names_stay_out_of_what_is_shown(tmp_path: Path) -> None:
    (entry,) = open_entries(written(tmp_path, Entry(f"{PATIENT}.csv", CSV)))
    assert repr(entry) == f"ReportEntry(0, csv, {len(CSV)} bytes)"


def test_other_kinds_of_files_are_refused_all_at_once(tmp_path: Path) -> None:
    names = (f"{PATIENT}.pdf", "Claims.csv", "Claims", "x.csv.exe", "y.o'dd one")
    path = written(tmp_path, *(Entry(name, b"x") for name in names))
    with pytest.raises(ZipRefused) as caught:
        open_entries(path)
    assert isinstance(caught.value, ReportError)
    assert shown(caught.value) == (
        "The report's ZIP was refused: entry 1 is a .pdf file; entry 3 is a nameless kind of file; entry 4 is a .exe "
        "file; entry 5 is a nameless kind of file. A report is one or more .csv or .json files, stored or deflated. "
        "Check the saved report's format."
    )


def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, Entry("Claims.csv", CSV), shape=ZipShape(encrypted=True))
    with pytest.raises(ZipRefused, match="entry 1 is encrypted"):
        open_entries(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_packings_are_refused(tmp_path: Path, method: int) -> None:
    path = tmp_path / "report.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("Claims.csv", CSV)
    with pytest.raises(
        ZipRefused, match=rf"entry 1 is packed in a way that we do not read \(method {method}\)"
    ):
        open_entries(path)


def test_a_zip_without_files_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(ZipDamaged) as caught:
        open_entries(written(tmp_path, Entry("out/", b"")))
    assert shown(caught.value) == (
        "The report's ZIP cannot be read: there is no file in it. Nothing of it was used. Fetch the report again; if "
        "it stays, tell CollaborateMD's support."
    )


@pytest.mark.parametrize("content", [b"", b"PK", b"<html></html>", CSV, b"PK\x05\x06" + bytes(10)])
def test_what_is_no_zip_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "report.zip"
    path.write_bytes(content)
    with pytest.raises(ZipDamaged, match="it is no whole ZIP file"):
        open_entries(path)


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(ZipDamaged, match="the file is not there"):
        open_entries(tmp_path / "gone.zip")


@pytest.mark.parametrize("bytes_missing", [1, 21, 22, 60, 120])
def test_a_cut_zip_is_told(tmp_path: Path, bytes_missing: int) -> None:
    path = written(tmp_path, Entry("Claims.csv", CSV), shape=ZipShape(cut_bytes=bytes_missing))
    with pytest.raises(ZipDamaged):
        contents(path)


def test_a_wrong_crc_is_noticed_by_the_end_of_the_stream(tmp_path: Path) -> None:
    path = written(tmp_path, Entry("Claims.csv", CSV), shape=ZipShape(wrong_crc=True))
    (entry,) = open_entries(path)
    with entry.open() as stream, pytest.raises(ZipDamaged, match="entry 1 is damaged"):
        stream.read()


@pytest.mark.parametrize("deflate", [True, False])
@pytest.mark.parametrize("claimed", [10, 10_000])
def test_a_size_that_is_not_true_is_noticed(tmp_path: Path, deflate: bool, claimed: int) -> None:
    shape = ZipShape(deflate=deflate, claimed_size=claimed)
    path = written(tmp_path, Entry("Claims.csv", CSV), shape=shape)
    with pytest.raises(ZipDamaged):
        contents(path)


def test_more_than_we_unpack_is_refused_before_a_byte_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, Entry("a.csv", CSV), Entry("b.csv", CSV))
    with pytest.raises(ZipRefused) as caught:
        open_entries(path, ZipLimits(unpacked_bytes=len(CSV) + 1))
    assert shown(caught.value) == (
        f"The report's ZIP was refused: it unpacks to {2 * len(CSV)} bytes, and we unpack at most {len(CSV) + 1}. No "
        "report of claims is like that. Narrow the saved filter; if it stays, tell CollaborateMD's support."
    )


def test_a_file_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, Entry("bomb.csv", lambda: iter([bytes(1024 * 1024)] * 80)))
    with pytest.raises(
        ZipRefused, match=r"entry 1 unpacks to 1,0\d\d times its size, and we take at most 200"
    ):
        open_entries(path)


def test_a_small_file_may_be_as_even_as_it_likes(tmp_path: Path) -> None:
    content = b"," * 1_000_000
    assert contents(written(tmp_path, Entry("a.csv", content)))[0][3] == content


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, *(Entry(f"{number}/", b"") for number in range(20)))
    with pytest.raises(ZipRefused, match="it has 20 entries, and we read at most 19"):
        open_entries(path, ZipLimits(entries=19))


def test_entries_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """The newest kind of ZIP bomb: many directory lines, one piece of content."""
    path = written(tmp_path, Entry("a.csv", CSV), Entry("a.csv", CSV))
    content = bytearray(path.read_bytes())
    second = content.rindex(b"PK\x01\x02")
    content[second + 42 : second + 46] = bytes(4)  # the second entry now begins where the first does
    path.write_bytes(content)
    with pytest.raises(ZipDamaged, match="its entries overlap, or a part of it is missing"):
        open_entries(path)


@settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_bytes_changed_anywhere_give_the_content_or_an_error_of_ours(
    tmp_path: Path, data: st.DataObject
) -> None:
    packed = io.BytesIO()
    write_zip(
        [Entry("Claims.csv", CSV * 20), Entry("More.json", b"[]")], data.draw(st.sampled_from(SHAPES)), packed
    )
    content = bytearray(packed.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "report.zip"
    path.write_bytes(content)
    try:
        found = [content for _, _, kind, content in contents(path) if kind == "csv"]
    except ReportError as error:
        shown(error)
        return
    assert found in ([CSV * 20], [])  # or the entry's name became another, or a folder's


SHAPES = [ZipShape(), ZipShape(deflate=False), ZipShape(zip64=True), ZipShape(sizes_after=True)]
