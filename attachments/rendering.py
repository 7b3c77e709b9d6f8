"""Files as they stand on the wire: the one place that makes an Attachment of a row, for every door and event."""

from collections.abc import Iterable
from typing import Any

from attachments.details import Details, open_details
from attachments.models import Attachment
from core.errors import Shredded
from core.time import wire_time
from encryption.formats import Undecryptable
from encryption.keyring import keyring

Wire = dict[str, Any]

_NOTHING_KNOWN: Wire = {"name": None, "mimeType": None, "size": None, "sha256": None}


def attachment_out(attachment: Attachment) -> Wire:
    """The Attachment, the same for everybody who may have it.

    What is told of it comes out of its sealed record. One that cannot be opened costs its own file only: its name,
    type, size and hash are null and `contentError` says why.
    """
    return {
        "id": attachment.id,
        "conversationId": attachment.conversation_id,
        "ownerId": attachment.owner_id,
        **_told(attachment),
        "status": attachment.status,
        "createdAt": wire_time(attachment.created_at),
    }


def load_keys(attachments: Iterable[Attachment]) -> None:
    """Have the keys of these files' records ready: at most one query, none when they are in memory."""
    keyring().preload_blobs((one.conversation_id, one.record) for one in attachments if one.record is not None)


def _told(attachment: Attachment) -> Wire:
    try:
        return _details_out(open_details(attachment))
    except Undecryptable:
        return {**_NOTHING_KNOWN, "contentError": "undecryptable"}
    except Shredded:
        return {**_NOTHING_KNOWN, "contentError": "shredded"}


def _details_out(details: Details) -> Wire:
    wire: Wire = {
        "name": details.name,
        "mimeType": details.mime_type,
        "size": details.size,
        "sha256": details.sha256,
    }
    if details.width is not None and details.height is not None:
        wire |= {"width": details.width, "height": details.height}
    if details.duration_ms is not None:
        wire["durationMs"] = details.duration_ms
    if details.waveform is not None:
        wire["waveform"] = [*details.waveform]
    return wire
