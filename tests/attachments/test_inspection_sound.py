"""How long recordings last, and which waveforms are taken."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attachments.inspection import duration_ms, read_waveform
from attachments.inspection.durations import _READERS
from attachments.storage import StorageUnavailable
from core.errors import Invalid
from tests.attachments.samples import adts, box, mp3, mp4, ogg, wav, webm

pytestmark = pytest.mark.no_database

FLAC = b"fLaC\x80\0\0\x22\x10\0\x10\0" + bytes(6) + (44100 << 44 | 1 << 41 | 15 << 36 | 88200).to_bytes(8) + bytes(16)
AIFF_RATE = b"\x40\x0b\xfa" + bytes(7)  # 8000, as the 80-bit number that AIFF has
AIFF = b"FORM\0\0\0\x2eAIFFCOMM\0\0\0\x12\0\1\0\0\x3e\x80\0\x10" + AIFF_RATE + b"SSND" + bytes(12)


@pytest.mark.parametrize(
    ("mime", "data", "expected"),
    [
        ("audio/wav", wav(1.5), 1500),
        ("audio/mpeg", mp3(100), 2606),
        ("audio/mpeg", b"ID3\4\0\0\0\0\x1f\x76" + bytes(4086) + mp3(100), 2606),
        ("audio/aac", adts(100), 2322),
        ("audio/mp4", mp4(b"M4A ", b"soun"), 3000),
        ("video/mp4", mp4(b"isom", b"vide", moov_first=False), 3000),
        ("video/quicktime", mp4(b"qt  ", b"vide"), 3000),
        ("audio/ogg", ogg(), 2000),
        ("audio/flac", FLAC, 2000),
        ("audio/aiff", AIFF, 2000),
    ],
)
def test_a_recording_lasts_as_long_as_its_headers_say(mime: str, data: bytes, expected: int) -> None:
    found = duration_ms(BytesIO(data), mime)
    assert found is not None
    assert abs(found - expected) <= 10


@pytest.mark.parametrize(
    ("mime", "data"),
    [
        ("audio/webm", webm("A_OPUS")),
        ("video/webm", webm("V_VP8")),
        ("audio/amr", b"#!AMR\n" + bytes(64)),
        ("image/png", b""),
        ("audio/wav", wav()[:20]),
        ("audio/mp4", mp4(b"iso5", b"soun", seconds=0)),
        ("audio/mp4", mp4(b"M4A ", b"soun", seconds=4_000_000)),
    ],
)
def test_what_does_not_say_it_has_none(mime: str, data: bytes) -> None:
    assert duration_ms(BytesIO(data), mime) is None


class Gone(BytesIO):
    """A stored file whose storage does not answer."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise StorageUnavailable


@pytest.mark.parametrize("mime", sorted(_READERS))
def test_a_storage_that_does_not_answer_is_no_fault_of_the_recording(mime: str) -> None:
    with pytest.raises(StorageUnavailable):
        duration_ms(Gone(wav()), mime)


@pytest.mark.parametrize("mime", sorted(_READERS))
@given(data=st.binary(max_size=300))
def test_no_bytes_make_anything_but_a_number_or_none(mime: str, data: bytes) -> None:
    for start in (b"", wav()[:40], mp4(b"M4A ", b"soun")[:150], ogg()[:60], FLAC[:20], AIFF[:30], b"ID3\4\0\0\x7f\x7f"):
        found = duration_ms(BytesIO(start + data), mime)
        assert found is None or found > 0


def test_headers_made_to_fill_the_memory_are_given_up() -> None:
    """A million boxes of eight bytes, each of which would be an object of half a kilobyte, boxes in boxes, one that is
    all of the file."""
    boxes = box(b"moov", b"\0\0\0\x08free" * 1_000_000)
    nested = b""
    for _ in range(5000):
        nested = box(b"moov", nested)
    cover = box(b"moov", box(b"udta", box(b"meta", bytes(4) + box(b"ilst", bytes(20 << 20)))))
    for data in (boxes, nested, cover):
        assert duration_ms(BytesIO(box(b"ftyp", b"M4A " + bytes(4)) + data), "audio/mp4") is None


@pytest.mark.parametrize("text", ["[0]", "[100]", "[0, 35, 100]", str([50] * 64), " [1,\n2] "])
def test_up_to_64_heights_from_0_to_100_are_a_waveform(text: str) -> None:
    values = read_waveform(text)
    assert 1 <= len(values) <= 64
    assert all(type(value) is int for value in values)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "1,2",
        "{}",
        "null",
        '"abc"',
        "[101]",
        "[-1]",
        "[1.5]",
        "[1e1]",
        "[true]",
        '["1"]',
        "[null]",
        "[[1]]",
        "[NaN]",
        str([1] * 65),
        "[" * 900,
        "[" + "9" * 900 + "]",
        "[1]" + " " * 2000,
    ],
)
def test_anything_else_is_refused_and_names_the_field(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_waveform(text)
    assert [error.field for error in refused.value.errors] == ["waveform"]
