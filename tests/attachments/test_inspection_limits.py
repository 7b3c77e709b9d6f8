"""Pictures made to exhaust whoever shows or reads them: by their pixels, by their parts, by their size (T083)."""

import tracemalloc
from struct import pack
from zlib import compress

import pytest

from attachments.inspection import ImageTooLarge, Inspector, UnsupportedFile
from attachments.inspection.flow import MOST_STEPS
from tests.attachments.samples import chunk, noise, picture, segment, through

pytestmark = pytest.mark.no_database

ENDINGS = ["jpg", "png", "gif", "webp"]


def bomb(ending: str) -> bytes:
    """The head of a picture of 30,000 by 30,000 pixels, then something that might be it."""
    side, noise_of_it = 30_000, bytes(range(1, 200)) * 100
    if ending == "png":
        head = chunk(b"IHDR", pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", compress(noise_of_it, 0))
    if ending == "gif":
        return b"GIF89a" + pack("<HHBBB", side, side, 0, 0, 0) + b"\x2c" + bytes(9) + noise_of_it
    if ending == "jpg":
        frame = segment(0xC0, pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
        return b"\xff\xd8" + frame + segment(0xDA, b"\1\1\0\0\x3f\0") + noise_of_it
    canvas = b"VP8X" + pack("<II", 10, 0) + (side - 1).to_bytes(3, "little") * 2
    return b"RIFF" + pack("<I", 30_000) + b"WEBP" + canvas + b"VP8 " + pack("<I", 20_000) + noise_of_it


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_bomb_of_pixels_is_refused_by_its_head(ending: str) -> None:
    """T083: before its data is there."""
    inspector = Inspector(f"a.{ending}", None)
    with pytest.raises(ImageTooLarge) as refused:
        inspector.update(bomb(ending)[:8192])
    assert (refused.value.status, refused.value.code) == (413, "image_too_large")


def test_a_bomb_behind_a_small_head_is_refused() -> None:
    """A frame outside of the screen, and a bitstream larger than its canvas: decoders follow the larger one."""
    frame = b"\x2c" + pack("<HHHHB", 0, 0, 30_000, 30_000, 0)
    with pytest.raises(ImageTooLarge):
        through(b"GIF89a" + pack("<HHBBB", 1, 1, 0, 0, 0) + frame + bytes(100), "a.gif")
    canvas = b"VP8X" + pack("<II", 10, 0) + bytes(6)
    pixels = b"VP8L" + pack("<I", 100) + b"\x2f" + (0x3FFF | 0x3FFF << 14).to_bytes(4, "little") + bytes(95)
    with pytest.raises(ImageTooLarge):
        through(b"RIFF" + pack("<I", 22 + len(pixels)) + b"WEBP" + canvas + pixels, "a.webp")


def test_a_gif_of_ten_thousand_frames_is_taken() -> None:
    """T083. Each frame is one pixel here; the size of the file bounds what frames can be."""
    frame = b"\x21\xf9\4\0\1\0\0\0\x2c" + pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2\x44\1\0"
    data = b"GIF89a" + pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + frame * 10_000 + b"\x3b"
    assert through(data, "a.gif")[0] == data


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8" + segment(0xFE, b"") * (MOST_STEPS + 1),
        b"\x89PNG\r\n\x1a\n" + picture("PNG")[8:33] + chunk(b"tEXt", b"") * (MOST_STEPS + 1),
        b"GIF89a" + pack("<HHBBB", 1, 1, 0, 0, 0) + b"\x21\xfe" + b"\1x" * (MOST_STEPS + 1),
        b"RIFF\xff\xff\xff\0WEBP" + b"ZZZZ\0\0\0\0" * (MOST_STEPS + 1),
    ],
    ids=ENDINGS,
)
def test_a_picture_of_countless_parts_is_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedFile, match="too many parts"):
        through(data, "blob")


def test_a_jpeg_of_countless_scans_is_refused() -> None:
    whole = picture("JPEG", progressive=True)
    start = whole.index(b"\xff\xda")
    with pytest.raises(UnsupportedFile, match="too many scans"):
        through(whole[:start] + whole[start:-2] * 70 + whole[-2:], "a.jpg")


def test_memory_does_not_grow_with_the_picture() -> None:
    part = picture("JPEG", noise(400, 400), quality=98)
    start = part.index(b"\xff\xda")
    scan = part[part.index(b"\xff\xda") + 14 : -2]
    inspector = Inspector("a.jpg", None)
    tracemalloc.start()
    try:
        passed = len(inspector.update(part[:start] + part[start : start + 14]))
        for _ in range(200):
            passed += len(inspector.update(scan))
        passed += len(inspector.update(b"\xff\xd9"))
        passed += len(inspector.finish()[0])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert passed > 100 * len(scan)
    assert peak < 8 * len(scan)
