"""Stored files opened again: for whoever downloads one, for its thumbnail, for a later scan, for a copy of it.

    sealed = sealed_file(attachment, details.size)      in a thread that may use the database
    file = StoredFile(sealed)                           in a thread that may wait for the storage
    for part in file.parts(start, stop): …
    thumbnail(file.as_stream())

Nothing is held open between two reads.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast
from uuid import UUID

from attachments.models import Attachment
from attachments.storage import object_store
from encryption.files import HEADER_BYTES, FileOpener
from encryption.keyring import keyring

_READ_AHEAD = 256 * 1024


@dataclass(frozen=True)
class Sealed:
    """Where an object lies and what opens it. Holding one holds the file's key: never logged, never kept."""

    storage_key: str
    key: bytes
    conversation_id: UUID
    bound_id: UUID
    size: int

    def __repr__(self) -> str:
        return f"<Sealed {self.bound_id}>"


def thumbnail_id(attachment_id: UUID) -> UUID:
    """What the thumbnail's object is sealed for: under the file's own key, and never to be taken for the file."""
    return UUID(int=attachment_id.int ^ 1)


def sealed_file(attachment: Attachment, size: int) -> Sealed:
    """The object of a file of `size` bytes. For a thread that may use the database.

    Raises Undecryptable when its key was altered, Shredded when that was destroyed.
    """
    return Sealed(attachment.storage_key, _key_of(attachment), attachment.conversation_id, attachment.id, size)


def sealed_thumbnail(attachment: Attachment, size: int) -> Sealed:
    """The object of its thumbnail; raises the same, and ValueError when there is none."""
    if attachment.thumbnail_key is None:
        raise ValueError("this file has no thumbnail")
    bound_id = thumbnail_id(attachment.id)
    return Sealed(attachment.thumbnail_key, _key_of(attachment), attachment.conversation_id, bound_id, size)


def _key_of(attachment: Attachment) -> bytes:
    return keyring().file_key(attachment.conversation_id, attachment.id, attachment.epoch, attachment.file_key)


class StoredFile:
    """An object that is the whole of its file, as far as its header and its length can tell."""

    def __init__(self, sealed: Sealed) -> None:
        """Asks the storage for both, so not on an event loop.

        Raises Undecryptable when the object is another or has another length, and what the storage raises: ObjectGone,
        StorageUnavailable.
        """
        self.size = sealed.size
        self._storage_key = sealed.storage_key
        self._store = object_store()
        stored_size = self._store.size(sealed.storage_key)
        header = b"".join(self._store.read(sealed.storage_key, 0, min(HEADER_BYTES, stored_size)))
        self._opener = FileOpener(sealed.key, sealed.conversation_id, sealed.bound_id, header, sealed.size)
        self._opener.require_stored_size(stored_size)

    def parts(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes `start` … `stop` - 1, chunk by chunk, each authenticated before it is given out; all by default.

        Raises as the constructor does, at the first chunk that is not what was stored.
        """
        stop = self.size if stop is None else stop
        objects = self._store.read(self._storage_key, *self._opener.object_range(start, stop))
        return self._opener.open(objects, start, stop)

    def as_stream(self) -> BinaryIO:
        """The same to read and seek in, for libraries that want a file."""
        return cast(BinaryIO, io.BufferedReader(_Seekable(self), _READ_AHEAD))


class _Seekable(io.RawIOBase):
    def __init__(self, file: StoredFile) -> None:
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        if base + offset < 0:
            raise ValueError("before the beginning")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # any writable buffer
        stop = min(self._at + len(buffer), self._file.size)
        if self._at >= stop:
            return 0
        data = b"".join(self._file.parts(self._at, stop))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
