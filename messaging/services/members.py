"""Who is in a conversation, and what a member decides about it for themselves."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import audit
from core.actor import Actor
from core.errors import Conflict, FieldError, Invalid, UnknownField
from core.time import now
from messaging import policies, querysets
from messaging.models import Conversation, Membership
from messaging.models.conversation import Kind
from messaging.models.membership import Role
from messaging.opening import people_named, require_enabled, require_welcome
from messaging.policies import Pair
from messaging.services.conversations import close
from messaging.services.cover import add_cover
from messaging.services.seating import require_seats, seat, tell_update, unseat
from realtime import streams
from realtime.models import Stream


def join_conversation(*, actor: Actor, subject: Conversation) -> UUID:
    """Become a member of an open room; returns its id. Who is one already stays one.

    Raises NotFound when the room may not be joined any more, ConversationFull when it has no place left.
    """
    with audit.transaction():
        stream = streams.lock([subject.id])[subject.id]
        room = querysets.room_to_join(actor, subject.id)
        policies.can_join(actor, room)
        if not querysets.seats_of([(room.id, actor.id)]):
            require_seats(room, 1)
            seat(actor, stream, room, [actor.id])
    return subject.id


def leave_conversation(*, actor: Actor, subject: Membership) -> None:
    """Leave a room. With the last member it closes: it is deleted as its owner would delete it.

    Raises Conflict for the last owner while others remain: somebody else has to be made an owner first.
    """
    with audit.transaction():
        stream = streams.lock([subject.conversation_id])[subject.conversation_id]
        membership = querysets.membership_of(actor.id, subject.conversation_id)
        policies.can_leave(actor, membership)
        is_last = querysets.count_members(membership.conversation_id) == 1
        if not is_last:
            _require_another_owner(membership)
        unseat(actor, stream, [membership], "left")
        if is_last:
            close(actor, membership.conversation_id)


def add_members(
    *,
    actor: Actor,
    subject: Membership,
    user_ids: Sequence[UUID],
    role: str | None = None,
    until: datetime | None = None,
) -> tuple[list[Membership], bool]:
    """Let people in; returns the stays of all who were named, and whether there is a new one among them.

    To a clinical conversation that is covering staff, until a date (`cover`). All of them come in or nobody does. Who
    is in already stays what they are. Raises NotFound for people the actor may not know of, Forbidden for accounts
    that are disabled, for people with whom the actor may not start a conversation, or where one of the two has blocked
    the other, and for a role the actor may not give, Conflict for somebody who was banned, ConversationFull.
    """
    if subject.conversation.kind == Kind.CLINICAL:
        return add_cover(actor, subject, user_ids, role=role, until=until)
    if until is not None:
        raise UnknownField("Only covering staff of a clinical conversation come for a time.")
    with audit.transaction():
        stream = streams.lock([subject.conversation_id])[subject.conversation_id]
        membership = querysets.membership_of(actor.id, subject.conversation_id)
        policies.can_add_members(actor, membership)
        if role not in {None, Role.MEMBER}:
            policies.can_give_role(membership)
        people = people_named(actor, user_ids)
        known = querysets.last_stays(subject.conversation_id, [person.id for person in people])
        newcomers = [p for p in people if p.id not in known or known[p.id].left_seq is not None]
        if any(stay.is_blocked for stay in known.values()):
            raise Conflict("Somebody among them was banned from this room.")
        require_enabled(newcomers)
        require_welcome(actor, newcomers)
        require_seats(membership.conversation, len(newcomers))
        user_ids = [person.id for person in newcomers]
        added = seat(actor, stream, membership.conversation, user_ids, role=role or Role.MEMBER) if newcomers else []
    return [stay for stay in known.values() if stay.left_seq is None] + added, bool(added)


def update_member(
    *,
    actor: Actor,
    subject: Pair,
    role: str | None = None,
    is_muted: bool | None = None,
    is_blocked: bool | None = None,
) -> Membership:
    """Change what somebody is in a room, silence them, or ban them; returns their stay.

    A ban ends the stay: they cannot come back, nor be added, until it is lifted. What is so already changes nothing.
    Raises NotFound, Forbidden, Invalid for a ban together with something else, and Conflict when the room would have no
    owner any more.
    """
    if is_blocked is not None and (role is not None or is_muted is not None):
        raise Invalid("Ban somebody, or change what they are in the room: not both at once.")
    with audit.transaction():
        stream, pair = _locked(actor, subject)
        policies.can_manage_member(actor, pair)
        if is_blocked is not None:
            _set_ban(actor, stream, pair, is_blocked)
        elif pair.theirs.left_seq is not None:
            raise querysets.not_found(pair.mine.conversation_id)
        else:
            _change(actor, stream, pair, role, is_muted)
        return pair.theirs


def remove_member(*, actor: Actor, subject: Pair) -> None:
    """End somebody's stay; removing oneself is leaving. They may come back where the room lets them.

    Nothing with a number above that of their `member:left` ever reaches them. A repeat finds nobody: NotFound.
    """
    if subject.theirs.user_id == actor.id:
        return leave_conversation(actor=actor, subject=subject.mine)
    with audit.transaction():
        stream, pair = _locked(actor, subject)
        policies.can_remove_member(actor, pair)
        if pair.theirs.left_seq is not None:
            raise querysets.not_found(pair.mine.conversation_id)
        unseat(actor, stream, [pair.theirs], "removed")
    return None


def update_preferences(*, actor: Actor, subject: Membership, **wanted: bool | datetime | None) -> Membership:
    """Archive or bring back (`archived`), silence notifications (`muted`) or silence them for a time (`muted_until`).

    What is not named stays. `muted_until` mutes as well, and un-muting forgets it. A repeat changes nothing. Raises
    Invalid for a time that has passed and for one together with `muted = False`.
    """
    changes = {name: value for name, value in _settled(wanted).items() if getattr(subject, name) != value}
    if changes:
        with audit.transaction():
            Membership.objects.filter(id=subject.id).update(**changes)
            audit.record(
                "membership.updated",
                actor=actor,
                object_id=subject.user_id,
                conversation_id=subject.conversation_id,
                details={name: _plain(value) for name, value in changes.items()},
            )
    for name, value in changes.items():
        setattr(subject, name, value)
    return subject


def _locked(actor: Actor, pair: Pair) -> tuple[Stream, Pair]:
    """The stream, locked, and both stays as they are under the lock."""
    conversation_id = pair.mine.conversation_id
    stream = streams.lock([conversation_id])[conversation_id]
    return stream, querysets.pair_of(actor.id, conversation_id, pair.theirs.user_id)


def _change(actor: Actor, stream: Stream, pair: Pair, role: str | None, is_muted: bool | None) -> None:
    wanted = {"role": role, "is_muted": is_muted}
    changes = {name: v for name, v in wanted.items() if v is not None and getattr(pair.theirs, name) != v}
    if "role" in changes:
        policies.can_give_role(pair.mine)
        if pair.theirs.role == Role.OWNER:
            _require_another_owner(pair.theirs)
    if "is_muted" in changes:
        policies.can_silence(pair)
    if changes:
        tell_update(actor, stream, pair.theirs, **changes)


def _set_ban(actor: Actor, stream: Stream, pair: Pair, is_blocked: bool) -> None:
    policies.can_silence(pair)
    stay = pair.theirs
    if stay.is_blocked == is_blocked:
        return
    if stay.left_seq is None:
        unseat(actor, stream, [stay], "removed", is_blocked=True)
    else:
        stay.is_blocked = is_blocked
        stay.save(update_fields=["is_blocked"])
    audit.record(
        "member.banned" if is_blocked else "member.unbanned",
        actor=actor,
        object_id=stay.user_id,
        conversation_id=stay.conversation_id,
    )


def _require_another_owner(membership: Membership) -> None:
    if membership.role == Role.OWNER and not querysets.has_owner_besides(membership):
        raise Conflict("The room needs an owner: make somebody else one first.")


def _settled(wanted: dict[str, bool | datetime | None]) -> dict[str, bool | datetime | None]:
    """The columns that follow from what was asked."""
    until = wanted.get("muted_until")
    if isinstance(until, datetime) and (until <= now() or wanted.get("muted") is False):
        raise Invalid(
            "Some fields are not valid.",
            errors=[FieldError("mutedUntil", "invalid", "Name a time to come, and do not un-mute with it.")],
        )
    settled = dict(wanted)
    if until is not None:
        settled["muted"] = True
    elif "muted" in wanted:
        settled["muted_until"] = None
    return settled


def _plain(value: bool | datetime | None) -> bool | str | None:
    return value.isoformat() if isinstance(value, datetime) else value
