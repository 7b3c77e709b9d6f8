"""The files of a group of sends: found, refused or given to their messages, under the locks of the group.

A message carries files of its sender's own, uploaded into the same conversation, found clean, and sent with no other.
Whatever else is named is refused in the same words, so that nobody learns which ids there are. A message is of a type
that its files are of: `image`, `video` and `audio` carry nothing else, `voice` one recording, `file` anything.
"""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from attachments.claiming import claim, claimable, is_sendable
from attachments.details import Details, open_details
from attachments.models import Attachment
from core.errors import FieldError, Invalid, Shredded
from encryption.formats import Undecryptable
from messaging.bodies import Body, SentFile
from messaging.drafts import SendDraft, no_reference
from messaging.models.message import Type

MOST_FILES = 10
"""With one message."""

_OF_ONE_FAMILY = frozenset({Type.IMAGE, Type.VIDEO, Type.AUDIO})


class Enclosures:
    """What the drafts of one group enclose; nothing is asked where none encloses anything."""

    def __init__(self, drafts: Sequence[SendDraft], conversation_ids: Collection[UUID]) -> None:
        named = {id_ for draft in drafts for id_ in draft.attachment_ids}
        self._found: Mapping[UUID, Attachment] = claimable(named, conversation_ids) if named else {}
        self._given: dict[UUID, UUID] = {}
        self._sent: dict[UUID, tuple[SentFile, ...]] = {}

    def admit(self, draft: SendDraft) -> None:
        """Give the draft its files: nothing refuses it afterwards. Raises InvalidReference, and Invalid where the type
        does not fit."""
        details = {id_: self._sendable(draft, id_) for id_ in draft.attachment_ids}
        if details:
            require_type(draft.type, [one.mime_type for one in details.values()])
            self._given |= dict.fromkeys(details, draft.message_id)
            self._sent[draft.message_id] = tuple(SentFile(id_, one.name) for id_, one in details.items())

    def claim(self) -> None:
        """Store what was given: one statement, none where there is nothing."""
        if self._given:
            claim(self._given)

    def of(self, message_id: UUID) -> tuple[Attachment, ...]:
        return tuple(self._found[file.id] for file in self._sent.get(message_id, ()))

    def body(self, draft: SendDraft) -> Body:
        """What is sealed of the draft."""
        return Body(draft.content, draft.metadata, self._sent.get(draft.message_id, ()), draft.about)

    def _sendable(self, draft: SendDraft, id_: UUID) -> Details:
        file = self._found.get(id_)
        try:
            if file is not None and id_ not in self._given and is_sendable(file, draft.actor.id, draft.conversation_id):
                return open_details(file)
        except (Undecryptable, Shredded):
            pass  # What cannot be opened cannot be sent either.
        raise no_reference(draft, id_, "attachmentIds names a file that cannot be sent here.")


def require_files(type: str, count: int) -> None:
    """Raises Invalid for a text with files and for any other type without."""
    if count and type in {Type.TEXT, Type.SYSTEM}:
        raise _wrong_type("A message with files is of another type than text.")
    if not count and type not in {Type.TEXT, Type.SYSTEM}:
        raise _wrong_type("A message of this type has files: name them in attachmentIds.")


def require_type(type: str, mime_types: Sequence[str]) -> None:
    """Raises Invalid when these files are not what a message of this type carries."""
    if type in _OF_ONE_FAMILY and any(_family(mime_type) != type for mime_type in mime_types):
        raise _wrong_type(f"Every file of a message of the type {type} is of that kind; others go as file.")
    if type == Type.VOICE and (len(mime_types) != 1 or _family(mime_types[0]) != Type.AUDIO):
        raise _wrong_type("A voice message is one recording.")


def _family(mime_type: str) -> str:
    return mime_type.partition("/")[0]


def _wrong_type(message: str) -> Invalid:
    return Invalid("Some fields are not valid.", errors=[FieldError("type", "invalid", message)])
