"""Members: who belongs to a conversation, since when, and whom somebody knows through it."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.functions import Lower, Now

from accounts.models import User
from accounts.querysets import people_visible_to
from core.actor import Actor
from core.errors import NotFound
from core.prepared import Prepared
from messaging.models import Conversation, Membership
from messaging.models.conversation import History, Kind
from messaging.models.membership import LEADERS, Role
from messaging.policies import Pair, Removal
from messaging.querysets.stays import ended_seq, lasting
from messaging.querysets.watermarks import BLOCKED, WATERMARKS, as_told, known
from messaging.rows import SEAT_FIELDS, STAY_FIELDS, Seat, Sight, Stay, first_seq
from realtime.wiring import Begun, Ending


def not_found(conversation_id: UUID) -> NotFound:
    """The answer about a conversation that does not exist for the person who asks."""
    return NotFound(subject_id=conversation_id, conversation_id=conversation_id)


def sight_of(user_id: UUID, conversation_id: UUID) -> Sight:
    """What this person sees of the conversation; raises NotFound when they are no member of it or it is deleted."""
    rows = _everybody(conversation_id)
    stays = tuple(Stay._make(row[:-3]) for row in rows)
    mine = next((stay for stay in stays if stay.user_id == user_id and stay.left_seq is None), None)
    if mine is None:
        raise not_found(conversation_id)
    kind, history, head_seq = rows[0][-3:]
    if kind == Kind.DIRECT:
        stays = as_told({conversation_id: stays})[conversation_id]
    return Sight(conversation_id, kind, first_seq(history, mine.joined_seq), head_seq, stays)


def sights_of(user_id: UUID, conversation_ids: Collection[UUID]) -> dict[UUID, Sight]:
    """The same of several conversations, without those they are no member of, in two queries."""
    mine = _present(user=user_id, conversation__in=conversation_ids).select_related("conversation__stream")
    stays = stays_of(conversation_ids)
    return {
        one.id: Sight(one.id, one.kind, first_seq(one.history, stay.joined_seq), one.stream.head_seq, stays[one.id])
        for stay in mine
        for one in [stay.conversation]
    }


def stays_of(conversation_ids: Iterable[UUID]) -> dict[UUID, tuple[Stay, ...]]:
    """Everybody's stays in these conversations, past ones too, with their watermarks as others know them."""
    found: dict[UUID, tuple[Stay, ...]] = {}
    direct: set[UUID] = set()
    rows = Membership.objects.filter(conversation__in=set(conversation_ids)).annotate(ended_seq=ended_seq())
    for conversation_id, kind, *stay in rows.values_list("conversation_id", "conversation__kind", *STAY_FIELDS):
        found[conversation_id] = (*found.get(conversation_id, ()), Stay._make(stay))
        if kind == Kind.DIRECT:
            direct.add(conversation_id)
    return found | as_told({id_: found[id_] for id_ in direct})


