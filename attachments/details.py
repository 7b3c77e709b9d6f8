"""What is told of a file: one sealed value under its conversation's key, so that it is destroyed with that.

Bound to the file, its owner and the number of the revision; a name says as much as a message does. The verdict is told
in it too: the column says whether a file is clean, and only this makes it true.
"""

from dataclasses import asdict, dataclass
from typing import Any, Protocol
from uuid import UUID

from attachments.models import Status
from encryption.formats import Undecryptable
from encryption.keyring import keyring

_KIND = "att"


@dataclass(frozen=True)
class Details:
    """`size` is that of what is stored, in bytes, and `sha256` its hash in hex; of `waveform` there are up to 64
    numbers from 0 to 100. `thumbnail_size` is that of the thumbnail's plaintext. `status` is the verdict when it was
    sealed: a file that was not found clean then, or of which it was not said, has to be sealed again before it can be
    called so."""

    name: str
    mime_type: str
    size: int
    sha256: str
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None
    waveform: tuple[int, ...] | None = None
    thumbnail_size: int | None = None
    status: str | None = None


class Detailed(Protocol):
    """An attachment, or a row of it."""

    @property
    def id(self) -> UUID: ...
    @property
    def conversation_id(self) -> UUID: ...
    @property
    def owner_id(self) -> UUID: ...
    @property
    def status(self) -> str: ...
    @property
    def record(self) -> bytes | memoryview | None: ...
    @property
    def record_revision(self) -> int: ...


def seal_details(
    conversation_id: UUID, attachment_id: UUID, owner_id: UUID, revision: int, epoch: int, details: Details
) -> bytes:
    """The value of the column, under the key that wraps the file's own: both are destroyed together."""
    return keyring().seal(
        conversation_id,
        object_id=attachment_id,
        sender_id=owner_id,
        revision=revision,
        kind=_KIND,
        payload={name: value for name, value in asdict(details).items() if value is not None},
        epoch=epoch,
    )


def open_details(attachment: Detailed) -> Details:
    """Raises Undecryptable when it was altered or belongs elsewhere, or when the row calls a file clean and this does
    not: whoever writes to the database releases nothing. Shredded when its key was destroyed."""
    if attachment.record is None:
        raise Undecryptable()
    payload = keyring().open_sealed(
        attachment.record,
        attachment.conversation_id,
        object_id=attachment.id,
        sender_id=attachment.owner_id,
        revision=attachment.record_revision,
        kind=_KIND,
    )
    details = Details(**_tuples(payload))
    if attachment.status == Status.CLEAN and details.status != Status.CLEAN:
        raise Undecryptable()
    return details


def _tuples(payload: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in payload.items()}
