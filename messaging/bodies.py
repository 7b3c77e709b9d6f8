"""The text of messages under the conversation's key: sealed, opened, and the keys had ready."""

from collections.abc import Iterable
from uuid import UUID

from encryption.formats import Undecryptable
from encryption.keyring import keyring
from messaging.rows import MessageRow


def seal_content(
    conversation_id: UUID,
    message_id: UUID,
    sender_id: UUID,
    type: str,
    content: str,
    *,
    revision: int = 0,
    epoch: int | None = None,
) -> bytes:
    """The body of a message, bound to everything else that is passed.

    Without `epoch` it is sealed under the key of the present period; an edit passes the epoch of what it replaces, so
    that a message lives and dies with the key of the period in which it was sent.
    """
    return keyring().seal(
        conversation_id,
        object_id=message_id,
        sender_id=sender_id,
        revision=revision,
        kind=type,
        payload={"content": content, "metadata": {}},
        epoch=epoch,
    )


def open_content(row: MessageRow) -> str:
    """The text of a message.

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
    content = payload.get("content")
    if not isinstance(content, str):
        raise Undecryptable()
    return content


def load_keys(rows: Iterable[MessageRow]) -> None:
    """Have the keys of these messages and of what they quote ready: at most one query, none when they are in memory."""
    blobs = []
    for row in rows:
        if row.body:
            blobs.append((row.conversation_id, row.body))
        if row.reply_body:
            blobs.append((row.conversation_id, row.reply_body))
    keyring().preload_blobs(blobs)
