"""Cover: a provider who is away lets colleagues into a clinical conversation, as members, until a date.

The patient is told by the server itself, in the same transaction. Covering staff read what is written while they
cover: what was said before they came is between the two, unless the provider has set the conversation's `history` to
`all`. At the end nothing needs to happen for it to be over: a stay whose end has come counts for nothing wherever
stays are read (`querysets.stays`), and open sockets lose the conversation at that moment (`realtime.polling`). A job
then writes it down, as a `member:left` with a number.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import audit
from accounts.models import Role as PersonRole
from accounts.models import User
from core.actor import SYSTEM, Actor
from core.errors import FieldError, Invalid, UnknownField
from core.time import now
from messaging import policies, querysets
from messaging.models import Conversation, Membership
from messaging.models.membership import Role
from messaging.opening import people_named, require_enabled
from messaging.services.seating import require_seats, seat, tell_update, unseat
from messaging.services.system import post_system_message
from realtime import streams
from realtime.models import Stream

LONGEST = timedelta(days=90)

_AT_ONCE = 500


def add_cover(
    actor: Actor, subject: Membership, user_ids: Sequence[UUID], *, role: str | None, until: datetime | None
) -> tuple[list[Membership], bool]:
    """Have providers cover until that time; who covers already does so until then instead.

    Returns the stays of all who were named, and whether there is a new one among them. Raises Invalid for people who
    are no providers or are in the conversation anyway, and for a time that is not within the next 90 days; otherwise
    as `add_members`.
    """
    if role not in {None, Role.MEMBER}:
        raise UnknownField("Who covers is a plain member.")
    end = _checked(until)
    with audit.transaction():
        stream = streams.lock([subject.conversation_id])[subject.conversation_id]
        membership = querysets.membership_of(actor.id, subject.conversation_id)
        policies.can_add_members(actor, membership)
        _write_down(stream)
        people = people_named(actor, user_ids)
        _require_able(membership.conversation, people)
        stays, added = _cover(actor, stream, membership.conversation, people, end)
        audit.record(
            "cover.arranged",
            actor=actor,
            object_id=subject.conversation_id,
            conversation_id=subject.conversation_id,
            details={"users": [person.id for person in people], "until": end.isoformat()},
        )
        named = [membership.conversation.provider_id, *(person.id for person in people)]
        post_system_message(
            subject.conversation_id,
            _announcement(membership.conversation, people, end),
            about=filter(None, named),
        )
    return stays, added


def end_due_stays() -> None:
    """Write down the ends that have come, conversation by conversation; a repeat finds nothing to do."""
    while due := querysets.due_stays(_AT_ONCE):
        for conversation_id in dict.fromkeys(conversation_id for conversation_id, _ in due):
            with audit.transaction():
                _write_down(streams.lock([conversation_id])[conversation_id])


def _write_down(stream: Stream) -> None:
    if overdue := querysets.overdue_in(stream.id):
        unseat(SYSTEM, stream, overdue, "left")


def _cover(
    actor: Actor, stream: Stream, conversation: Conversation, people: Sequence[User], until: datetime
) -> tuple[list[Membership], bool]:
    known = querysets.last_stays(conversation.id, [person.id for person in people])
    present = [stay for stay in known.values() if stay.left_seq is None]
    newcomers = [person for person in people if person.id not in {stay.user_id for stay in present}]
    require_enabled(newcomers)
    require_seats(conversation, len(newcomers))
    for stay in present:
        tell_update(actor, stream, stay, until=until)
    user_ids = [person.id for person in newcomers]
    added = seat(actor, stream, conversation, user_ids, until=until) if newcomers else []
    return present + added, bool(added)


def _checked(until: datetime | None) -> datetime:
    moment = now()
    if until is None:
        raise _wrong("until", "required", "Say until when they cover.")
    if not moment < until <= moment + LONGEST:
        raise _wrong("until", "invalid", f"Name a time within the next {LONGEST.days} days.")
    return until


def _require_able(conversation: Conversation, people: Sequence[User]) -> None:
    """Providers, and not the two whose conversation it is."""
    if not people:
        raise _wrong("userIds", "invalid", "Name somebody else.")
    if any(person.role != PersonRole.PROVIDER for person in people):
        raise _wrong("userIds", "invalid", "Only providers cover.")
    if conversation.provider_id in {person.id for person in people}:
        raise _wrong("userIds", "invalid", "Nobody covers for themselves.")


def _announcement(conversation: Conversation, people: Sequence[User], until: datetime) -> str:
    """What everybody in the conversation reads, with the end as the patient's clock will show it."""
    pair = User.objects.in_bulk([conversation.patient_id, conversation.provider_id])
    patient, provider = pair[conversation.patient_id], pair[conversation.provider_id]
    end = until.astimezone(ZoneInfo(patient.time_zone))
    names = " and ".join(map(_called, people))
    verb = "covers" if len(people) == 1 else "cover"
    moment = f"{end.day} {end:%B %Y, %H:%M} ({patient.time_zone})"
    return f"{names} {verb} for {_called(provider)} until {moment} and can read what is written here meanwhile."


def _called(person: User) -> str:
    return person.display_name or person.username


def _wrong(field: str, code: str, message: str) -> Invalid:
    return Invalid("Some fields are not valid.", errors=[FieldError(field, code, message)])
