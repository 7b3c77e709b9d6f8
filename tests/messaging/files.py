"""Files for the tests of messaging: stored as an upload stores them, without the upload."""

import io
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx

import audit
from attachments.contents import contents, thumbnail_contents, thumbnail_id
from attachments.details import Details, open_details, seal_details
from attachments.models import Attachment, Status
from attachments.storage import new_key, object_store
from core.ids import uuid7
from core.time import now
from encryption.files import FileSealer
from encryption.keyring import keyring
from realtime import streams
from tests.messaging.talking import API, Json, answered
from tests.people import Person

Described = dict[str, Any]

LETTER = b"%PDF-1.4 a letter"
PICTURE: Described = {"name": "photo.png", "mime_type": "image/png", "width": 640, "height": 480}
CLIP: Described = {"name": "clip.mp4", "mime_type": "video/mp4"}
RECORDING: Described = {"name": "voice.webm", "mime_type": "audio/webm", "duration_ms": 2100, "waveform": (0, 50, 100)}


def upload(
    owner: Person,
    conversation_id: str,
    content: bytes = LETTER,
    *,
    name: str = "letter.pdf",
    mime_type: str = "application/pdf",
    status: str = Status.CLEAN,
    thumbnail: bytes | None = None,
    **more: Any,
) -> str:
    """The id of a file of this person's in this conversation, not sent yet."""
    id_, place = uuid7(), UUID(conversation_id)
    with audit.transaction():
        streams.lock([place])
        key = keyring().new_file_key(place, id_)
        if thumbnail is not None:
            more |= {"thumbnail_size": len(thumbnail)}
        details = Details(name, mime_type, len(content), sha256(content).hexdigest(), status=status, **more)
        Attachment.objects.create(
            id=id_,
            conversation_id=place,
            owner_id=owner.id,
            epoch=key.epoch,
            file_key=key.record,
            record=seal_details(place, id_, owner.id, 0, key.epoch, details),
            status=status,
            storage_key=_stored(FileSealer(key.key, place, id_), content),
            thumbnail_key=None
            if thumbnail is None
            else _stored(FileSealer(key.key, place, thumbnail_id(id_)), thumbnail),
            created_at=now(),
        )
    return str(id_)


def _stored(sealer: FileSealer, content: bytes) -> str:
    key = new_key()
    object_store().write(key, io.BytesIO(sealer.header + sealer.update(content) + sealer.finish()))
    return key


def send_files(client: httpx.Client, conversation_id: str, *ids: str, **more: Any) -> Json:
    """Send them by REST, without a text unless `more` has one; the stored message."""
    return answered(post_files(client, conversation_id, *ids, **more), 201)


def post_files(client: httpx.Client, conversation_id: str, *ids: str, **more: Any) -> httpx.Response:
    body = {"attachmentIds": [*ids], **more}
    return client.post(f"{API}/conversations/{conversation_id}/messages", json=body)


def row_of(attachment_id: str | UUID) -> Attachment:
    return Attachment.objects.get(id=attachment_id)


def content_of(attachment_id: str | UUID) -> bytes:
    """What is in a file, opened as for a download."""
    row = row_of(attachment_id)
    return b"".join(contents(row, open_details(row)))


def thumbnail_of(attachment_id: str | UUID) -> bytes:
    row = row_of(attachment_id)
    return b"".join(thumbnail_contents(row, open_details(row)))


def ids_of(message: Json) -> list[str]:
    return [one["id"] for one in message["attachments"]]
