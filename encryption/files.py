"""Files: sealed while they stream in, opened from any byte, in memory that does not grow with them. Format MXA1.

Integers are big-endian. An object, 81 bytes and 16 for each chunk longer than its file:

    0      4   "MXA1"
    4      1   version = 0x01
    5      1   flags   = 0x00
    6      4   chunk   = 65,536
    10     32  salt    random
    42     7   nonce prefix, random
    49     32  commit
    81     ... chunks: 65,536 bytes of the file each, the last one what is left, each with its GCM tag of 16 bytes

    okm   = HKDF-SHA256(file key, salt=salt, info=lp("mx/att/1", conversation, attachment), 64 bytes)
    K, commit = okm[:32], okm[32:]
    chunk = AES-256-GCM(K, nonce prefix || u32(number of the chunk, from 0) || u8(1 if it is the last), aad)
    aad   = SHA-256(header of 81 bytes)

It is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance, CRYPTO 2015). A chunk opens only under its own number, so none can be left out, repeated, exchanged
or taken from another file; and only the last one as the last, so that a file cannot end earlier or go on. The length
is no part of the key, because it is not known while a file arrives. The file of no bytes is one empty chunk, so that
it too is authenticated. `commit` is there for the reason given in `encryption.formats`.

The conversation is part of the key: a file that is forwarded is copied and sealed anew, or destroying one
conversation's keys would destroy the other's file, or not destroy this one's.

The file key is 32 random bytes, kept as a 61-byte record (`encryption.formats`) wrapped under the conversation's data
key of the epoch in which the file arrived. The known answers for all of this are in `encryption.vectors`.
"""

import os
from collections.abc import Iterable, Iterator
from hashlib import sha256
from hmac import compare_digest
from struct import Struct
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from encryption import formats
from encryption.formats import KEY_BYTES, Undecryptable

CHUNK = 65536
HEADER_BYTES = 81
TAG_BYTES = formats.TAG_BYTES
SALT_BYTES = 32
NONCE_PREFIX_BYTES = 7
MOST_BYTES = CHUNK << 32
"""The number of a chunk has 32 bits: 256 TiB."""

_SEALED_CHUNK = CHUNK + TAG_BYTES
_COMMIT_AT = HEADER_BYTES - 32
_FIXED = Struct(">4sBBI").pack(b"MXA1", 1, 0, CHUNK)
_NONCE = Struct(f">{NONCE_PREFIX_BYTES}sIB")
_SHA256 = SHA256()


class FileKey(NamedTuple):
    """A new key for one file, and the record of it to store beside the `epoch` it was wrapped in."""

    key: bytes
    epoch: int
    record: bytes

    def __repr__(self) -> str:
        return f"<FileKey of epoch {self.epoch}>"


def sealed_size(size: int) -> int:
    """Bytes of the object that holds a file of `size` bytes."""
    return HEADER_BYTES + size + _chunks(size) * TAG_BYTES


class FileSealer:
    """Seals one file while it passes by.

    To be stored, in this order: `header`, what every `update` returns, what `finish` returns. At most one chunk is held
    back. Belongs to one thread at a time. `key` is the file's own and may seal more than one object, each under another
    `attachment` id: the id is bound in, and the salt is new every time.
    """

    header: bytes
    """81 bytes, to be written first."""

    def __init__(self, key: bytes, conversation: UUID, attachment: UUID, *, predictable: bytes | None = None) -> None:
        """`predictable` are 39 bytes of salt and nonce prefix for known-answer tests. Never pass it for anything that
        is stored: a repeat under one key discloses both files."""
        random = os.urandom(SALT_BYTES + NONCE_PREFIX_BYTES) if predictable is None else predictable
        salt, self._prefix = random[:SALT_BYTES], random[SALT_BYTES:]
        secret, commit = _derive(key, salt, conversation, attachment)
        self.header = _FIXED + salt + self._prefix + commit
        self._cipher = AESGCM(secret)
        self._aad = sha256(self.header).digest()
        self._held = bytearray()
        self._next = 0
        self._finished = False

    def update(self, data: bytes) -> bytes:
        """The chunks that are complete with `data`, sealed; may be none. The last one waits for `finish`: whether it
        is the last is part of its seal. Raises ValueError after `finish`."""
        self._refuse_more_after_the_end()
        self._held += data
        complete = max(len(self._held) - 1, 0) // CHUNK
        sealed = [self._seal(self._held[at * CHUNK : (at + 1) * CHUNK], last=False) for at in range(complete)]
        del self._held[: complete * CHUNK]
        return b"".join(sealed)

    def finish(self) -> bytes:
        """The last chunk: with it the object is whole, without it nothing opens its end. Once; then ValueError."""
        self._refuse_more_after_the_end()
        self._finished = True
        return self._seal(self._held, last=True)

    def _refuse_more_after_the_end(self) -> None:
        if self._finished:
            raise ValueError("This file is sealed to its end already.")

    def _seal(self, chunk: bytearray, *, last: bool) -> bytes:
        nonce = _NONCE.pack(self._prefix, self._next, last)
        # Counted before it is used: whatever goes wrong in between, no number seals twice.
        self._next += 1
        return self._cipher.encrypt(nonce, chunk, self._aad)


