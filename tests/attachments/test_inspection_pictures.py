"""Pictures are stored without what was told about them (T087), and show exactly what they showed."""

import contextlib
from collections.abc import Callable, Iterator
from io import BytesIO
from struct import pack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, ImageSequence

from attachments.inspection import ImageTooLarge, UnsupportedFile
from tests.attachments.samples import (
    SECRET,
    animation,
    chunk,
    exif,
    gif,
    jpeg,
    noise,
    picture,
    png,
    profile,
    segment,
    through,
    webp,
)

pytestmark = [pytest.mark.no_database, pytest.mark.core]

MAKERS: dict[str, Callable[..., bytes]] = {"jpg": jpeg, "png": png, "gif": lambda *_, **__: gif(), "webp": webp}
TURNABLE = ["jpg", "png", "webp"]

SAMPLES = {
    "plain.jpg": jpeg(),
    "turned.jpg": jpeg(6),
    "progressive.jpg": jpeg(3, progressive=True),
    "restarts.jpg": jpeg(restart_marker_blocks=2),
    "grey.jpg": picture("JPEG", noise(mode="L"), comment=SECRET),
    "cmyk.jpg": picture("JPEG", noise(mode="CMYK"), comment=SECRET),
    "plain.png": png(),
    "turned.png": png(8),
    "palette.png": png(image=noise(mode="P"), transparency=3),
    "deep.png": png(image=noise(mode="I;16")),
    "moving.png": animation("PNG", exif=exif()),
    "plain.gif": gif(),
    "moving.gif": gif(animation("GIF", comment=SECRET, disposal=2)),
    "plain.webp": webp(),
    "turned.webp": webp(5),
    "lossless.webp": webp(lossless=True),
    "seen through.webp": picture("WEBP", noise(mode="RGBA"), exif=exif(7), xmp=SECRET),
    "moving.webp": animation("WEBP", exif=exif(), xmp=SECRET),
    "simple.webp": picture("WEBP"),
}


def frames(data: bytes) -> Iterator[tuple[tuple[int, int], bytes, object]]:
    with Image.open(BytesIO(data)) as image:
        for frame in ImageSequence.Iterator(image):
            yield frame.size, frame.convert("RGBA").tobytes(), frame.info.get("duration")


def shown_size(data: bytes) -> tuple[int, int]:
    """Width and height with the orientation carried out, as a browser shows it."""
    with Image.open(BytesIO(data)) as image:
        return ImageOps.exif_transpose(image).size


def shown_orientation(data: bytes) -> int | None:
    with Image.open(BytesIO(data)) as image:
        image.load()
        return image.getexif().get(0x0112)


@pytest.mark.parametrize("name", SAMPLES)
def test_what_was_told_is_gone_and_every_pixel_is_there(name: str) -> None:
    """T087, for EXIF with GPS, XMP, IPTC, comments, times, thumbnails and whatever stands behind the end."""
    stored, found = through(SAMPLES[name], name)
    assert SECRET not in stored
    assert list(frames(stored)) == list(frames(SAMPLES[name]))
    assert (found.width, found.height) == shown_size(stored)
    assert {found.width, found.height} == {61, 43}


def test_the_samples_have_something_to_hide() -> None:
    """Or else the test above would show nothing."""
    shown = [name for name, data in SAMPLES.items() if SECRET in data]
    assert len(shown) == len(SAMPLES) - 1


@pytest.mark.parametrize("ending", TURNABLE)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_of_exif_only_the_orientation_stays(ending: str, orientation: int) -> None:
    stored, _ = through(MAKERS[ending](orientation), f"a.{ending}")
    with Image.open(BytesIO(stored)) as image:
        image.load()
        data = image.getexif()
        assert data.get(0x0112, 1) == orientation
        assert set(data) <= {0x0112}
        assert not data.get_ifd(0x8825)


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("data", [exif(6)[6:], b"", b"II", b"MM\0\x2a\xff\xff\xff\xff", b"II\x2a\0\x08\0\0\0\xff\xff"])
def test_exif_that_is_broken_says_upright(order: str, data: bytes) -> None:
    twisted = data if data[:2] != (b"MM" if order == "little" else b"II") else data[:4] + b"\xff" * len(data[4:])
    whole = picture("JPEG")
    stored, _ = through(whole[:2] + segment(0xE1, b"Exif\0\0" + twisted) + whole[2:], "a.jpg")
    assert shown_orientation(stored) in {None, 6 if twisted == exif(6)[6:] else None}


def test_the_colour_profile_stays() -> None:
    whole = picture("JPEG", icc_profile=profile())
    stored, _ = through(whole, "a.jpg")
    with Image.open(BytesIO(stored)) as image:
        assert image.info["icc_profile"] == profile()


def test_a_second_picture_behind_the_first_does_not_stay() -> None:
    """Phones add one of another exposure, or of the depth, with EXIF of its own."""
    first, second = noise(), noise()
    both = picture("MPO", first, save_all=True, append_images=[second], exif=exif())
    stored, _ = through(both, "a.jpg")
    assert len(list(frames(both))) == 2
    assert list(frames(stored)) == list(frames(both))[:1]
    assert stored.count(b"\xff\xd8\xff") == 1


@pytest.mark.parametrize("name", SAMPLES)
def test_a_clean_picture_is_stored_as_it_is(name: str) -> None:
    """And so cleaning twice is cleaning once."""
    stored, _ = through(SAMPLES[name], name)
    assert through(stored, name)[0] == stored


