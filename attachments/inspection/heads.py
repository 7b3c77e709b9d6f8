"""What a file is, by its first bytes. Each kind on the list has its own test; what passes none is not accepted.

A container says what it holds further on than what it is: then several kinds come back, the likeliest first, and what
the client declares chooses among them.
"""

import re
from collections.abc import Callable
from io import BytesIO

import mutagen
from mutagen.aac import AACInfo
from mutagen.mp3 import MPEGInfo

from attachments.inspection import compounds, packages
from attachments.inspection.kinds import Kind, kinds
from attachments.inspection.texts import texts

HEAD_BYTES = 8192
"""How much is looked at before anything is passed on. Recorders of voice write their tracks into the first KiB."""

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"{\\rtf1", "application/rtf"),
    (b"fLaC", "audio/flac"),
    (b"#!AMR\n", "audio/amr"),
    (b"#!AMR-WB\n", "audio/amr"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BITMAP_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})

# ISO/IEC 14496-12 and the registry at mp4ra.org. Brands of pictures (heic, avif) are not among them.
_AUDIO_BRAND = re.compile(rb"M4[AB] ")
_PHONE_BRAND = re.compile(rb"3g[gp2s].", re.DOTALL)
_MOVIE_BRAND = re.compile(rb"iso[m2-9]|mp4[12]|avc1|M4V[ HP]|MSNV|dash|msdh|f4v |mmp4|XAVC|MP4 ", re.IGNORECASE)
_HANDLER = re.compile(rb"hdlr.{8}(vide|soun)", re.DOTALL)

_OGG_VIDEO, _OGG_AUDIO = b"\x80theora", re.compile(rb"OpusHead|\x01vorbis|Speex   |\x7fFLAC")
_EBML = b"\x1a\x45\xdf\xa3"
_DOC_TYPE = re.compile(rb"\x42\x82[\x81-\xbf](webm|matroska)")  # RFC 8794, 11.2.4
_CODEC = re.compile(rb"\x86[\x82-\xbf]([VA])_")  # RFC 9559, 5.1.4.1.21


def recognise(head: bytes) -> tuple[Kind, ...]:
    """What a file that begins with `head` (its first HEAD_BYTES, or all of it) may be; none is a refusal."""
    for test in _TESTS:
        found = test(head)
        if found is not None:
            return found
    return texts(head)


def _by_signature(head: bytes) -> tuple[Kind, ...] | None:
    return next((kinds(mime) for signature, mime in _SIGNATURES if head.startswith(signature)), None)


def _riff(head: bytes) -> tuple[Kind, ...] | None:
    if not head.startswith(b"RIFF"):
        return None
    mime = _RIFF.get(head[8:12])
    return kinds(mime) if mime else ()


def _aiff(head: bytes) -> tuple[Kind, ...] | None:
    return kinds("audio/aiff") if head.startswith(b"FORM") and head[8:12] in (b"AIFF", b"AIFC") else None


def _bitmap(head: bytes) -> tuple[Kind, ...] | None:
    # "BM" alone begins many a letter.
    is_bitmap = head.startswith(b"BM") and head[6:10] == bytes(4) and head[15:18] == bytes(3)
    return kinds("image/bmp") if is_bitmap and head[14] in _BITMAP_HEADERS else None


def _archive(head: bytes) -> tuple[Kind, ...] | None:
    return packages.packages(head) if head.startswith(packages.SIGNATURE) else None


def _compound(head: bytes) -> tuple[Kind, ...] | None:
    return compounds.COMPOUNDS if head.startswith(compounds.SIGNATURE) else None


def _movie(head: bytes) -> tuple[Kind, ...] | None:
    if head[4:8] != b"ftyp":
        return None
    brand = head[8:12]
    if brand == b"qt  ":
        return kinds("video/quicktime")
    if _AUDIO_BRAND.match(brand):
        return kinds("audio/mp4")
    if _PHONE_BRAND.match(brand):
        return kinds("video/3gpp")
    return _sound_or_vision(head) if _MOVIE_BRAND.match(brand) else ()


def _sound_or_vision(head: bytes) -> tuple[Kind, ...]:
    """By the tracks, if they are described in the head: a recording of voice has them there, most films at the end."""
    tracks = set(_HANDLER.findall(head))
    if b"vide" in tracks:
        return kinds("video/mp4")
    return kinds("audio/mp4") if tracks else kinds("video/mp4", "audio/mp4")


def _ogg(head: bytes) -> tuple[Kind, ...] | None:
    if not head.startswith(b"OggS"):
        return None
    if _OGG_VIDEO in head[:1024]:
        return kinds("video/ogg")
    return kinds("audio/ogg") if _OGG_AUDIO.search(head, 0, 1024) else ()


def _matroska(head: bytes) -> tuple[Kind, ...] | None:
    if not head.startswith(_EBML):
        return None
    doc_type = _DOC_TYPE.search(head, 0, 128)
    if doc_type is None:
        return ()
    if doc_type[1] == b"matroska":
        return kinds("video/x-matroska")
    tracks = set(_CODEC.findall(head))
    if b"V" in tracks:
        return kinds("video/webm")
    return kinds("audio/webm") if tracks else kinds("video/webm", "audio/webm")


def _frames_of_sound(head: bytes) -> tuple[Kind, ...] | None:
    """MPEG audio, which has no signature: several frames in a row, each beginning where the one before it ends."""
    if head.startswith(b"ID3") and head[3:4] in (b"\x02", b"\x03", b"\x04"):
        return kinds("audio/mpeg", "audio/aac")
    if head[:1] != b"\xff" or len(head) < 2 or head[1] & 0xE0 != 0xE0:
        return None
    if head[1] & 0xF6 == 0xF0:
        return kinds("audio/aac") if _parses(AACInfo, head) else None
    return kinds("audio/mpeg") if _parses(_steady, head) else None


def _steady(head: BytesIO) -> None:
    info = MPEGInfo(head, 0)
    if info.sketchy or info.frame_offset:
        raise mutagen.MutagenError("not frame after frame from the beginning")


def _parses(parser: Callable[[BytesIO], object], head: bytes) -> bool:
    try:
        parser(BytesIO(head))
    except mutagen.MutagenError:
        return False
    return True


_TESTS: tuple[Callable[[bytes], tuple[Kind, ...] | None], ...] = (
    _by_signature,
    _riff,
    _aiff,
    _bitmap,
    _archive,
    _compound,
    _movie,
    _ogg,
    _matroska,
    _frames_of_sound,
)
