"""Thumbnails: small, upright, without metadata, made of four formats only, in bounded memory."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from attachments.inspection import thumbnail
from attachments.storage import StorageUnavailable
from tests.attachments.samples import SECRET, animation, exif, in_scans, noise, picture, profile, through

pytestmark = pytest.mark.no_database

MIB = 1 << 20


def small(data: bytes) -> Image.Image:
    made = thumbnail(BytesIO(data))
    assert made is not None
    image = Image.open(BytesIO(made))
    image.load()
    assert image.format == "WEBP"
    return image


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP"])
@pytest.mark.parametrize(
    ("size", "shown"), [((900, 600), (320, 213)), ((64, 1000), (20, 320)), ((40, 30), (40, 30)), ((1, 1), (1, 1))]
)
def test_the_longer_side_is_at_most_320(form: str, size: tuple[int, int], shown: tuple[int, int]) -> None:
    assert small(picture(form, noise(*size))).size == shown


@pytest.mark.parametrize(
    ("form", "mode"),
    [
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        *(("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        *(("WEBP", mode) for mode in ("RGB", "RGBA")),
    ],
)
def test_pictures_of_every_mode_have_one(form: str, mode: str) -> None:
    assert small(picture(form, noise(500, 400, mode))).size == (320, 256)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_picture_held_sideways_stands_upright(form: str) -> None:
    """A red half at the left, stored turned by 90 degrees, as phones store it."""
    image = Image.new("RGB", (400, 200), "blue")
    image.paste("red", (0, 0, 400, 100))
    data, _ = through(picture(form, image, exif=exif(6)), "blob")
    made = small(data)
    assert made.size == (160, 320)
    right = made.convert("RGB").crop((100, 0, 160, 320)).resize((1, 1))
    red, _, blue = right.tobytes()
    assert red > 200 > 50 > blue


def test_nothing_is_told_in_it() -> None:
    made = thumbnail(BytesIO(picture("JPEG", noise(500, 400), exif=exif(6), comment=SECRET)))
    assert made is not None
    assert SECRET not in made
    assert not small(picture("JPEG", noise(500, 400), exif=exif(6))).getexif()


def test_a_small_colour_profile_stays_and_a_large_one_does_not() -> None:
    kept = small(picture("JPEG", noise(500, 400), icc_profile=profile()))
    assert kept.info.get("icc_profile") == profile()
    assert "icc_profile" not in small(picture("JPEG", noise(500, 400), icc_profile=profile() * 100)).info


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_a_profile_of_other_colours_than_the_thumbnail_has_does_not_stay(mode: str) -> None:
    assert "icc_profile" not in small(picture("JPEG", noise(500, 400, mode), icc_profile=profile())).info


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_a_moving_picture_stands_still(form: str) -> None:
    assert getattr(small(animation(form)), "n_frames", 1) == 1


@pytest.mark.parametrize("form", ["TIFF", "BMP", "ICO", "PPM", "EPS", "PCX", "TGA", "PDF"])
def test_other_formats_are_not_decoded(form: str) -> None:
    """T083: whatever Pillow could do with them."""
    assert thumbnail(BytesIO(picture(form, noise(64, 64)))) is None


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_damaged_picture_has_none(form: str) -> None:
    data = picture(form, noise(500, 400))
    for damaged in (b"", data[:20], data[: len(data) // 2], bytes(len(data)), data[:8] + bytes(len(data) - 8)):
        assert thumbnail(BytesIO(damaged)) is None


def test_a_picture_that_would_take_too_much_memory_has_none() -> None:
    assert thumbnail(BytesIO(picture("PNG", Image.new("RGBA", (5000, 5000))))) is None


@pytest.mark.parametrize("colours", [3, 4])
def test_colours_that_come_one_after_the_other_are_counted(colours: int) -> None:
    """The library keeps such a JPEG whole, although it is not progressive: a few MB would take 600."""
    stored, found = through(in_scans(6000, colours), "a.jpg")
    assert (found.width, found.height) == (6000, 6000)
    assert thumbnail(BytesIO(stored)) is None
    assert small(through(in_scans(400, colours), "a.jpg")[0]).size == (320, 320)


def test_a_fourth_colour_is_counted() -> None:
    inks = Image.new("CMYK", (5000, 5000), (9, 9, 9, 9))
    assert thumbnail(BytesIO(picture("JPEG", inks, progressive=True, subsampling=0))) is None


class Gone(BytesIO):
    """A stored file whose storage answers once, and then no more."""

    answered = False

    def read(self, size: int | None = -1, /) -> bytes:
        if self.answered:
            raise StorageUnavailable
        self.answered = True
        return super().read(size)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_storage_that_does_not_answer_is_no_fault_of_the_picture(form: str) -> None:
    with pytest.raises(StorageUnavailable):
        thumbnail(Gone(picture(form)))


PROBE = """
import re, sys
from io import BytesIO
from PIL import Image
from attachments.inspection.thumbnails import thumbnail
def peak():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1]) // 1024
first = BytesIO()
Image.new("RGB", (8, 8)).save(first, sys.argv[2])
assert thumbnail(first)
before = peak()
with open(sys.argv[1], "rb") as source:
    made = thumbnail(source)
print(len(made or b""), peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("form", "mode", "side", "options"),
    [
        ("PNG", "RGB", 6400, {"compress_level": 1}),
        ("PNG", "RGBA", 4500, {"compress_level": 1}),
        ("GIF", "P", 4200, {}),
        ("JPEG", "RGB", 9900, {}),
        ("JPEG", "RGB", 5200, {"progressive": True, "subsampling": 0}),
        ("WEBP", "RGB", 3200, {"method": 0}),
    ],
)
def test_the_largest_pictures_stay_under_the_limit(
    form: str, mode: str, side: int, options: dict[str, int], tmp_path: Path
) -> None:
    """T083: less than 200 MiB more, measured in a process of its own.

    By VmHWM, as ru_maxrss of a new process begins with what the process had that started it.
    """
    path = tmp_path / "picture"
    Image.new(mode, (side, side), 1).save(path, form, **options)
    size, taken = made_alone(path, form)
    assert size > 0
    assert taken < 200


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_picture_in_many_scans_stays_under_it_too(tmp_path: Path) -> None:
    """T083: 3.5 MB, and 100 million pixels in three colours, one after the other."""
    path = tmp_path / "picture"
    path.write_bytes(in_scans(9990))
    size, taken = made_alone(path, "JPEG")
    assert (size, taken < 200) == (0, True)


def made_alone(path: Path, form: str) -> tuple[int, int]:
    """How long its thumbnail is, and how many MiB making it took."""
    done = subprocess.run([sys.executable, "-c", PROBE, path, form], capture_output=True, text=True, check=True)
    size, taken = map(int, done.stdout.split())
    return size, taken
