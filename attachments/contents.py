"""What is in a file, from its first byte to its last: opened while it is read, nothing of it in memory or on a disk."""

from collections.abc import Iterator
from hashlib import sha256

from attachments.details import Details
from attachments.models import Attachment
from attachments.opening import Sealed, StoredFile, sealed_file, sealed_thumbnail, thumbnail_id
from encryption.formats import Undecryptable

__all__ = ["contents", "opened", "thumbnail_contents", "thumbnail_id"]


def contents(attachment: Attachment, details: Details) -> Iterator[bytes]:
    """The whole file in parts of at most 64 KiB, for whoever may have it and records that.

    What is wrong from the beginning is said at once: Shredded, Undecryptable, ObjectGone, StorageUnavailable. After
    that the iterator raises Undecryptable at the first part that was altered, and at the end when it is another file
    than was described.
    """
    return opened(sealed_file(attachment, details.size), details.sha256)


def opened(sealed: Sealed, sha256: str) -> Iterator[bytes]:
    """The same of a file whose key is at hand; for a thread that may wait for the storage and not use the database."""
    return _hashed(StoredFile(sealed).parts(), sha256)


def thumbnail_contents(attachment: Attachment, details: Details) -> Iterator[bytes]:
    """The same of its thumbnail, which there is where there are `thumbnail_key` and `thumbnail_size`."""
    if attachment.thumbnail_key is None or details.thumbnail_size is None:
        raise Undecryptable()
    return StoredFile(sealed_thumbnail(attachment, details.thumbnail_size)).parts()


def _hashed(parts: Iterator[bytes], expected: str) -> Iterator[bytes]:
    found = sha256()
    for part in parts:
        found.update(part)
        yield part
    if found.hexdigest() != expected:
        raise Undecryptable()