class FileOpener:
    """Opens any range of one file. Keeps nothing of what it reads: may open many ranges, also at the same time."""

    def __init__(self, key: bytes, conversation: UUID, attachment: UUID, header: bytes, size: int) -> None:
        """`header` are the first 81 bytes of the object, `size` the bytes of the file, from its sealed description.

        Raises Undecryptable when the header is not that of this file's object under this key.
        """
        if len(header) != HEADER_BYTES or not header.startswith(_FIXED) or not 0 <= size <= MOST_BYTES:
            raise Undecryptable
        salt_at = len(_FIXED)
        secret, commit = _derive(key, header[salt_at : salt_at + SALT_BYTES], conversation, attachment)
        if not compare_digest(commit, header[_COMMIT_AT:]):
            raise Undecryptable
        self._size = size
        self._prefix = header[salt_at + SALT_BYTES : _COMMIT_AT]
        self._cipher = AESGCM(secret)
        self._aad = sha256(header).digest()

    def require_stored_size(self, stored: int) -> None:
        """Raises Undecryptable unless an object of `stored` bytes can be the whole one.

        A range authenticates its own bytes and nothing behind them. Ask the storage for the object's size before the
        first byte is given out, so that a cut or lengthened object is refused for every range of it.
        """
        if stored != sealed_size(self._size):
            raise Undecryptable

    def object_range(self, start: int, stop: int) -> tuple[int, int]:
        """The bytes of the object, first and behind the last, that hold `start` … `stop` - 1 of the file.

        0 <= start < stop <= size, or 0 and 0 of an empty file; else ValueError.
        """
        numbers = self._numbers(start, stop)
        end = HEADER_BYTES + numbers.stop * _SEALED_CHUNK
        return HEADER_BYTES + numbers.start * _SEALED_CHUNK, min(end, sealed_size(self._size))

    def open(self, parts: Iterable[bytes], start: int, stop: int) -> Iterator[bytes]:
        """The bytes `start` … `stop` - 1 of the file, chunk by chunk, from what the storage gave for `object_range` of
        them, cut in whatever way. `start` and `stop` as there.

        Nothing is given out that was not authenticated. The iterator raises Undecryptable at the first chunk that was
        altered, that comes from elsewhere, or that is not there; and before the last chunk when the storage gave more
        than was asked for. What came before that chunk has been given out by then, so whoever reads on has to treat
        the error as the end of a file that is not whole.
        """
        return self._open(_Parts(parts), self._numbers(start, stop), start, stop)

    def _open(self, parts: "_Parts", numbers: range, start: int, stop: int) -> Iterator[bytes]:
        for number in numbers:
            at = number * CHUNK
            sealed = parts.take(min(CHUNK, self._size - at) + TAG_BYTES)
            if number == numbers[-1]:
                parts.require_end()
            yield self._open_chunk(number, sealed)[max(start - at, 0) : stop - at]

    def _open_chunk(self, number: int, sealed: bytes) -> bytes:
        nonce = _NONCE.pack(self._prefix, number, number == _chunks(self._size) - 1)
        try:
            return self._cipher.decrypt(nonce, sealed, self._aad)
        except InvalidTag:
            raise Undecryptable from None

    def _numbers(self, start: int, stop: int) -> range:
        """The chunks that hold `start` … `stop` - 1."""
        if not (0 <= start < stop <= self._size or start == stop == self._size == 0):
            raise ValueError(f"A file of {self._size} bytes has no range from {start} to {stop}.")
        return range(start // CHUNK, _chunks(stop))


class _Parts:
    """Bytes that arrive in parts of any size, taken in pieces of others."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = iter(parts)
        self._held = bytearray()

    def take(self, size: int) -> bytes:
        """The next `size` bytes; raises Undecryptable when there are fewer."""
        while len(self._held) < size:
            part = next(self._parts, None)
            if part is None:
                raise Undecryptable
            self._held += part
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken

    def require_end(self) -> None:
        """Raises Undecryptable when anything is left."""
        if self._held or any(self._parts):
            raise Undecryptable


def wrap_file_key(
    data_key: bytes, conversation: UUID, attachment: UUID, epoch: int, key: bytes, *, predictable: bytes | None = None
) -> bytes:
    """The 61-byte record of `key`, which opens only for this file in this conversation and epoch.

    `predictable` is the nonce, for known-answer tests only.
    """
    aad = formats.file_key_aad(conversation, attachment, epoch)
    return formats.FILE_KEY_RECORD + formats.wrap(_wrap_key(data_key), key, aad, predictable=predictable)


def unwrap_file_key(data_key: bytes, conversation: UUID, attachment: UUID, epoch: int, record: bytes) -> bytes:
    """The key `wrap_file_key` was given for exactly this place; else raises Undecryptable."""
    wrapped = formats.wrapped_in_record(formats.FILE_KEY_RECORD, record)
    return formats.unwrap(_wrap_key(data_key), wrapped, formats.file_key_aad(conversation, attachment, epoch))


def _wrap_key(data_key: bytes) -> AESGCM:
    return AESGCM(formats.expand(data_key, formats.FILE_KEY_TAG.encode()))


def _derive(key: bytes, salt: bytes, conversation: UUID, attachment: UUID) -> tuple[bytes, bytes]:
    """The key of one object, and what commits to it."""
    okm = HKDF(_SHA256, 2 * KEY_BYTES, salt, formats.lp("mx/att/1", conversation, attachment)).derive(key)
    return okm[:KEY_BYTES], okm[KEY_BYTES:]


def _chunks(size: int) -> int:
    """How many chunks hold `size` bytes: one also for none."""
    return max(1, -(-size // CHUNK))
