"""What people say of themselves, and what they may know of others: who is there."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

import audit
from accounts import querysets
from accounts.models import LoginSession, User
from accounts.rendering import presence_out
from core.actor import Actor
from core.time import now
from realtime import announce, threads
from realtime.hub import hub
from realtime.presence import Status

_CLOSE = timedelta(seconds=5)
"""Several processes may notice the same end, each a moment apart: one of them writes."""

_MOST_WRITTEN = 500


def update_presence(*, actor: Actor, subject: Actor, status: str, **words: str | None) -> None:
    """The actor is this on their present device from now on, until they choose again or the session ends.

    `custom_status` is what they say of themselves on all devices; without it that stays, None or empty text takes it
    away. Whoever subscribed hears it after COMMIT. A repeat writes nothing.
    """
    with audit.transaction():
        user = User.objects.select_for_update(no_key=True).get(pk=actor.id)
        session = querysets.session_of(actor).select_for_update(no_key=True).get()
        said = words.get("custom_status", user.custom_status) or None
        described = said != user.custom_status
        if described or session.presence != status:
            if status == Status.OFFLINE and _was_there_on(session, user):
                user.last_seen_at = now()
            user.custom_status, session.presence = said, status
            user.save(update_fields=["custom_status", "last_seen_at"])
            session.save(update_fields=["presence"])
            details = {"status": status, "described": described}
            audit.record("presence.updated", actor=actor, object_id=session.id, details=details)
        announce.chose(user.id, session.id, status)
        if described:
            announce.described(user.id)


def _was_there_on(session: LoginSession, user: User) -> bool:
    """Whether others could see that somebody is there, on this device only."""
    there = hub.presence.status(user.id) != Status.OFFLINE
    return there and hub.presence.status_elsewhere(user.id, session.id) == Status.OFFLINE


def read_presence(*, actor: Actor, subject: User) -> dict[str, Any]:
    """One person's presence."""
    return presence_out(subject, hub.presence.status(subject.id))


def list_presence(*, actor: Actor, subject: Actor, user_ids: Collection[UUID]) -> dict[str, Any]:
    """The presence of those of these people whom the actor may know of; the others are passed over, existing or not."""
    return _presence_of(actor, user_ids)


def count_online(*, actor: Actor, subject: Actor) -> dict[str, int]:
    """How many others are there, whatever they are doing, of those whose presence the actor may know."""
    others = querysets.people_present_to(actor.id).exclude(id=actor.id).values_list("id", flat=True)
    return {"count": sum(hub.presence.status(user_id) != Status.OFFLINE for user_id in others)}


async def subscribe_presence(*, actor: Actor, user_ids: Collection[UUID]) -> dict[str, Any]:
    """From now on the actor's connection is told when one of these people changes, as long as the actor may know.

    Returns the presence of everybody it is subscribed to. Raises NotFound when one of them is nobody whose presence the
    actor may know, and Invalid when these would be too many; then nothing has changed.
    """
    await threads.run(querysets.all_present_to, actor.id, user_ids)
    hub.presence.watch(actor.session_id, actor.connection_id, user_ids)
    return await _subscribed(actor)


async def unsubscribe_presence(*, actor: Actor, user_ids: Collection[UUID]) -> dict[str, Any]:
    """No longer. Does nothing for whom it was not subscribed to. Returns the presence of everybody it still is."""
    hub.presence.unwatch(actor.session_id, actor.connection_id, user_ids)
    return await _subscribed(actor)


async def _subscribed(actor: Actor) -> dict[str, Any]:
    watched = hub.presence.watched_by(actor.session_id, actor.connection_id)
    return await threads.run(_presence_of, actor, watched)


def _presence_of(actor: Actor, user_ids: Collection[UUID]) -> dict[str, Any]:
    people = querysets.people_present_to(actor.id).filter(id__in=set(user_ids)).order_by("id") if user_ids else ()
    return {"results": [presence_out(user, hub.presence.status(user.id)) for user in people]}


# ---- For realtime, which does not know people. -------------------------------------------------------------------


def presence_for(user_id: UUID, status: str, watchers: Collection[UUID]) -> tuple[dict[str, Any], set[UUID]]:
    """What is told of somebody who is this now, and who of the watchers may know it. One query."""
    rows = querysets.people_present_to(user_id).filter(id__in={user_id, *watchers})
    people = {user.id: user for user in rows.only("id", "custom_status", "last_seen_at")}
    if user_id not in people:
        return {}, set()
    return presence_out(people[user_id], status), people.keys() & {*watchers}


def write_last_seen(moments: Mapping[UUID, datetime]) -> None:
    """These people were last there then; who has been seen since, or about then, stays as they are."""
    in_order = sorted(moments.items())
    for start in range(0, len(in_order), _MOST_WRITTEN):
        # In the order of their ids, so that two processes that write do not wait for each other.
        with transaction.atomic():
            for user_id, moment in in_order[start : start + _MOST_WRITTEN]:
                earlier = Q(last_seen_at=None) | Q(last_seen_at__lt=moment - _CLOSE)
                User.objects.filter(earlier, id=user_id).update(last_seen_at=moment)
