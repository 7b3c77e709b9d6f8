"""What an upload does to the database and the storage, step by step, each in a thread; in what order, and what happens
in between, is for `attachments.uploading.receiving`."""

from copy import copy
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import BinaryIO, cast
from uuid import UUID

import audit
from accounts import querysets as people
from attachments import wiring
from attachments.details import Details, seal_details
from attachments.inspection import Found, Inspector, clean_name
from attachments.models import SHOWN, Attachment, Status
from attachments.refusals import TooManyUnsent
from attachments.scanning import Result, Scan, Verdict
from attachments.storage import new_key, object_store
from attachments.uploading.passage import Passage
from attachments.uploading.pipe import Pipe
from core.actor import Actor
from core.errors import Gone, TokenRevoked
from core.ids import uuid7
from core.time import now
from encryption.files import FileSealer
from encryption.keyring import keyring
from realtime import streams

STATUS_OF = {
    Verdict.CLEAN: Status.CLEAN,
    Verdict.INFECTED: Status.INFECTED,
    Verdict.UNSCANNABLE: Status.UNSCANNABLE,
    Verdict.UNKNOWN: Status.SCANNING,
}

MOST_UNSENT = 100
"""Files of one person that wait for their message, or are under way. Each is kept for a day, and so much of the storage
anybody can fill without a word to anyone."""


@dataclass(frozen=True)
class Upload:
    """A file that has begun to arrive: its row is there. Holds the file's key, so never logged."""

    row: Attachment
    key: bytes = field(repr=False)
    name: str = field(repr=False)
    inspector: Inspector = field(repr=False)
    most_bytes: int


@dataclass(frozen=True)
class Carried:
    """A file that lies in the storage, and what was learnt on the way. What a preview adds is None before;
    `is_unsure` when a thumbnail may lie there, or not."""

    size: int
    sha256: str
    found: Found
    result: Result
    duration_ms: int | None = None
    thumbnail_size: int | None = None
    is_unsure: bool = False


def begin_upload(actor: Actor, conversation_id: UUID, given_name: str, declared: str | None) -> Upload:
    """The row, before there is an object. Raises NotFound or Forbidden for where the actor may not put a file,
    TooManyUnsent, and UnsupportedFile for a name that is not taken."""
    with audit.transaction():
        # A key of the conversation may have to be made, which is done under this lock.
        streams.lock([conversation_id])
        place = wiring.place_for(actor, conversation_id)
        _require_few_unsent(actor.id)
        name = clean_name(given_name)
        inspector = Inspector(name, declared)
        id_ = uuid7()
        file_key = keyring().new_file_key(conversation_id, id_)
        row = Attachment.objects.create(
            id=id_,
            conversation_id=conversation_id,
            owner_id=actor.id,
            epoch=file_key.epoch,
            file_key=file_key.record,
            storage_key=new_key(),
            # In advance, for the same reason as the row: whatever is written lies under a name that the row knows.
            thumbnail_key=new_key(),
            created_at=now(),
        )
    return Upload(row, file_key.key, name, inspector, place.most_bytes)


def _require_few_unsent(owner_id: UUID) -> None:
    """What was discarded counts no more, although its object may lie there until the next sweep."""
    if Attachment.objects.filter(owner=owner_id, message_id=None, gone_at=None).count() >= MOST_UNSENT:
        raise TooManyUnsent(f"Send or discard some: {MOST_UNSENT} files of one person wait for their message at most.")


def carry(upload: Upload, pipe: Pipe) -> Carried:
    """From the pipe into the storage, with the scanner's verdict: returns once both are known.

    Raises what the inspection refuses, Aborted, StorageUnavailable; then there is no object.
    """
    scan = Scan()
    sealer = FileSealer(upload.key, upload.row.conversation_id, upload.row.id)
    passage = Passage(pipe, upload.inspector, sealer, scan)
    try:
        object_store().write(upload.row.storage_key, cast(BinaryIO, passage))
        return Carried(passage.size, passage.sha256, passage.found, scan.finish())
    finally:
        scan.abort()


