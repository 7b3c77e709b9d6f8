"""What the audit log remembers of a message: one hash over everything that is stored of it.

The seal of a body covers the message's conversation, id, sender, type and revision, and opens nowhere else. The rest of
the row (its number, format, priority, what it answers, when it was sent, edited and deleted, and by whom) would change
unnoticed; so the hash that an audit entry holds covers the whole row, the sealed body with it, and of every file that
belongs to the message what never changes of that.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from attachments.claiming import Print, printed
from attachments.models import Attachment
from audit.canonical import timestamp
from messaging.rows import MessageRow

COLUMNS = (
    "client_message_id",
    "conversation_id",
    "created_at",
    "deleted_at",
    "deleted_by_id",
    "edited_at",
    "expires_at",
    "format",
    "forwarded_at",
    "forwarded_sender_id",
    "has_files",
    "id",
    "mentions_all",
    "patient_record_id",
    "priority",
    "reply_to_id",
    "revision",
    "sender_id",
    "seq",
    "thread_root_id",
    "type",
)
"""In the order of the alphabet, which is that of the text that is hashed."""


def of_row(row: MessageRow, files: Iterable[Attachment] = (), deleted_by: UUID | None = None) -> bytes:
    """The fingerprint of a message that is being stored with these files; `deleted_by` is who deletes it."""
    values = row._asdict() | {"deleted_by_id": deleted_by}
    return fingerprint([values[name] for name in COLUMNS], row.body, printed(files))


def fingerprint(values: Any, body: bytes | memoryview, files: Iterable[Print] = ()) -> bytes:
    """SHA-256 of the columns of `COLUMNS` and `files`, as JSON without those that are empty, and of the SHA-256 of the
    body."""
    # What is empty is left out, so that a column added later changes no hash of a message that has nothing in it.
    pairs = zip(COLUMNS, values, strict=True)
    columns = {name: _plain(value) for name, value in pairs if value is not None and value is not False}
    if files := [*files]:
        columns["files"] = files
    return hashlib.sha256(orjson.dumps(columns) + hashlib.sha256(body).digest()).digest()


def _plain(value: Any) -> Any:
    return timestamp(value) if isinstance(value, datetime) else value  # a UUID becomes its 36 characters in the JSON
