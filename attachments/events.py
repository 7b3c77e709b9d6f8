"""What clients may ask about files. None of it is an event of sockets: files come and go over REST."""

from typing import Any

from attachments import policies, services
from attachments import serializers as shapes
from attachments.models import Attachment
from attachments.querysets import visible_attachment
from attachments.rendering import Wire, attachment_out
from attachments.services.viewing import MadeLink
from attachments.uploading.receiving import receive_file
from core.actor import Actor
from core.doors import Receives
from core.shapes import Data
from core.time import wire_time

_ID = "0192f0c5-7b1e-7a60-8c1d-3f4a5b6c7d8e"


def _attachment(actor: Actor, clean: Data) -> Attachment:
    return visible_attachment(actor.id, clean.pop("attachment_id"))


def _described(attachment: Attachment, actor: Actor) -> Wire:
    return attachment_out(attachment)


def _link(link: MadeLink, actor: Actor) -> dict[str, Any]:
    return {"url": link.url, "expiresAt": wire_time(link.expires_at)}


def _nothing(result: None, actor: Actor) -> dict[str, Any]:
    return {}


upload = Receives(
    "attachment:upload",
    schema=shapes.UploadIn,
    service=receive_file,
    answer=_described,
    reply=shapes.AttachmentOut,
    limit="UPLOAD",
    socket=False,
    summary="Upload a file for a message that is still to be sent.",
    description=(
        "A form (RFC 7578) with the fields first and the file last: its type is recognised while it arrives and must "
        "agree with its name and declared type. Metadata of pictures (EXIF, the place they were taken at) is removed. "
        "At most 50 MiB, in rooms 10 MiB. The answer comes after the scanner's verdict; `scanning` means that there is "
        "none yet, and `GET /attachments/{id}` tells when there is. What is not sent within a day is removed. One "
        "person has at most 4 uploads under way, and 100 files that are not sent yet (409 `too_many_unsent`)."
    ),
    examples={
        "a picture": {"conversationId": _ID},
        "a voice message": {"conversationId": _ID, "durationMs": "4200", "waveform": "[0, 18, 64, 100, 41, 7]"},
    },
)
get = Receives(
    "attachment:get",
    schema=shapes.AttachmentIdIn,
    find=_attachment,
    service=services.view_file,
    answer=_described,
    reply=shapes.AttachmentOut,
    socket=False,
    summary="A file's name, type, size and status.",
    description="Of a file of a message I may see, or of my own that is not sent yet.",
)
discard = Receives(
    "attachment:discard",
    schema=shapes.AttachmentIdIn,
    find=_attachment,
    permission=policies.may_discard,
    service=services.discard_file,
    answer=_nothing,
    socket=False,
    summary="Take back a file of mine that is not sent yet.",
    description="What was sent goes with its message.",
)
link = Receives(
    "attachment:link",
    schema=shapes.LinkIn,
    find=_attachment,
    permission=policies.may_open,
    service=services.make_link,
    answer=_link,
    reply=shapes.LinkOut,
    socket=False,
    summary="An address that opens a file, for five minutes, in this session only.",
    description=(
        "Whoever uses it needs no token, and must still be allowed to: the session lives, I may see the file, and it "
        "is clean. Making it and using it first are recorded, of sound each minute in which it is used."
    ),
    examples={
        "to save it": {"attachmentId": _ID},
        "to show it in place": {"attachmentId": _ID, "disposition": "inline"},
        "its thumbnail": {"attachmentId": _ID, "thumbnail": True},
    },
)
