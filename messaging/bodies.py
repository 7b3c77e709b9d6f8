"""The text and metadata of messages under the conversation's key: sealed, opened, and the keys had ready."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from encryption.formats import Undecryptable
from encryption.keyring import keyring
from messaging.rows import MessageRow

Metadata = Mapping[str, Any]


class SentFile(NamedTuple):
    """A file as it was sent: which one, and what it was called."""

    id: UUID
    name: str


class Body(NamedTuple):
    """What is sealed of a message. `files` are in the order in which they were sent. `about` are the people whom a
    message of the server names or speaks for: it goes with what they said (`messaging.erasing`)."""

    content: str
    metadata: Metadata = {}
    files: tuple[SentFile, ...] = ()
    about: tuple[UUID, ...] = ()


def seal_body(
    conversation_id: UUID,
    message_id: UUID,
    sender_id: UUID,
    type: str,
    body: Body,
    *,
    revision: int = 0,
    epoch: int | None = None,
) -> bytes:
    """The sealed body of a message, bound to everything else that is passed.

    Without `epoch` it is sealed under the key of the present period; an edit passes the epoch of what it replaces, so
    that a message lives and dies with the key of the period in which it was sent.
    """
    return keyring().seal(
        conversation_id,
        object_id=message_id,
        sender_id=sender_id,
        revision=revision,
        kind=type,
        payload=_payload(body),
        epoch=epoch,
    )


def open_body(row: MessageRow) -> Body:
    """What a message says.

    Raises Undecryptable when its body or anything it is bound to was altered, Shredded when its key was destroyed.
    """
    payload = keyring().open_sealed(
        row.body,
        row.conversation_id,
        object_id=row.id,
        sender_id=row.sender_id,
        revision=row.revision,
        kind=row.type,
    )
    content, metadata = payload.get("content"), payload.get("metadata")
    if not isinstance(content, str) or not isinstance(metadata, dict):
        raise Undecryptable()
    files = _sent_files(payload["files"]) if "files" in payload else ()
    return Body(content, metadata, files, tuple(map(UUID, payload.get("about", ()))))


def load_keys(rows: Iterable[MessageRow]) -> None:
    """Have the keys of these messages and of what they quote ready: at most one query, none when they are in memory."""
    blobs = []
    for row in rows:
        if row.body:
            blobs.append((row.conversation_id, row.body))
        if row.reply_body:
            blobs.append((row.conversation_id, row.reply_body))
    keyring().preload_blobs(blobs)


def _payload(body: Body) -> dict[str, Any]:
    payload: dict[str, Any] = {"content": body.content, "metadata": body.metadata}
    if body.files:
        payload["files"] = [[str(file.id), file.name] for file in body.files]
    if body.about:
        payload["about"] = list(map(str, body.about))
    return payload


def _sent_files(listed: list[tuple[str, str]]) -> tuple[SentFile, ...]:
    return tuple(SentFile(UUID(id_), name) for id_, name in listed)
