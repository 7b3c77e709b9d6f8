"""The files of a message that is forwarded: copied before the copy of the message is sent, and given up when it is not.

Copying reads and writes every byte, so only few are at it at once: it takes a thread of those that answer requests.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import BoundedSemaphore
from uuid import UUID

from attachments import wiring
from attachments.claiming import files_of
from attachments.copying import copy_files, discard
from attachments.details import open_details
from attachments.models import Attachment
from attachments.policies import may_open
from attachments.storage import ObjectGone
from core.actor import Actor
from core.errors import TooLarge, Unavailable
from core.limits import enforce
from messaging.bodies import SentFile
from messaging.rows import MessageRow

AT_ONCE = 2
"""Messages with files that a process forwards at the same time."""

_places = BoundedSemaphore(AT_ONCE)


class BusyCopying(Unavailable):
    code, title = "overloaded", "Too many files are being forwarded; try again in a moment."


@contextmanager
def copied(
    actor: Actor, subject: MessageRow, files: Sequence[SentFile], conversation_id: UUID
) -> Iterator[tuple[UUID, ...]]:
    """Ids of copies of these files of the message, the actor's own, to be sent into the conversation inside the block.

    Behind it there are none that were not sent. Each counts as an upload of the actor's (RateLimited). Raises Forbidden
    where the actor may not write, BlockedFile for a file that is not clean, TooLarge for one that is larger than files
    may be there, Unavailable when others are copying, StorageUnavailable, and ObjectGone or Undecryptable for one that
    is damaged.
    """
    if not files:
        yield ()
        return
    most = wiring.place_for(actor, conversation_id).most_bytes
    sources = _sources(subject, files)
    _require_copyable(actor, sources, most)
    for _ in sources:
        enforce("UPLOAD", actor.id)
    copies = [copy.id for copy in _copy(actor, sources, conversation_id)]
    try:
        yield tuple(copies)
    finally:
        discard(actor, copies)


def _copy(actor: Actor, sources: Sequence[Attachment], conversation_id: UUID) -> list[Attachment]:
    if not _places.acquire(blocking=False):
        raise BusyCopying()
    try:
        return copy_files(actor, sources, conversation_id)
    finally:
        _places.release()


def _sources(subject: MessageRow, files: Sequence[SentFile]) -> list[Attachment]:
    found = {one.id: one for one in files_of([subject.id]).get(subject.id, ())}
    if missing := [file.id for file in files if file.id not in found]:
        raise ObjectGone(f"{len(missing)} of the message's files are missing.")
    return [found[file.id] for file in files]


def _require_copyable(actor: Actor, sources: Sequence[Attachment], most_bytes: int) -> None:
    for source in sources:
        may_open(actor, source)
    if any(open_details(source).size > most_bytes for source in sources):
        raise TooLarge("A file of this message is larger than files may be in that conversation.")
