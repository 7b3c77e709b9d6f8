"""Small pictures of pictures. The one place where the server decodes anything.

Pillow is given four formats and their four decoders are loaded by name: those of the other formats, in which most of
its faults have been, cannot be reached by any file (CVE-2024-53863 was an upload that reached EPS).
"""

import os
from io import BytesIO
from typing import BinaryIO

import structlog
from PIL import GifImagePlugin, Image, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from attachments.inspection.flow import MOST_PIXELS
from attachments.inspection.jpeg import START_OF_SCAN
from core.errors import AppError

log = structlog.get_logger(__name__)

SIDE = 320
_FORMATS = [
    plugin.format
    for plugin in (
        JpegImagePlugin.JpegImageFile,
        PngImagePlugin.PngImageFile,
        GifImagePlugin.GifImageFile,
        WebPImagePlugin.WebPImageFile,
    )
]

MOST_MEMORY = 160 << 20
"""Bytes that decoding one picture may take; one is decoded at a time."""

_COEFFICIENT = 2
_WEBP = 16  # the library composes frames on two canvases of four bytes, and hands out a third
# Colours are held in four bytes whether three or four are used; transparency is multiplied in, in a copy; a palette and
# grey of one bit or of sixteen are turned into something else, in a copy.
_BYTES_PER_PIXEL = {"1": 2, "L": 1, "I;16": 3, "I": 5, "RGB": 4, "LA": 8, "RGBA": 8, "P": 9, "PA": 9}
_MOST_PROFILE = 16 * 1024
_QUALITY = 75

# Pictures above this are refused before they get here; Pillow would write a warning from 89 million on.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS


def thumbnail(source: BinaryIO) -> bytes | None:
    """The picture in the seekable `source` (clean, of a kind that decodes) as a WebP of at most 320 by 320 pixels.

    Upright, the first frame of an animation, without metadata but for a small colour profile. Takes at most about
    MOST_MEMORY; None for a picture that would take more, and for one that cannot be decoded. An AppError of `source`
    itself (the storage does not answer) goes through.
    """
    try:
        with Image.open(source, formats=_FORMATS) as image:
            return _webp(_small(image)) if _memory(image, source) <= MOST_MEMORY else None
    except AppError:
        raise
    except Exception as error:  # noqa: BLE001  a decoder of hostile bytes: whatever it raises, there is no thumbnail
        log.info("files.no_thumbnail", reason=type(error).__name__)
        return None


def _memory(image: Image.Image, source: BinaryIO) -> int:
    """About how many bytes decoding takes. Asks a JPEG for a scaled-down version first, which is never whole."""
    width, height = image.size
    if image.format == "JPEG":
        colours = len(image.getbands())
        image.draft(None, (2 * SIDE, 2 * SIDE))
        # What does not come in one pass is held until it is there: coefficients of all pixels, in every colour.
        is_held = image.info.get("progressive") or not _comes_at_once(source, colours)
        held = width * height * colours * _COEFFICIENT if is_held else 0
        return held + image.size[0] * image.size[1] * 4
    if image.format == "WEBP":
        return width * height * _WEBP + source.seek(0, os.SEEK_END)
    return width * height * _BYTES_PER_PIXEL.get(image.mode, 4)


def _comes_at_once(source: BinaryIO, colours: int) -> bool:
    """Whether the first scan of a JPEG has all colours in it (T.81, B.2.3): else the library keeps the whole picture,
    progressive or not, and a few MB that say nothing would take 600."""
    source.seek(2)
    while len(head := source.read(4)) == 4 and head[0] == 0xFF:
        if head[1] == START_OF_SCAN:
            return source.read(1) >= bytes([colours])
        source.seek(int.from_bytes(head[2:], "big") - 2, os.SEEK_CUR)
    return False


def _small(image: Image.Image) -> Image.Image:
    plain = _plain(image)
    plain.thumbnail((SIDE, SIDE))
    # Pillow reads the orientation from the original: a converted copy may have lost it.
    plain.getexif().update(image.getexif())
    return ImageOps.exif_transpose(plain)


def _plain(image: Image.Image) -> Image.Image:
    """In a mode that can be made smaller smoothly and stored as WebP."""
    if image.mode in ("RGB", "RGBA", "L", "LA"):
        return image
    plain = image.convert(_plain_mode(image))
    plain.info.pop("icc_profile", None)  # which is that of inks, or of shades of grey
    return plain


def _plain_mode(image: Image.Image) -> str:
    if image.mode in ("P", "PA"):
        return "RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB"
    return "L" if image.mode == "1" or image.mode.startswith("I") else "RGB"


def _webp(small: Image.Image) -> bytes:
    profile = small.info.get("icc_profile") or b""
    keeps_profile = small.mode in ("RGB", "RGBA") and len(profile) <= _MOST_PROFILE
    out = BytesIO()
    small.save(out, "WEBP", quality=_QUALITY, icc_profile=profile if keeps_profile else b"", exif=b"", xmp=b"")
    return out.getvalue()
