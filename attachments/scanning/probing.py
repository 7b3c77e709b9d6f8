"""Whether clamd is set up as it must be, found out by showing it harmless files that it has to object to.

With clamd's own defaults it calls an archive clean that it did not look into: too deep, too large, or encrypted. Only
some of its settings make it say so, and no command tells how they stand.
"""

import io
import zipfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from attachments.scanning.clamd import Conversation
from attachments.scanning.verdicts import Verdict

_DEEPER_THAN_ANY = 110
"""clamd refuses to be set to look into more than 100 archives within each other."""

_UNFOLDED = 1024
"""MiB: more than anybody lets clamd unpack."""

_ENCRYPTED = 0x01
_NAME = zipfile.ZipInfo("harmless.txt", (1980, 1, 1, 0, 0, 0))


class Probe(NamedTuple):
    """What `make` makes is not clean; `setting` of clamd's is to be changed when it is called so."""

    what: str
    make: Callable[[], bytes]
    setting: str


def objections() -> Iterator[Probe]:
    """The probes that clamd did not object to; raises one of `clamd.Failure` when it does not answer."""
    for probe in _PROBES:
        with Conversation() as conversation:
            if conversation.examine(io.BytesIO(probe.make()), "").verdict is Verdict.CLEAN:
                yield probe


def takes(size: int) -> bool:
    """Whether clamd is set to take files of so many bytes; raises one of `clamd.Failure`."""
    with Conversation() as conversation:
        return conversation.takes(size)


def eicar() -> bytes:
    """The harmless file that every scanner reports (eicar.org). Put together here, so that none reports this one."""
    parts = ("X5O!P%@AP[4\\PZX54(P^)7CC)7}", "$EICAR-STAND", "ARD-ANTIVIRUS-", "TEST-FILE!$H+H*")
    return "".join(parts).encode()


def nested(depth: int) -> bytes:
    """An archive in an archive, so many times."""
    content = b"in the middle"
    for _ in range(depth):
        content = _archive(content)
    return content


def marked_as_encrypted() -> bytes:
    """An archive whose one file claims to be encrypted, in both places where that stands (APPNOTE 4.4.4)."""
    content = bytearray(_archive(b"a secret"))
    content[6] |= _ENCRYPTED
    content[content.rindex(b"PK\x01\x02") + 8] |= _ENCRYPTED
    return bytes(content)


@lru_cache(maxsize=1)
def oversized(mib: int) -> bytes:
    """An archive with one file that is much larger unpacked, and at whose end stands `eicar`."""
    buffer = io.BytesIO()
    archive = zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
    with archive, archive.open("zeros", "w") as unpacked:
        for _ in range(mib):
            unpacked.write(bytes(2**20))
        unpacked.write(eicar())
    return buffer.getvalue()


def _archive(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_NAME, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


_PROBES = (
    Probe("the test file EICAR", eicar, "DatabaseDirectory must hold signatures: run freshclam"),
    Probe("an archive deeper than it looks", lambda: nested(_DEEPER_THAN_ANY), "AlertExceedsMax yes"),
    Probe("an encrypted archive", marked_as_encrypted, "AlertEncrypted yes"),
    Probe("a file too large to be unpacked", lambda: oversized(_UNFOLDED), "MaxFileSize larger than MaxScanSize"),
)