def finish_upload(
    actor: Actor, upload: Upload, carried: Carried, *, duration_ms: int | None, waveform: tuple[int, ...] | None
) -> Attachment:
    """The file as it is from now on, described, with its verdict, and recorded; one transaction.

    Who uploads must still be signed in and still be allowed to: raises TokenRevoked, NotFound, Forbidden; and Gone when
    the upload was given up meanwhile.
    """
    row = upload.row
    told = _details(upload, carried, duration_ms, waveform)
    with audit.transaction():
        _require_session(actor)
        wiring.place_for(actor, row.conversation_id)
        row.record = seal_details(row.conversation_id, row.id, row.owner_id, 0, row.epoch, told)
        row.status = STATUS_OF[carried.result.verdict]
        row.scanner = carried.result.scanner[:100]
        row.scanned_at = None if row.status == Status.SCANNING else now()
        if row.status != Status.SCANNING and told.thumbnail_size is None and not carried.is_unsure:
            row.thumbnail_key = None
        _store(row)
        _record(actor, row, told, carried.result)
    return row


def _details(upload: Upload, carried: Carried, duration_ms: int | None, waveform: tuple[int, ...] | None) -> Details:
    is_played = carried.found.kind.family in {"audio", "video"}
    return Details(
        name=upload.name,
        mime_type=carried.found.kind.mime,
        size=carried.size,
        sha256=carried.sha256,
        width=carried.found.width,
        height=carried.found.height,
        # Measured where that is possible; a client's word is for its own player only, and for what is played.
        duration_ms=carried.duration_ms if carried.duration_ms is not None else (duration_ms if is_played else None),
        waveform=waveform if is_played else None,
        thumbnail_size=carried.thumbnail_size,
        status=STATUS_OF[carried.result.verdict].value,
    )


def _require_session(actor: Actor) -> None:
    session = None if actor.session_id is None else people.session_with_user(actor.session_id)
    if session is None:
        raise TokenRevoked
    people.require_live(session)


def _store(row: Attachment) -> None:
    columns = ("record", "status", "scanner", "scanned_at", "thumbnail_key")
    changed = Attachment.objects.filter(id=row.id, status=Status.UPLOADING, gone_at=None).update(
        **{name: getattr(row, name) for name in columns}
    )
    if not changed:
        raise Gone("The upload took too long and was given up.")


def _record(actor: Actor, row: Attachment, told: Details, result: Result) -> None:
    assert row.record is not None  # noqa: S101  sealed a moment ago
    audit.record(
        "file.uploaded",
        actor=actor,
        object_id=row.id,
        conversation_id=row.conversation_id,
        object_hash=sha256(row.record).digest(),
        details={"status": row.status, "size": told.size, "scanner": row.scanner},
    )
    if row.status in {Status.INFECTED, Status.UNSCANNABLE}:
        audit.record(
            "file.blocked",
            actor=actor,
            object_id=row.id,
            conversation_id=row.conversation_id,
            outcome="deny",
            reason=row.status,
            details={"scanner": row.scanner, "found": result.found},
        )


# ---- Undoing ---------------------------------------------------------------------------------------------------------


def give_up(upload: Upload) -> bool:
    """Nobody can finish it from now on. False when it was finished before, and is to be left alone.

    One that was swept while it arrived gets its row again: something may have been written since.
    """
    mine = Attachment.objects.filter(id=upload.row.id)
    if mine.filter(status=Status.UPLOADING).update(status=Status.FAILED, gone_at=now()):
        return True
    if mine.filter(status__in=SHOWN).exists():
        return False
    remember(upload.row)
    return True


def remember(row: Attachment) -> None:
    """There is a row, for the sweep, that knows of the objects of this file, which is gone. Not to be called for one
    that others can see; where there is a row, it stays as it is."""
    gone = copy(row)
    gone.status, gone.record, gone.gone_at = Status.FAILED, None, now()
    Attachment.objects.bulk_create([gone], ignore_conflicts=True)


def remove_objects(upload: Upload) -> None:
    """Whatever it has left in the storage. Raises StorageUnavailable."""
    store = object_store()
    for key in (upload.row.storage_key, upload.row.thumbnail_key):
        if key is not None:
            store.delete(key)


def forget(upload: Upload) -> None:
    """The row of an upload that was given up and of which nothing is left."""
    Attachment.objects.filter(id=upload.row.id, status=Status.FAILED).delete()


def with_preview(carried: Carried, duration_ms: int | None, thumbnail_size: int | None, is_unsure: bool) -> Carried:
    return replace(carried, duration_ms=duration_ms, thumbnail_size=thumbnail_size, is_unsure=is_unsure)
