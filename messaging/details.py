"""Name, description and tags of a conversation: one sealed value under its own key, so that they are destroyed with it.

Sealed anew with every change, bound to the conversation, who made it and the number of the revision. What a clinic's
conversations are about is nobody's business who has only the database.

Rooms that others may find (`OPEN_ROOMS`) can be searched by the words of their names: each word is kept as a truncated
keyed hash. What that gives away to somebody with the database and no key is said in `accounts.names`; of no other
conversation is there such a row.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol
from uuid import UUID

from accounts import names
from core.errors import Shredded
from encryption.formats import Undecryptable
from encryption.keyring import keyring
from messaging.models import Conversation, RoomWord
from messaging.models.conversation import OPEN_ROOMS

_KIND = "conversation"
_PURPOSE = "messaging.room"
_TOKEN_BYTES = 8


class Details(NamedTuple):
    """What people call a conversation and say about it."""

    name: str | None = None
    description: str | None = None
    tags: tuple[str, ...] = ()


class Detailed(Protocol):
    """A conversation, or a row of a list of them."""

    @property
    def id(self) -> UUID: ...
    @property
    def created_by_id(self) -> UUID: ...
    @property
    def details(self) -> bytes | memoryview | None: ...
    @property
    def details_revision(self) -> int: ...


def seal_details(conversation_id: UUID, created_by: UUID, revision: int, details: Details) -> bytes:
    """The value of the column; the caller holds the lock of the conversation's stream, in a transaction."""
    return keyring().seal(
        conversation_id,
        object_id=conversation_id,
        sender_id=created_by,
        revision=revision,
        kind=_KIND,
        payload=details._asdict(),
    )


def open_details(conversation: Detailed) -> Details:
    """What was sealed; empty where there is nothing, and where it cannot be opened: a list is served all the same."""
    if conversation.details is None:
        return Details()
    try:
        payload = keyring().open_sealed(
            conversation.details,
            conversation.id,
            object_id=conversation.id,
            sender_id=conversation.created_by_id,
            revision=conversation.details_revision,
            kind=_KIND,
        )
    except (Undecryptable, Shredded):
        return Details()
    return Details(payload.get("name"), payload.get("description"), tuple(payload.get("tags") or ()))


def load_keys(conversations: Iterable[Detailed]) -> None:
    """Have the keys of these conversations' details ready: at most one query, none when they are in memory."""
    keyring().preload_blobs((one.id, one.details) for one in conversations if one.details is not None)


def tokens(text: str) -> list[bytes]:
    """The token of each word of a name or a search, as `accounts.names` takes words apart."""
    return [keyring().keyed_hash(_PURPOSE, word.encode())[:_TOKEN_BYTES] for word in names.words(text)]


def index(conversation: Conversation, name: str | None) -> None:
    """Make a room findable by exactly the words of this name, if others may find it at all; in the transaction that
    stores the name."""
    if conversation.kind not in OPEN_ROOMS:
        return
    RoomWord.objects.filter(conversation=conversation).delete()
    RoomWord.objects.bulk_create([RoomWord(conversation=conversation, token=token) for token in tokens(name or "")])
