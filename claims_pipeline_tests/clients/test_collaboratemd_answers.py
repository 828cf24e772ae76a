"""Reading answers piece by piece: however the bytes are cut into chunks, the same comes out as from the whole."""

import base64
import json
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claims_pipeline.clients.collaboratemd.answers import Answer, AnswerFields, MalformedAnswer, Status
from claims_pipeline.clients.collaboratemd.json_answer import read_json_answer
from claims_pipeline.clients.collaboratemd.payload import ReportDownload
from claims_pipeline.clients.collaboratemd.xml_answer import read_xml_answer

PROPERTY = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
STATUSES = st.sampled_from([status for status in Status if status is not Status.UNKNOWN])
OTHERS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
XML_TEXT = st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
)


def cut(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


def read_json(content: bytes, size: int) -> tuple[Answer, bytes]:
    pieces: list[bytes] = []
    answer = read_json_answer(iter(cut(content, size)), AnswerFields(pieces.append))
    return answer, b"".join(pieces)


def read_xml(content: bytes, size: int) -> tuple[Answer, bytes]:
    pieces: list[bytes] = []
    answer = read_xml_answer(iter(cut(content, size)), AnswerFields(pieces.append))
    return answer, b"".join(pieces)


@PROPERTY
@given(
    status=STATUSES,
    identifier=st.integers(min_value=1, max_value=10**18),
    data=st.text(max_size=200),
    others=st.dictionaries(
        st.text(max_size=8).filter(lambda name: name.casefold() not in {"status", "data", "identifier"}),
        OTHERS,
        max_size=4,
    ),
    indent=st.sampled_from([None, 1]),
    ascii_only=st.booleans(),
    size=st.integers(1, 64),
)
def test_json_means_the_same_however_it_is_written_and_cut(
    status: Status,
    identifier: int,
    data: str,
    others: dict[str, object],
    indent: int | None,
    ascii_only: bool,
    size: int,
) -> None:
    fields = {**others, "Data": data, "Status": status.value, "Identifier": identifier}
    if not ascii_only and any(
        "\ud800" <= char <= "\udfff" for char in json.dumps(fields, ensure_ascii=False)
    ):
        ascii_only = True
    content = json.dumps(fields, indent=indent, ensure_ascii=ascii_only).encode()
    answer, text = read_json(content, size)
    assert answer == Answer(status, str(identifier))
    if data.isascii():  # base64 is; a pair of surrogates would come as two halves
        assert text == data.encode()


@PROPERTY
@given(content=st.binary(max_size=60), size=st.integers(1, 16))
def test_whatever_comes_as_json_or_xml_is_an_answer_or_malformed(content: bytes, size: int) -> None:
    for read in (read_json, read_xml):
        with pytest.raises(MalformedAnswer):
            read(content, size)


@PROPERTY
@given(at=st.integers(0, 10_000), size=st.integers(1, 64))
def test_json_cut_anywhere_is_malformed(at: int, size: int) -> None:
    content = b'{"Status": "SUCCESS", "Other": [1, {"a": "\\u00e9"}], "Data": "QUJD\\/", "Identifier": 12}'
    with pytest.raises(MalformedAnswer):
        read_json(content[: at % len(content)], size)


@PROPERTY
@given(status=STATUSES, other=XML_TEXT, data=st.binary(max_size=300), size=st.integers(1, 64))
def test_xml_means_the_same_however_it_is_cut(status: Status, other: str, data: bytes, size: int) -> None:
    coded = base64.encodebytes(data)
    content = (
        f"<?xml version='1.0'?><R><StatusMessage>{escape(other)}</StatusMessage><Status>{status.value}</Status>"
        f"<Nested><Data>!</Data></Nested><Data>{coded.decode()}</Data><Identifier> 12 </Identifier></R>"
    ).encode()
    assert read_xml(content, size) == (Answer(status, "12"), coded)


@pytest.mark.parametrize(
    "content",
    [
        b'{"Status" "SUCCESS"}',
        b'{"Status": SUCCESS}',
        b'{"Status": "SUCCESS",}',
        b'{"Status": "SUCCESS" "Data": ""}',
        b'{"Status": "a\nb"}',
        b'{"Status": "\\x"}',
        b'{"Status": "\\u12g4"}',
        b"{'Status': 'SUCCESS'}",
        b'{"Status": "SUCCESS"',
        b'{"a": ' + b"[" * 40 + b"]" * 40 + b', "Status": "SUCCESS"}',
        b'{"' + b"n" * 300 + b'": 1}',
        b'{"Identifier": 1' + b"0" * 100 + b', "Status": "SUCCESS"}',
        b'{"Identifier": 01, "Status": "SUCCESS"}',
        b'["Status"]',
    ],
)
def test_what_is_no_answer_in_json_is_malformed(content: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        read_json(content, 7)


@PROPERTY
@given(content=st.binary(max_size=400), size=st.integers(1, 50), lines=st.booleans())
def test_base64_is_decoded_however_it_is_cut(tmp_path: Path, content: bytes, size: int, lines: bool) -> None:
    coded = base64.encodebytes(content) if lines else base64.b64encode(content)
    download = ReportDownload(tmp_path / "x.zip", 10_000)
    for piece in cut(coded, size):
        download.write(piece)
    assert download.bytes_written == len(content)
    download.discard()


@pytest.mark.parametrize(
    "text", [b"QQ==QQ==", b"QQ=Q", b"Q===", b"====", b"QUJD*UJD", b"QUJD-_-_", b"\xc3\xa9\xc3\xa9"]
)
@pytest.mark.parametrize("size", [1, 4, 100])
def test_text_that_is_not_base64_is_noticed(tmp_path: Path, text: bytes, size: int) -> None:
    download = ReportDownload(tmp_path / "x.zip", 10_000)
    with pytest.raises(MalformedAnswer):
        for piece in cut(text, size):
            download.write(piece)
    download.discard()
    assert list(tmp_path.iterdir()) == []
