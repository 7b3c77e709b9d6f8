"""How long a recording lasts, as its own headers say."""

from collections.abc import Callable
from typing import Any, BinaryIO

import mutagen
import structlog
from mutagen.aac import AAC
from mutagen.aiff import AIFF
from mutagen.flac import FLAC
from mutagen.mp3 import MPEGInfo
from mutagen.mp4 import MP4
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggspeex import OggSpeex
from mutagen.oggtheora import OggTheora
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from core.errors import AppError

log = structlog.get_logger(__name__)

_MOST_BYTES = 16 << 20
_MOST_READS = 100_000
_LONGEST_MS = 7 * 24 * 3600 * 1000
_OGG = (OggOpus, OggVorbis, OggSpeex, OggFLAC, OggTheora)


class _TooMuch(Exception):
    """The file makes its reader read more than any recording needs to."""


class _Sparing:
    """A stream that may be read only so often and so much: a header of 50 MiB, or one of six million boxes, would
    become as many objects in memory."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._bytes_left = _MOST_BYTES
        self._reads_left = _MOST_READS
        self.seek = source.seek
        self.tell = source.tell

    def read(self, size: int = -1) -> bytes:
        if size == 0:
            return b""  # how mutagen asks whether this is a stream; it takes any exception for a no
        self._reads_left -= 1
        if self._reads_left < 0 or size > self._bytes_left:
            raise _TooMuch
        data = self._source.read(self._bytes_left + 1 if size < 0 else size)
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            raise _TooMuch
        return data


def duration_ms(source: BinaryIO, mime: str) -> int | None:
    """Milliseconds, at least 1, of the recording in the seekable `source`; None where its format does not say (WebM,
    AMR, a recording that was streamed) or where its headers are broken.

    At most 16 MiB of it are read. An AppError of `source` itself (the storage does not answer) goes through.
    """
    reader = _READERS.get(mime)
    if reader is None:
        return None
    try:
        source.seek(0)
        seconds = reader(_Sparing(source))
        found = round(seconds * 1000)
    except AppError:
        raise
    except Exception as error:  # noqa: BLE001  a parser of hostile bytes: whatever it raises, the length is unknown
        log.info("files.no_duration", reason=type(error).__name__)
        return None
    return found if 0 < found <= _LONGEST_MS else None


def _whole(kind: Callable[[_Sparing], Any]) -> Callable[[_Sparing], float]:
    return lambda source: float(kind(source).info.length)


def _mpeg(source: _Sparing) -> float:
    # Not through MP3, which reads the tags, pictures and all.
    return float(MPEGInfo(source).length)


def _ogg(source: _Sparing) -> float:
    found = mutagen.File(source, options=list(_OGG))
    return float(found.info.length) if found is not None else 0.0


_READERS: dict[str, Callable[[_Sparing], float]] = {
    "audio/mpeg": _mpeg,
    "audio/mp4": _whole(MP4),
    "video/mp4": _whole(MP4),
    "video/quicktime": _whole(MP4),
    "video/3gpp": _whole(MP4),
    "audio/aac": _whole(AAC),
    "audio/wav": _whole(WAVE),
    "audio/ogg": _ogg,
    "video/ogg": _ogg,
    "audio/flac": _whole(FLAC),
    "audio/aiff": _whole(AIFF),
}
