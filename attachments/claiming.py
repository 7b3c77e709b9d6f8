"""Files and the one message each is sent with: found and claimed under the lock of its stream, and let go with it.

    with audit.transaction():
        …streams.lock(…)…
        found = claimable(ids, streams)     one query for any number of messages; what comes is locked until COMMIT
        …may this sender send that file with this message?  `is_sendable`
        claim({file: message, …})           one statement

A file belongs to one conversation, and whoever gives it to a message, or takes it away with one, holds the lock of that
conversation's stream. Its owner may discard it meanwhile and a job may find it infected: neither holds that lock, so
the row is locked too.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db.models import Case, UUIDField, Value, When

from attachments.models import Attachment, Status
from attachments.rendering import load_keys
from core.time import now

Print = tuple[str, str, int, str, str]
"""What never changes of a file that was sent: id, owner, epoch, storage key and wrapped key, for the audit log."""

_PRINTED = ("id", "owner_id", "epoch", "storage_key", "file_key")


def claimable(ids: Collection[UUID], conversation_ids: Collection[UUID]) -> dict[UUID, Attachment]:
    """Those of these files that there are in these conversations, whose streams are locked. They are locked too until
    the end of the transaction, and their keys at hand; of whomever, and sent or not: whoever asks looks at that."""
    here = Attachment.objects.filter(id__in=ids, conversation_id__in=conversation_ids, gone_at=None)
    found = list(here.select_for_update().order_by("id"))
    load_keys(found)
    return {one.id: one for one in found}


def is_sendable(attachment: Attachment, owner_id: UUID, conversation_id: UUID) -> bool:
    """Whether it is this person's own, of this conversation, clean, and was not sent yet."""
    return (
        attachment.owner_id == owner_id
        and attachment.conversation_id == conversation_id
        and attachment.status == Status.CLEAN
        and attachment.message_id is None
    )


def claim(messages: Mapping[UUID, UUID]) -> None:
    """Give each of these files, which are locked and sendable, to its message: one statement."""
    of_message: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for file_id, message_id in messages.items():
        of_message[message_id].append(file_id)
    given = [When(id__in=ids, then=Value(message_id)) for message_id, ids in of_message.items()]
    Attachment.objects.filter(id__in=[*messages]).update(message_id=Case(*given, output_field=UUIDField()))


def let_go(message_id: UUID) -> None:
    """The files of a message go with it, in the transaction in which it goes: from its commit on they are not there for
    anybody. A job removes their objects."""
    Attachment.objects.filter(message_id=message_id, gone_at=None).update(gone_at=now())


def let_all_go(message_ids: Collection[UUID]) -> int:
    """The same for many messages at once; how many files that were."""
    return Attachment.objects.filter(message_id__in=message_ids, gone_at=None).update(gone_at=now())


def files_of(message_ids: Collection[UUID]) -> dict[UUID, tuple[Attachment, ...]]:
    """The files of each of these messages, for whoever may see the message; their keys are at hand. One query, and
    another for keys that are not in memory."""
    if not message_ids:
        return {}
    found = list(Attachment.objects.filter(message_id__in=message_ids, gone_at=None).order_by("message_id", "id"))
    load_keys(found)
    # The filter leaves none without a message.
    return {id_: tuple(files) for id_, files in groupby(found, key=attrgetter("message_id"))}


def printed(attachments: Iterable[Attachment]) -> tuple[Print, ...]:
    """What an entry about a message remembers of its files, in the order of their ids."""
    rows = ([getattr(one, name) for name in _PRINTED] for one in attachments)
    return tuple(sorted(_print(*row) for row in rows))


def all_printed(message_id: UUID | None = None) -> Iterator[tuple[UUID, tuple[Print, ...]]]:
    """The same of every message that has files, or of one, in the order of their ids and in constant memory."""
    sent = Attachment.objects.filter(message_id__isnull=False, gone_at=None)
    if message_id is not None:
        sent = sent.filter(message_id=message_id)
    rows = sent.order_by("message_id", "id").values_list("message_id", *_PRINTED).iterator()
    for id_, files in groupby(rows, key=lambda row: row[0]):
        if id_ is not None:
            yield id_, tuple(_print(*row[1:]) for row in files)


def _print(id: UUID, owner_id: UUID, epoch: int, storage_key: str, file_key: Any) -> Print:
    return str(id), str(owner_id), epoch, storage_key, bytes(file_key).hex()