@settings(deadline=None)
@given(name=st.sampled_from(sorted(SAMPLES)), cuts=st.lists(st.integers(1, 3000), min_size=1, max_size=20))
def test_wherever_it_is_cut_the_same_is_stored(name: str, cuts: list[int]) -> None:
    whole, found = through(SAMPLES[name], name)
    assert through(SAMPLES[name], name, None, cuts) == (whole, found)


@settings(deadline=None)
@given(
    ending=st.sampled_from(sorted(MAKERS)),
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    orientation=st.integers(1, 8),
    cuts=st.lists(st.integers(1, 5000), min_size=1, max_size=5),
)
def test_pictures_of_every_size_survive(ending: str, size: tuple[int, int], orientation: int, cuts: list[int]) -> None:
    form = {"jpg": "JPEG"}.get(ending, ending.upper())
    data = picture(form, noise(*size), **({"exif": exif(orientation)} if ending in TURNABLE else {}))
    stored, found = through(data, f"a.{ending}", None, cuts)
    assert list(frames(stored)) == list(frames(data))
    lies_on_its_side = ending in TURNABLE and orientation >= 5
    assert (found.width, found.height) == (size[::-1] if lies_on_its_side else size), "as people see it"
    assert SECRET not in stored


@pytest.mark.parametrize("name", SAMPLES)
def test_a_picture_that_ends_too_early_is_refused(name: str) -> None:
    """Whatever is missing could have been what tells where the picture was taken."""
    data, _ = through(SAMPLES[name], name)
    for end in {*range(8, len(data) - 1, len(data) // 60), len(data) - 2}:
        try:
            stored, _ = through(data[:end], name)
        except UnsupportedFile:
            continue
        # A GIF may lack its last byte, and a moving one be shorter: it is complete then all the same.
        assert name.endswith(".gif")
        assert stored == data[:end] + b"\x3b"


@settings(deadline=None, max_examples=300)
@given(
    name=st.sampled_from(sorted(SAMPLES)),
    places=st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=8),
    cuts=st.lists(st.integers(1, 5000), min_size=1, max_size=3),
)
def test_no_damage_makes_anything_but_a_refusal(name: str, places: list[tuple[int, int]], cuts: list[int]) -> None:
    data = bytearray(SAMPLES[name])
    for place, value in places:
        data[place % len(data)] = value
    with contextlib.suppress(UnsupportedFile, ImageTooLarge):
        through(bytes(data), name, None, cuts)


@pytest.mark.parametrize(
    "data",
    [
        picture("JPEG")[:-2] + segment(0xC0, b"\x08\0\1\0\1\1\1\x11\0") + b"\xff\xd9",
        b"\xff\xd8" + segment(0xC0, b"\x08\0\0\0\1\1\1\x11\0") + b"\xff\xd9",
        b"\xff\xd8\xff\xd9".ljust(100, b"\0"),
        b"\xff\xd8\xff\x01" + bytes(100),
        b"\xff\xd8\xff\xe0\0\1" + bytes(100),
        b"\xff\xd8" + segment(0xFE, b"x") + b"\0\xff\xd9",
        picture("JPEG")[:2] + segment(0xDE, bytes(8)) + picture("JPEG")[2:],
        b"\xff\xd8" + segment(0xDA, b"\1\1\0\0\x3f\0") + b"x\xff\xd9",
        b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""),
        picture("PNG")[:33] + chunk(b"IEND", b""),
        picture("PNG")[:33] + chunk(b"XXXX", b"") + picture("PNG")[33:],
        picture("PNG")[:33] + b"\xff\xff\xff\xffIDAT" + picture("PNG")[33:],
        picture("PNG")[:8] + chunk(b"CgBI", bytes(4)) + picture("PNG")[8:],
        b"GIF89a" + pack("<HHBBB", 1, 1, 0, 0, 0) + b"\x3b",
        b"GIF89a" + pack("<HHBBB", 1, 1, 0, 0, 0) + b"=1;alert(1)",
        b"GIF89a" + pack("<HHBBB", 1, 1, 0, 0, 0) + b"\x21\xfe\1x\0\x3b",
        b"RIFF\x04\0\0\0WEBP",
        b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0" + bytes(10),
        b"RIFF\x13\0\0\0WEBPXMP \7\0\0\0" + bytes(8),
        b"RIFF\x2c\0\0\0WEBP" + (b"VP8X\x0a\0\0\0" + bytes(10)) * 2,
        b"RIFF\x30\0\0\0WEBPVP8X\xff\0\0\0" + bytes(40),
        b"RIFF\x30\0\0\0WEBPANMF\x08\0\0\0" + bytes(40),
        b"RIFF\x30\0\0\0WEBPANMF\x18\0\0\0" + bytes(16) + b"ANMF\0\0\0\0" + bytes(12),
        b"RIFF\x0c\0\0\0WEBPVP8L\0\0\0\0",
    ],
)
def test_what_only_begins_like_a_picture_is_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedFile):
        through(data, "blob")


def test_fill_bytes_before_a_marker_are_nothing() -> None:
    whole = picture("JPEG")
    assert through(whole[:2] + b"\xff\xff\xff" + whole[2:], "a.jpg")[0] == through(whole, "a.jpg")[0]


def test_bytes_too_few_for_a_chunk_are_blanked() -> None:
    whole = picture("WEBP")
    data = whole[:4] + pack("<I", len(whole) - 8 + 6) + whole[8:] + SECRET
    stored, _ = through(data, "a.webp")
    assert stored == data[:-6] + bytes(6)
