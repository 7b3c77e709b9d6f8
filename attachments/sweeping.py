"""What nobody wants any more goes: files that were never sent, uploads that never ended, objects of what is gone.

All of it bears repeats: two workers at once, or one that dies half way, do the same as one that does not.
"""

import time
from collections.abc import Collection, Iterator
from datetime import timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

import audit
from attachments.models import SHOWN, Attachment, Status
from attachments.storage import StorageUnavailable, object_store
from core.actor import SYSTEM
from core.retention import Purged, Schedule
from core.time import now
from retention.holds import not_held

UNCLAIMED_FOR = timedelta(hours=24)
"""How long a file waits for the message it is sent with. One that could not be scanned for so long is among them."""

UPLOADING_FOR = timedelta(hours=1)
"""Longer than any upload may take: the process that received it has died."""

_AT_ONCE = 200

_AT_A_TIME = 5.0
"""Seconds of one run of `remove_gone`; other work of the same worker waits meanwhile."""

_MOST_FAILURES = 5
"""In one run: then it is not the objects, but the storage."""


def count_unclaimed(schedule: Schedule) -> Purged:
    count = _unclaimed(schedule).count()
    return Purged(count, count)


def discard_unclaimed(schedule: Schedule) -> Iterator[None]:
    """Files that were sent with no message in all that time are discarded, as their owners could have done; their
    objects go as those of every file that is gone. One that is held waits on."""
    while True:
        with audit.transaction():
            schedule.freeze()
            discarded = _discard(_unclaimed(schedule))
            schedule.took(Purged(discarded, discarded))
        yield
        if discarded < _AT_ONCE:
            return


def _unclaimed(schedule: Schedule) -> "QuerySet[Attachment]":
    waiting = Attachment.objects.filter(message_id=None, gone_at=None, status__in=SHOWN)
    over = schedule.over()
    if over is None:
        return waiting.none()
    free = schedule.not_held(conversation="conversation_id", person="owner_id")
    return waiting.filter(free, created_at__lt=over)


def _discard(unclaimed: "QuerySet[Attachment]") -> int:
    """Some of them. Whoever sends one now holds its row: then it is waited for, and no longer unclaimed."""
    locked = list(unclaimed.select_for_update().order_by("id")[:_AT_ONCE])
    for attachment in locked:
        audit.record(
            "file.discarded",
            actor=SYSTEM,
            object_id=attachment.id,
            conversation_id=attachment.conversation_id,
            reason="unclaimed",
        )
    return Attachment.objects.filter(id__in=[one.id for one in locked]).update(gone_at=now())


def give_up_uploads() -> None:
    """Uploads that have not ended within UPLOADING_FOR never will. Nobody was ever told of such a file."""
    dead = Q(status=Status.UPLOADING, created_at__lt=now() - UPLOADING_FOR) | Q(status=Status.FAILED)
    Attachment.objects.filter(dead, message_id=None, gone_at=None).update(status=Status.FAILED, gone_at=now())


def remove_gone() -> None:
    """The objects of files that are gone, then their rows: while there is an object, there is a row that knows of it.

    For some seconds, the longest gone first. What is held stays until it is not: a hold that is placed at this moment
    saves whatever has not been begun. One that cannot be removed is put behind the others, so that it keeps none
    of them waiting; several of them end the run. Raises what it was then (StorageUnavailable); what is left is removed
    the next time.
    """
    end = time.monotonic() + _AT_A_TIME
    failures: dict[UUID, Exception] = {}
    while len(failures) < _MOST_FAILURES and time.monotonic() < end:
        gone = _longest_gone(failures)
        if gone is None:
            break
        try:
            _remove(gone)
        except (StorageUnavailable, ValueError) as error:  # the latter for a key that was altered to be none
            failures[gone.id] = error
            _put_behind(gone)
    if failures:
        raise next(iter(failures.values()))


def _longest_gone(besides: Collection[UUID]) -> Attachment | None:
    gone = Attachment.objects.filter(not_held("conversation_id", "owner_id"), gone_at__isnull=False)
    gone = gone.exclude(id__in=besides)
    return gone.order_by("gone_at").first()


def _put_behind(gone: Attachment) -> None:
    """For what is gone the moment says no more than whose turn it is: the log has when it went."""
    Attachment.objects.filter(id=gone.id).update(gone_at=now())


def _remove(attachment: Attachment) -> None:
    store = object_store()
    store.delete(attachment.storage_key)
    if attachment.thumbnail_key is not None:
        store.delete(attachment.thumbnail_key)
    Attachment.objects.filter(id=attachment.id).delete()
