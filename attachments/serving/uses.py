"""Using a link: who it was made for, and whether they may still have the file. In threads that may use the database."""

from dataclasses import dataclass, field

from accounts import querysets as people
from accounts.services.signing_in import actor_of
from attachments import policies
from attachments.details import Details, open_details
from attachments.models import Attachment
from attachments.opening import Sealed, sealed_file, sealed_thumbnail
from attachments.querysets import visible_attachment
from attachments.refusals import Altered, LinkRefused
from attachments.serving.heads import THUMBNAIL_TYPE
from attachments.serving.links import Link
from attachments.serving.telling import UNDECRYPTABLE, tell_in_thread
from core.actor import Actor
from core.errors import NotFound, Refused, Unauthenticated
from core.rest.errors import recorded
from encryption.formats import Undecryptable

ATTEMPTED = "GET files/{token}"


@dataclass(frozen=True)
class Use:
    """A link that is good now, and what it opens. Holds the file's key: never logged."""

    actor: Actor
    attachment: Attachment
    name: str = field(repr=False)
    mime_type: str
    sealed: Sealed = field(repr=False)
    is_voice: bool


def use_of(link: Link, address: str, request_id: str) -> Use:
    """Everything that has to be true, asked now: the session lives, the person is enabled and may see the file, and the
    file is clean.

    Raises LinkRefused, ScanPending, BlockedFile, Altered, Shredded. Whoever was recognised and is turned away stands in
    the audit log by then.
    """
    actor = _actor(link, address, request_id)
    try:
        attachment = _attachment(link, actor)
        policies.may_open(actor, attachment)
    except Refused as error:
        raise recorded(actor, ATTEMPTED, error) from None
    try:
        return _use(link, actor, attachment, open_details(attachment))
    except Undecryptable:
        tell_in_thread(link, actor, attachment, UNDECRYPTABLE, often=True)
        raise Altered from None


def _actor(link: Link, address: str, request_id: str) -> Actor:
    session = people.session_with_user(link.session_id)
    if session is None or session.user_id != link.user_id:
        raise LinkRefused
    try:
        people.require_live(session)
    except Unauthenticated:
        raise LinkRefused from None
    return actor_of(session.user, session.id, address, request_id)


def _attachment(link: Link, actor: Actor) -> Attachment:
    try:
        return visible_attachment(actor.id, link.attachment_id)
    except NotFound:
        raise LinkRefused(subject_id=link.attachment_id) from None


def _use(link: Link, actor: Actor, attachment: Attachment, told: Details) -> Use:
    is_voice = told.waveform is not None or told.mime_type.startswith("audio/")
    if not link.thumbnail:
        sealed = sealed_file(attachment, told.size)
        return Use(actor, attachment, told.name, told.mime_type, sealed, is_voice)
    if attachment.thumbnail_key is None or told.thumbnail_size is None:
        raise LinkRefused
    sealed = sealed_thumbnail(attachment, told.thumbnail_size)
    return Use(actor, attachment, f"{told.name}.webp", THUMBNAIL_TYPE, sealed, is_voice)
