"""Copies of files for another conversation: new rows with new keys, sealed anew while they stream.

One object for two conversations would not be destroyed with either of their keys, so each has its own. A copy is begun
as an upload is: its row is there before its object, so that nothing lies in the storage of which no row knows, and one
that is never finished is swept with the uploads. What comes out is clean, its owner's, and waits for its message.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from io import RawIOBase
from typing import Any, BinaryIO, cast
from uuid import UUID

import audit
from attachments.contents import contents, thumbnail_contents, thumbnail_id
from attachments.details import Details, open_details, seal_details
from attachments.models import Attachment, Status
from attachments.services import record_unreadable
from attachments.storage import ObjectGone, new_key, object_store
from core.actor import Actor
from core.ids import uuid7
from core.time import now
from encryption.files import FileSealer
from encryption.formats import Undecryptable
from encryption.keyring import keyring
from realtime import streams


@dataclass(frozen=True)
class _Copy:
    source: Attachment
    details: Details
    row: Attachment
    key: bytes


def copy_files(actor: Actor, sources: Sequence[Attachment], conversation_id: UUID) -> list[Attachment]:
    """Copies of these clean files, the actor's own, for a message of theirs in this conversation; in their order.

    Takes as long as it takes to read and write them, in a thread, with no transaction open. Raises Shredded for a file
    whose key was destroyed, Undecryptable and ObjectGone for one that was altered, which is recorded, and
    StorageUnavailable; then no copy is left.
    """
    copies = _begin(actor, sources, conversation_id)
    try:
        for copy in copies:
            _transfer(actor, copy)
        _finish(actor, copies)
    except BaseException:
        discard(actor, [copy.row.id for copy in copies])
        raise
    return [copy.row for copy in copies]


def discard(actor: Actor, ids: Collection[UUID]) -> None:
    """Give up those of these copies of the actor's that were sent with no message: from now on they are not there for
    anybody, and a job removes their objects. What stands in the log as copied stands there as discarded too."""
    with audit.transaction():
        unsent = Attachment.objects.filter(id__in=ids, message_id=None, gone_at=None)
        locked = list(unsent.select_for_update().order_by("id"))
        for copy in locked:
            if copy.status == Status.CLEAN:
                audit.record(
                    "file.discarded",
                    actor=actor,
                    object_id=copy.id,
                    conversation_id=copy.conversation_id,
                    reason="not_sent",
                )
        Attachment.objects.filter(id__in=[copy.id for copy in locked]).update(gone_at=now())


def _begin(actor: Actor, sources: Sequence[Attachment], conversation_id: UUID) -> list[_Copy]:
    with audit.transaction():
        streams.lock([conversation_id])
        copies = [_new(actor, source, conversation_id) for source in sources]
        Attachment.objects.bulk_create([copy.row for copy in copies])
    return copies


def _new(actor: Actor, source: Attachment, conversation_id: UUID) -> _Copy:
    id_, details = uuid7(), open_details(source)
    file_key = keyring().new_file_key(conversation_id, id_)
    row = Attachment(
        id=id_,
        conversation_id=conversation_id,
        owner_id=actor.id,
        epoch=file_key.epoch,
        file_key=file_key.record,
        storage_key=new_key(),
        thumbnail_key=None if details.thumbnail_size is None else new_key(),
        scanner=source.scanner,
        scanned_at=source.scanned_at,
        created_at=now(),
    )
    return _Copy(source, details, row, file_key.key)


def _transfer(actor: Actor, copy: _Copy) -> None:
    """The objects; whichever of them is written lies under a key that the row knows."""
    try:
        _write(copy, copy.row.id, copy.row.storage_key, contents(copy.source, copy.details))
        if copy.row.thumbnail_key is not None:
            parts = thumbnail_contents(copy.source, copy.details)
            _write(copy, thumbnail_id(copy.row.id), copy.row.thumbnail_key, parts)
    except (Undecryptable, ObjectGone):
        record_unreadable(actor, copy.source)
        raise


def _write(copy: _Copy, sealed_for: UUID, storage_key: str, parts: Iterator[bytes]) -> None:
    sealer = FileSealer(copy.key, copy.row.conversation_id, sealed_for)
    object_store().write(storage_key, cast(BinaryIO, _Parts(_sealed(sealer, parts))))


def _sealed(sealer: FileSealer, parts: Iterator[bytes]) -> Iterator[bytes]:
    yield sealer.header
    for part in parts:
        yield sealer.update(part)
    yield sealer.finish()


def _finish(actor: Actor, copies: Sequence[_Copy]) -> None:
    with audit.transaction():
        for copy in copies:
            _settle(copy)
            audit.record(
                "file.copied",
                actor=actor,
                object_id=copy.row.id,
                conversation_id=copy.row.conversation_id,
                details={"from": copy.source.id, "out_of": copy.source.conversation_id},
            )


def _settle(copy: _Copy) -> None:
    row = copy.row
    row.record = seal_details(row.conversation_id, row.id, row.owner_id, 0, row.epoch, copy.details)
    row.status = Status.CLEAN
    row.save(update_fields=["record", "status"])


class _Parts(RawIOBase):
    """Parts that are made one by one, as a file to read; `b""` at the end, and nowhere else."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._held = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._held:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._held = part
        size = min(len(buffer), len(self._held))
        buffer[:size] = self._held[:size]
        self._held = self._held[size:]
        return size
