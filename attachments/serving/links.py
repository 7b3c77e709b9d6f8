"""Links: `/files/<token>`, for one file, one person, one of their sessions, and five minutes.

    token = base64url(payload) "." base64url(HMAC-SHA256(SECRET_KEY, salt, payload))      django.core.signing
    payload, 57 bytes, big-endian:
    0     1   flags: 1 inline, 2 the thumbnail
    1     8   when it ends, milliseconds since 1970
    9     16  file
    25    16  person
    41    16  session

A link is no more than a note of what was asked: nothing is allowed by having one. All of it is asked again at use.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from struct import Struct
from uuid import UUID

from django.conf import settings
from django.core import signing

from attachments.refusals import LinkRefused
from core.time import now

LIFETIME = 300
"""Seconds."""

INLINE, ATTACHMENT = "inline", "attachment"

_PAYLOAD = Struct(">BQ16s16s16s")
_INLINE, _THUMBNAIL = 1, 2
_LONGEST = 256
_EPOCH = datetime.fromtimestamp(0, UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says. `inline` is a wish: it is granted to kinds that cannot run anything."""

    attachment_id: UUID
    user_id: UUID
    session_id: UUID
    expires_at: datetime
    inline: bool = False
    thumbnail: bool = False


def address(link: Link) -> str:
    """Where it leads: on FILES_ORIGIN, or without one on the server that was asked."""
    return f"{settings.FILES_ORIGIN}/files/{sign(link)}"


def sign(link: Link) -> str:
    payload = _PAYLOAD.pack(
        _INLINE * link.inline | _THUMBNAIL * link.thumbnail,
        (link.expires_at - _EPOCH) // _MILLISECOND,
        link.attachment_id.bytes,
        link.user_id.bytes,
        link.session_id.bytes,
    )
    return _signer().sign(base64.urlsafe_b64encode(payload).decode())


def read(token: str) -> Link:
    """What this token says; raises LinkRefused for one that was altered, made up, or has ended."""
    try:
        payload = base64.b64decode(_signer().unsign(token[:_LONGEST]), altchars=b"-_", validate=True)
    except (signing.BadSignature, binascii.Error, ValueError):
        raise LinkRefused from None
    link = _link(payload)
    if not now() < link.expires_at <= now() + timedelta(seconds=LIFETIME + settings.TOKEN_LEEWAY):
        raise LinkRefused
    return link


def _link(payload: bytes) -> Link:
    if len(payload) != _PAYLOAD.size:
        raise LinkRefused
    flags, expires_ms, *ids = _PAYLOAD.unpack(payload)
    attachment_id, user_id, session_id = (UUID(bytes=one) for one in ids)
    expires_at = _EPOCH + expires_ms * _MILLISECOND
    return Link(attachment_id, user_id, session_id, expires_at, bool(flags & _INLINE), bool(flags & _THUMBNAIL))


def _signer() -> signing.Signer:
    return signing.Signer(sep=".", salt="parley.files.link")
