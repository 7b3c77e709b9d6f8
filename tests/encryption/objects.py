"""Files and their objects, for the tests of the format."""

import hmac
import os
import struct
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from encryption.files import CHUNK, HEADER_BYTES, TAG_BYTES, FileOpener, FileSealer

CONTENT = os.urandom(4 * CHUNK + 100)
BORDERS = sorted(number * CHUNK + by for number in range(5) for by in (-1, 0, 1) if number or by >= 0)
"""0, 1, and every place one before, at and one behind a border of chunks, up to 4."""


class File(NamedTuple):
    """A file at its place, under its key."""

    content: bytes
    key: bytes = bytes(range(100, 132))
    conversation: UUID = UUID(int=1)
    attachment: UUID = UUID(int=2)

    def sealed(self, cut_at: Sequence[int] = (), predictable: bytes | None = None) -> bytes:
        """The object, of content that arrived in parts."""
        sealer = FileSealer(self.key, self.conversation, self.attachment, predictable=predictable)
        updates = [sealer.update(part) for part in parts_of(self.content, cut_at)]
        return b"".join([sealer.header, *updates, sealer.finish()])

    def opener(self, sealed: bytes, size: int | None = None) -> FileOpener:
        size = len(self.content) if size is None else size
        return FileOpener(self.key, self.conversation, self.attachment, sealed[:HEADER_BYTES], size)

    def reading(
        self, sealed: bytes, start: int = 0, stop: int | None = None, size: int | None = None
    ) -> Iterator[bytes]:
        """What comes out of that range of an object for somebody who takes the file to have `size` bytes."""
        size = len(self.content) if size is None else size
        stop = size if stop is None else stop
        opener = self.opener(sealed, size)
        yield from opener.open([sealed[slice(*opener.object_range(start, stop))]], start, stop)


def parts_of(content: bytes, cut_at: Sequence[int]) -> list[bytes]:
    return [content[start:stop] for start, stop in pairwise([0, *cut_at, len(content)])]


def chunks_of(sealed: bytes) -> list[bytes]:
    """The sealed chunks of an object, tags and all."""
    step = CHUNK + TAG_BYTES
    return [sealed[at : at + step] for at in range(HEADER_BYTES, len(sealed), step)]


def built_by_hand(file: File, random: bytes, fixed: bytes = b"MXA1\1\0\0\1\0\0", commit: bytes | None = None) -> bytes:
    """An object from nothing but HMAC, SHA-256 and AES-GCM, by the text of the format; or with another beginning."""
    ids = (b"mx/att/1", file.conversation.bytes, file.attachment.bytes)
    info = b"\0\3" + b"".join(struct.pack(">I", len(part)) + part for part in ids)
    prk = hmac.digest(random[:32], file.key, "sha256")
    secret = hmac.digest(prk, info + b"\1", "sha256")
    commitment = hmac.digest(prk, secret + info + b"\2", "sha256") if commit is None else commit
    header = fixed + random + commitment
    pieces = [file.content[at : at + 65536] for at in range(0, len(file.content), 65536)] or [b""]
    sealed = [
        AESGCM(secret).encrypt(
            random[32:] + struct.pack(">I", number) + (b"\1" if number == len(pieces) - 1 else b"\0"),
            piece,
            sha256(header).digest(),
        )
        for number, piece in enumerate(pieces)
    ]
    return header + b"".join(sealed)
