"""Stored messages checked against the audit log, as part of `verify_audit_log`.

Every change of a message is recorded with the hash of what was stored (`fingerprint`). So a body that was exchanged is
found out, even for an older body of the same message put back together with its revision, which opens without
complaint; and so are every other column that was changed, a message that was slipped in and one that was taken away,
and a file that was given to a message, taken from it or exchanged.

What retention removed, or the shredding of a conversation, is listed with its place (`RemovedMessage`), and each batch
of it has an entry with the hash of its ids: a message that is neither stored nor among those was taken away.

Messages and entries are read side by side in the order of message ids, in constant memory and while the server works;
what looks wrong is looked at again before it is reported.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from heapq import merge
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from attachments.claiming import Print, all_printed
from audit.models import Entry
from audit.verify import Problem
from messaging.fingerprint import COLUMNS, fingerprint
from messaging.models import Message, RemovedMessage

_ACTIONS = ("message.created", "message.edited", "message.deleted")
_BATCH = "messages.removed"
_STORED, _RECORDED, _REMOVED = "stored", "recorded", "removed"
_LOOKS = 3


class _Record(NamedTuple):
    """The last entry about a message."""

    entry_id: UUID
    hash: bytes


def check_bodies() -> Iterator[Problem]:
    """One problem for each message that is not what was last recorded of it."""
    for message_id in _suspects():
        problem = _problem(message_id)
        if problem is not None:
            yield problem


def check_removed() -> Iterator[Problem]:
    """One problem for each batch of removed messages that is not the one of which an entry tells."""
    rows = RemovedMessage.objects.order_by("batch", "id").values_list("batch", "id").iterator()
    for batch, found in groupby(rows, key=lambda row: row[0]):
        ids = sha256()
        for _, message_id in found:
            ids.update(message_id.bytes)
        entry = Entry.objects.filter(action=_BATCH, object=batch).values_list("id", "object_h").first()
        if entry is None:
            yield Problem(f"Nothing tells of the removal {batch}, to which messages are said to belong.")
        elif bytes(entry[1] or b"") != ids.digest():
            yield Problem(f"The messages of the removal {batch} are not those that were recorded.", entry=str(entry[0]))


class _Found(NamedTuple):
    """One of the three: what is stored, what was last recorded, or that it was removed."""

    message_id: UUID
    where: str
    hashes: frozenset[bytes] = frozenset()


def _suspects() -> Iterator[UUID]:
    """Ids of messages that are stored without a record, recorded without being stored or removed, stored as something
    else, or stored though they were removed."""
    for message_id, found in groupby(
        merge(_stored(), _recorded(), _removed(), key=attrgetter("message_id")), key=attrgetter("message_id")
    ):
        by_place = {one.where: one.hashes for one in found}
        if _REMOVED in by_place:
            suspect = _STORED in by_place
        else:
            suspect = not by_place.get(_STORED, frozenset()) & by_place.get(_RECORDED, frozenset())
        if suspect:
            yield message_id


def _hashes(values: Sequence[Any], body: bytes | memoryview, files: Sequence[Print]) -> frozenset[bytes]:
    """What an entry about this message may hold. Entries from before it covered the whole row hold that of the body."""
    whole = fingerprint(values, body, files)
    return frozenset({whole} if files else {whole, sha256(body).digest()})


def _stored() -> Iterator[_Found]:
    """Every message with the hashes of what is stored, in the order of ids."""
    files_of = _Alongside(all_printed())
    for message_id, *values, body in Message.objects.order_by("id").values_list("id", *COLUMNS, "body").iterator():
        yield _Found(message_id, _STORED, _hashes(values, body, files_of(message_id)))


class _Alongside:
    """The files of messages that are asked for in the order of their ids."""

    def __init__(self, found: Iterator[tuple[UUID, tuple[Print, ...]]]) -> None:
        self._found = found
        self._next = next(found, None)

    def __call__(self, message_id: UUID) -> tuple[Print, ...]:
        while self._next is not None and self._next[0] < message_id:
            self._next = next(self._found, None)
        return self._next[1] if self._next is not None and self._next[0] == message_id else ()


def _recorded() -> Iterator[_Found]:
    """Every recorded message with the hash of its last entry, in the order of ids."""
    entries = _entries().order_by("object", "id").values_list("object", "object_h").iterator()
    for message_id, about_one in groupby(entries, key=lambda entry: entry[0]):
        *_, (_, object_hash) = about_one
        yield _Found(message_id, _RECORDED, frozenset({bytes(object_hash or b"")}))


def _removed() -> Iterator[_Found]:
    """Every message that was removed, in the order of ids."""
    for message_id in RemovedMessage.objects.order_by("id").values_list("id", flat=True).iterator():
        yield _Found(message_id, _REMOVED)


def _problem(message_id: UUID) -> Problem | None:
    """What is wrong with this message now, unless it changes all the time, which only a working server does to it."""
    for _ in range(_LOOKS):
        before = _last_record(message_id)
        row = Message.objects.filter(id=message_id).values_list(*COLUMNS, "body").first()
        files = next((files for _, files in all_printed(message_id)), ())
        removed = RemovedMessage.objects.filter(id=message_id).exists()
        if before == _last_record(message_id):
            stored = None if row is None else _hashes(row[:-1], row[-1], files)
            return _removed_verdict(message_id, stored) if removed else _verdict(message_id, before, stored)
    return None


def _removed_verdict(message_id: UUID, stored: frozenset[bytes] | None) -> Problem | None:
    return None if stored is None else Problem(f"Message {message_id} was removed, and is stored again.")


def _verdict(message_id: UUID, record: _Record | None, stored: frozenset[bytes] | None) -> Problem | None:
    if record is None:
        return None if stored is None else Problem(f"Nothing tells of message {message_id}, which is stored.")
    if stored is None:
        return Problem(f"Message {message_id} is recorded, but not stored.", entry=str(record.entry_id))
    if record.hash in stored:
        return None
    return Problem(f"Message {message_id} is not what was recorded.", entry=str(record.entry_id))


def _last_record(message_id: UUID) -> _Record | None:
    found = _entries().filter(object=message_id).order_by("-id").values_list("id", "object_h").first()
    return None if found is None else _Record(found[0], bytes(found[1] or b""))


def _entries() -> QuerySet[Entry]:
    return Entry.objects.filter(action__in=_ACTIONS)