def seats_of(places: Iterable[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Seat]:
    """The seats of these (conversation, user); who is no member, or whose conversation is deleted, has none."""
    rows = _seats(*(list(set(part)) for part in zip(*places, strict=True)))
    return {(conversation_id, user_id): Seat._make(seat) for conversation_id, user_id, *seat in rows}


def seat_of(conversation_id: UUID, user_id: UUID) -> Seat:
    """One person's seat; raises NotFound."""
    seat = seats_of([(conversation_id, user_id)]).get((conversation_id, user_id))
    if seat is None:
        raise not_found(conversation_id)
    return seat


def membership_of(user_id: UUID, conversation_id: UUID) -> Membership:
    """This person's present stay with its conversation and stream; raises NotFound."""
    found = _present(user=user_id, conversation=conversation_id).select_related("conversation__stream").first()
    if found is None:
        raise not_found(conversation_id)
    return found


def members_of(conversation_id: UUID) -> QuerySet[Membership]:
    """The present members with their users, in the order in which they joined."""
    return _present(conversation=conversation_id).select_related("user").order_by("joined_at", "id")


def members_shown_to(membership: Membership) -> list[Membership]:
    """The same for one of them, with the watermarks of each as far as that one may know them.

    Raises NotFound when they are none of them any more.
    """
    columns = WATERMARKS if membership.conversation.kind == Kind.DIRECT else ()
    annotations = {f"known_{column}": known(column, to=membership.user_id) for column in columns}
    members = list(members_of(membership.conversation_id).annotate(**annotations))
    if membership.user_id not in {member.user_id for member in members}:
        raise not_found(membership.conversation_id)
    for member in members:
        for column in columns:
            setattr(member, column, getattr(member, f"known_{column}"))
    return members


def members_named(
    conversation_ids: Collection[UUID], usernames: Collection[str], user_ids: Collection[UUID]
) -> list[tuple[UUID, UUID, str]]:
    """(conversation, user, login name in lower case) of present members with one of these names or ids."""
    rows = _named(list(conversation_ids), list(usernames), list(user_ids))
    return [(conversation_id, user_id, username) for conversation_id, user_id, username in rows]


def alive(conversation_ids: Collection[UUID]) -> set[UUID]:
    """Those of these conversations that exist and are not deleted."""
    return set(Conversation.objects.filter(pk__in=conversation_ids, deleted_at=None).values_list("pk", flat=True))


def user_ids_of(conversation_id: UUID) -> list[UUID]:
    """Who is in the conversation, deleted or not."""
    return list(Membership.objects.filter(lasting(), conversation=conversation_id).values_list("user_id", flat=True))


def others_who_see(membership: Membership, seq: int) -> list[UUID]:
    """The other present members of the conversation to whom event `seq` is visible; nobody where one of two has
    blocked the other."""
    others = _present(conversation=membership.conversation_id).exclude(id=membership.id)
    if membership.conversation.kind == Kind.DIRECT:
        others = others.exclude(BLOCKED)
    if membership.conversation.history != History.ALL:
        others = others.filter(joined_seq__lte=seq)
    return list(others.values_list("user_id", flat=True))


def visible_streams(user_id: UUID) -> dict[UUID, int]:
    """The conversations whose events this person receives, each with the first number they may see."""
    rows = _present(user=user_id).values_list("conversation_id", "conversation__history", "joined_seq")
    return {conversation_id: first_seq(history, joined_seq) for conversation_id, history, joined_seq in rows}


def sights(conversation_id: UUID) -> dict[UUID, int]:
    """The present members of a conversation, each with the first number they may see of it."""
    rows = _present(conversation=conversation_id).values_list("user_id", "conversation__history", "joined_seq")
    return {user_id: first_seq(history, joined_seq) for user_id, history, joined_seq in rows}


def begun_since(moment: datetime) -> list[Begun]:
    """The stays that began after this moment of the database's clock and last, in conversations that are there."""
    rows = _present(joined_at__gt=moment)
    fields = rows.values_list("user_id", "conversation_id", "conversation__history", "joined_seq")
    return [Begun(user, stream, first_seq(history, joined), joined) for user, stream, history, joined in fields]


def stays_ending(moment: datetime) -> list[Ending]:
    """The stays whose end has come by then, and is not written down."""
    over = Membership.objects.filter(left_seq=None, until__lte=moment)
    fields = over.values_list("user_id", "conversation_id", "joined_seq", "until")
    return [Ending(user, stream, joined, until) for user, stream, joined, until in fields if until is not None]


def pair_of(user_id: UUID, conversation_id: UUID, other_id: UUID) -> Pair:
    """This person's present stay and the other's present or last one in the conversation; raises NotFound.

    Past members are for owners and moderators only: for everybody else they are not there. Somebody whose end has come
    is as good as gone and has no stay here until that is written down.
    """
    stays = Membership.objects.filter(conversation=conversation_id, user__in={user_id, other_id})
    found = stays.filter(lasting() | Q(left_seq__isnull=False), conversation__deleted_at=None)
    latest = {stay.user_id: stay for stay in found.select_related("conversation", "user").order_by("joined_seq")}
    mine, theirs = latest.get(user_id), latest.get(other_id)
    if mine is None or mine.left_seq is not None:
        raise not_found(conversation_id)
    if theirs is None or (theirs.left_seq is not None and mine.role not in LEADERS):
        raise NotFound(subject_id=other_id, conversation_id=conversation_id)
    return Pair(mine, theirs)


def last_stays(conversation_id: UUID, user_ids: Collection[UUID]) -> dict[UUID, Membership]:
    """The present or last stay of each of these people who ever belonged to the conversation."""
    stays = Membership.objects.filter(conversation=conversation_id, user__in=user_ids)
    return {stay.user_id: stay for stay in stays.select_related("user").order_by("joined_seq")}


def stays_named(membership_ids: Collection[UUID]) -> list[Membership]:
    """These stays with their users, in the order in which they began."""
    return list(Membership.objects.filter(id__in=membership_ids).select_related("user").order_by("joined_seq"))


def banned_from(conversation_id: UUID) -> QuerySet[Membership]:
    """The last stays of those who may not come back, with their users, in the order in which they left."""
    banned = Membership.objects.filter(conversation=conversation_id, is_blocked=True)
    return banned.select_related("user").order_by("left_at", "id")


def count_members(conversation_id: UUID) -> int:
    return _present(conversation=conversation_id).count()


def has_owner_besides(membership: Membership) -> bool:
    """Whether somebody else who is not disabled owns the conversation."""
    others = _present(conversation=membership.conversation_id, role=Role.OWNER, user__is_active=True)
    return others.exclude(id=membership.id).exists()


def due_stays(most: int) -> list[tuple[UUID, UUID]]:
    """(conversation, user) of stays whose end has come and is not written down, the longest due first."""
    due = Membership.objects.filter(left_seq=None, until__lte=Now(), conversation__shredded_at=None).order_by("until")
    return list(due.values_list("conversation_id", "user_id")[:most])


def overdue_in(conversation_id: UUID) -> list[Membership]:
    """The same of one conversation, under its lock."""
    return list(Membership.objects.filter(conversation=conversation_id, left_seq=None, until__lte=Now()))


def people_sharing_with(user_id: UUID) -> QuerySet[Membership, Any]:
    """Ids of everybody who is in a conversation with this person now: one column, for a subquery."""
    return _present(conversation__in=_present(user=user_id).values("conversation")).values("user_id")


def shares_conversation(one: UUID, other: UUID) -> bool:
    return people_sharing_with(one).filter(user=other).exists()


def people_seen_by(actor: Actor, user_ids: Collection[UUID]) -> dict[UUID, User]:
    """Those of these people whom the actor may know of."""
    return {user.id: user for user in people_visible_to(actor).filter(id__in=user_ids)}


def removal_of(actor: Actor, conversation_id: UUID) -> Removal:
    """The conversation for somebody who wants to delete it.

    Raises NotFound unless they are a member or have the right to moderate.
    """
    conversation = Conversation.objects.filter(pk=conversation_id, deleted_at=None).first()
    role = _present(user=actor.id, conversation=conversation_id).values_list("role", flat=True).first()
    right = may_moderate(actor)
    if conversation is None or (role is None and not right):
        raise not_found(conversation_id)
    return Removal(conversation, role, right)


def may_moderate(actor: Actor) -> bool:
    """Whether the actor has the right to act in conversations they are no member of."""
    if actor.is_superuser or not actor.is_staff:
        return actor.is_superuser
    return User.objects.get(id=actor.id).has_perm("messaging.moderate_conversation")


def _present(**where: object) -> QuerySet[Membership]:
    return Membership.objects.filter(lasting(), conversation__deleted_at=None, **where)


# Whose provider is away, and has not said so within a day: `absence` looks again before it says it.
_ABSENT = Case(
    When(
        (Q(conversation__out_of_office_at=None) | Q(conversation__out_of_office_at__lte=Now() - timedelta(days=1)))
        & ~Q(conversation__provider=F("user")),
        conversation__kind=Kind.CLINICAL,
        conversation__provider__out_of_office__isnull=False,
        then=True,
    ),
    default=False,
)

_named = Prepared(
    lambda conversations, names, users: (
        _present(conversation__in=conversations)
        .annotate(username=Lower("user__username"))
        .filter(Q(username__in=names) | Q(user__in=users))
        .values_list("conversation_id", "user_id", "username")
    ),
    *([UUID], [str], [UUID]),
)

_everybody = Prepared(
    lambda conversation_id: (
        Membership.objects.filter(conversation=conversation_id, conversation__deleted_at=None)
        .annotate(ended_seq=ended_seq())
        .values_list(*STAY_FIELDS, "conversation__kind", "conversation__history", "conversation__stream__head_seq")
    ),
    UUID,
)

_seats = Prepared(
    lambda conversations, users: (
        _present(conversation__in=conversations, user__in=users)
        .annotate(blocked=BLOCKED, has_absent_provider=_ABSENT)
        .values_list("conversation_id", "user_id", *SEAT_FIELDS)
    ),
    *([UUID], [UUID]),
)
