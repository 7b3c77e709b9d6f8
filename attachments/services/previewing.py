"""Thumbnails and durations: made of a file when it is known to be clean, from the stored object itself.

Libraries for pictures and sound meet what strangers send: only after the verdict, one file at a time in a process, and
what goes wrong costs the preview and nothing else.
"""

import logging
import threading
from dataclasses import replace
from io import BytesIO
from typing import NamedTuple

from attachments.contents import thumbnail_id
from attachments.details import Details, open_details, seal_details
from attachments.inspection import duration_ms, thumbnail
from attachments.models import Attachment
from attachments.opening import Sealed, StoredFile, sealed_file
from attachments.scanning import Verdict
from attachments.services.uploading import Carried, Upload, remember, with_preview
from attachments.storage import object_store
from core.errors import AppError
from encryption.files import FileSealer
from encryption.formats import Undecryptable

log = logging.getLogger(__name__)

_one_at_a_time = threading.Lock()
_TIMED = ("audio/", "video/")
_PICTURED = ("image/jpeg", "image/png", "image/gif", "image/webp")


class Preview(NamedTuple):
    """What was made; None for what there is none of. `is_unsure`: a thumbnail was written, and the storage did not say
    that it was, so that one may lie there."""

    duration_ms: int | None = None
    thumbnail_size: int | None = None
    is_unsure: bool = False


def previewed(upload: Upload, carried: Carried) -> Carried:
    """The same with its preview, whose thumbnail lies in the storage by then, if it is clean. Never raises for the
    file's sake."""
    if carried.result.verdict is not Verdict.CLEAN:
        return carried
    row = upload.row
    sealed = Sealed(row.storage_key, upload.key, row.conversation_id, row.id, carried.size)
    return with_preview(carried, *make_preview(sealed, carried.found.kind.mime, row.thumbnail_key))


def add_preview(attachment: Attachment) -> None:
    """The same for a file that turned out to be clean only after its upload; for jobs, in a thread, outside a
    transaction, before it is called clean: nobody sees it without its preview.

    Its description is sealed anew with one revision more. A repeat makes it again. Never raises for the file's sake.
    """
    try:
        told = open_details(attachment)
        sealed = sealed_file(attachment, told.size)
        _clear(attachment, told)
    except (AppError, Undecryptable) as error:
        _say_none(error)
    else:
        _keep(attachment, told, make_preview(sealed, told.mime_type, attachment.thumbnail_key))


def _clear(attachment: Attachment, told: Details) -> None:
    """Of an attempt whose process died half an object may be left, where no other can be written."""
    if told.mime_type.startswith(_PICTURED) and attachment.thumbnail_key is not None:
        object_store().delete(attachment.thumbnail_key)


def _keep(attachment: Attachment, told: Details, preview: Preview) -> None:
    duration = told.duration_ms if preview.duration_ms is None else preview.duration_ms
    told = replace(told, duration_ms=duration, thumbnail_size=preview.thumbnail_size)
    revision = attachment.record_revision + 1
    record = seal_details(
        attachment.conversation_id, attachment.id, attachment.owner_id, revision, attachment.epoch, told
    )
    living = Attachment.objects.filter(id=attachment.id, gone_at=None)
    unchanged = living.filter(record_revision=attachment.record_revision)
    key = attachment.thumbnail_key if preview.thumbnail_size is not None or preview.is_unsure else None
    if unchanged.update(record=record, record_revision=revision, thumbnail_key=key):
        attachment.record, attachment.record_revision, attachment.thumbnail_key = record, revision, key
    elif key is not None and not living.exists():
        _take_away(attachment, key)


def _take_away(attachment: Attachment, thumbnail_key: str) -> None:
    """The file went while its thumbnail was made: whoever removed its objects may have come before the last of them."""
    try:
        object_store().delete(thumbnail_key)
    except AppError as error:
        _say_none(error)
        remember(attachment)


def make_preview(sealed: Sealed, mime: str, thumbnail_key: str | None) -> Preview:
    """What can be made of this stored file. The thumbnail is sealed under the same file key (`thumbnail_id`) and
    written as `thumbnail_key`; without that there is none."""
    if not mime.startswith((*_TIMED, *_PICTURED)):
        return Preview()
    with _one_at_a_time:
        try:
            return _made(sealed, mime, thumbnail_key)
        except (AppError, Undecryptable) as error:
            _say_none(error)
            return Preview()


def _say_none(error: Exception) -> None:
    log.warning("a file has no preview: %s", type(error).__name__)


def _made(sealed: Sealed, mime: str, thumbnail_key: str | None) -> Preview:
    source = StoredFile(sealed).as_stream()
    if mime.startswith(_TIMED):
        return Preview(duration_ms=duration_ms(source, mime))
    picture = thumbnail(source) if thumbnail_key is not None else None
    if picture is None or thumbnail_key is None:
        return Preview()
    sealer = FileSealer(sealed.key, sealed.conversation_id, thumbnail_id(sealed.bound_id))
    try:
        object_store().write(thumbnail_key, BytesIO(sealer.header + sealer.update(picture) + sealer.finish()))
    except AppError as error:
        _say_none(error)
        return Preview(is_unsure=True)
    return Preview(thumbnail_size=len(picture))
