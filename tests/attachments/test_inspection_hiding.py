"""Texts in the parts of a picture that stay, where a picture has none: they do not stay (T087)."""

import zlib
from io import BytesIO
from struct import pack

import pytest
from PIL import Image

from tests.attachments.samples import SECRET, chunk, noise, picture, profile, segment, through

pytestmark = [pytest.mark.no_database, pytest.mark.core]

PLAIN = noise()
LOOPS = b"\x21\xff\x0bNETSCAPE2.0"
CONTROL = b"\x21\xf9"


def block(data: bytes) -> bytes:
    return bytes([len(data)]) + data


def gif_with(extension: bytes) -> bytes:
    """Before the first picture of it."""
    whole = picture("GIF", PLAIN)
    at = 13 + (3 << ((whole[10] & 7) + 1) if whole[10] & 0x80 else 0)
    return whole[:at] + extension + whole[at:]


def jpeg_with(*profiles: bytes) -> bytes:
    """With these parts of a colour profile."""
    whole = picture("JPEG", PLAIN)
    head = b"ICC_PROFILE\0"
    parts = (segment(0xE2, head + bytes([n, len(profiles)]) + part) for n, part in enumerate(profiles, 1))
    return whole[:2] + b"".join(parts) + whole[2:]


def png_with(kind: bytes, payload: bytes) -> bytes:
    whole = picture("PNG", PLAIN)
    return whole[:33] + chunk(kind, payload) + whole[33:]


def webp_with(payload: bytes) -> bytes:
    whole = picture("WEBP", PLAIN, icc_profile=profile())
    at = whole.index(b"ICCP")
    rest = whole[at + 8 + len(profile()) :]
    body = whole[12:at] + b"ICCP" + pack("<I", len(payload)) + payload + bytes(len(payload) % 2) + rest
    return b"RIFF" + pack("<I", len(body) + 4) + b"WEBP" + body


NOT_ONE = SECRET * 20


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (gif_with(CONTROL + block(bytes(4)) + block(SECRET) + b"\0"), "a.gif"),
        (gif_with(CONTROL + block(SECRET) + b"\0"), "a.gif"),
        (gif_with(LOOPS + block(b"\1\0\0") + block(SECRET) + block(SECRET) + b"\0"), "a.gif"),
        (gif_with(LOOPS + block(SECRET) + b"\0"), "a.gif"),
        (jpeg_with(NOT_ONE), "a.jpg"),
        (jpeg_with(profile() + SECRET), "a.jpg"),
        (jpeg_with(profile(), SECRET), "a.jpg"),
        (jpeg_with(SECRET, profile()), "a.jpg"),
        (png_with(b"iCCP", SECRET + b"\0\0" + zlib.compress(profile())), "a.png"),
        (png_with(b"iCCP", b"profile\0\0" + zlib.compress(profile()) + SECRET), "a.png"),
        (png_with(b"iCCP", b"profile\0\0" + SECRET), "a.png"),
        (png_with(b"pHYs", b"\0\0\0\1\0\0\0\1\1" + SECRET), "a.png"),
        (png_with(b"gAMA", SECRET), "a.png"),
        (webp_with(NOT_ONE), "a.webp"),
        (webp_with(profile() + SECRET), "a.webp"),
    ],
)
def test_a_text_that_is_no_part_of_the_picture_is_gone(data: bytes, name: str) -> None:
    assert SECRET in data
    stored, _ = through(data, name)
    assert SECRET not in stored
    assert through(data, name, None, [1])[0] == stored
    assert through(stored, name)[0] == stored
    with Image.open(BytesIO(stored)) as after, Image.open(BytesIO(data)) as before:
        assert after.convert("RGB").tobytes() == before.convert("RGB").tobytes()


@pytest.mark.parametrize("unpacked", [NOT_ONE, profile() + SECRET, profile()[:-1], profile() + bytes(4 << 20)])
def test_nor_is_one_that_is_folded_up(unpacked: bytes) -> None:
    """What unfolds without end is not unfolded to its end."""
    stored, _ = through(png_with(b"iCCP", b"profile\0\0" + zlib.compress(unpacked)), "a.png")
    assert b"iCCP" not in stored


def large() -> bytes:
    return (100_000).to_bytes(4, "big") + profile()[4:] + bytes(range(256)) * 388 + bytes(136)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("colours", [profile(), large()], ids=["small", "large"])
def test_a_colour_profile_stays(form: str, colours: bytes) -> None:
    """In a JPEG a large one comes in several parts."""
    assert int.from_bytes(colours[:4], "big") == len(colours)
    stored, _ = through(picture(form, PLAIN, icc_profile=colours), f"a.{form.lower()}")
    with Image.open(BytesIO(stored)) as image:
        assert image.info["icc_profile"] == colours


def test_how_often_a_moving_picture_is_shown_stays() -> None:
    whole = picture("GIF", PLAIN, save_all=True, append_images=[noise()], duration=40, loop=7)
    stored, _ = through(whole, "a.gif")
    with Image.open(BytesIO(stored)) as image:
        assert (image.info["loop"], image.info["duration"]) == (7, 40)
