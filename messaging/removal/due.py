"""Which messages and events are older than policies allow: conditions that the database answers.

The period of a message depends on its conversation's kind and course, its type, and whether it was deleted. There are
few of each, so every combination is asked for once, and those that come to the same moment become one condition.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import reduce
from itertools import product
from operator import or_

from django.db.models import Q

from core.retention import Schedule, Scope
from messaging.models.conversation import Kind
from messaging.models.message import Type

LIVING, DELETED = "living", "deleted"

_NOTHING = Q(pk__in=[])


def due_messages(schedule: Schedule) -> Q:
    """Messages whose period is over, in conversations that are not held. A deleted one counts from its deletion."""
    courses = _courses(schedule)
    due = [
        _course("conversation__course_id", course, courses) & _state(state, before) & _any(kinds)
        for (course, state, before), kinds in _by_moment(schedule, courses).items()
    ]
    return reduce(or_, due, _NOTHING) & schedule.not_held(conversation="conversation_id")


def due_events(schedule: Schedule) -> Q:
    """Events whose period is over, in conversations that are not held. `stream__conversation` is the way to those."""
    courses = _courses(schedule)
    due: defaultdict[tuple[str, datetime], list[str]] = defaultdict(list)
    for course, kind in product(["", *courses], Kind.values):
        if (before := schedule.over(Scope(kind, course))) is not None:
            due[course, before].append(kind)
    conditions = [
        _course("stream__conversation__course_id", course, courses)
        & Q(stream__conversation__kind__in=kinds, created_at__lt=before)
        for (course, before), kinds in due.items()
    ]
    return reduce(or_, conditions, _NOTHING) & schedule.not_held(conversation="stream_id")


Kinds = dict[str, list[str]]
"""Kinds of conversations, each with types of messages."""


def _by_moment(schedule: Schedule, courses: Iterable[str]) -> dict[tuple[str, str, datetime], Kinds]:
    """What goes if it is older than a moment, by course, state and that moment."""
    found: dict[tuple[str, str, datetime], Kinds] = {}
    for course, state, kind, type_ in product(["", *courses], (LIVING, DELETED), Kind.values, Type.values):
        if (before := schedule.over(Scope(kind, course, type_, state))) is not None:
            found.setdefault((course, state, before), {}).setdefault(kind, []).append(type_)
    return found


def _any(kinds: Kinds) -> Q:
    """Messages of these kinds of conversations and, in each, of these types: kinds with the same types together."""
    alike: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for kind, types in kinds.items():
        alike[tuple(types)].append(kind)
    return reduce(or_, (_of(types, kinds) for types, kinds in alike.items()))


def _of(types: tuple[str, ...], kinds: list[str]) -> Q:
    of_kinds = Q() if len(kinds) == len(Kind.values) else Q(conversation__kind__in=kinds)
    return of_kinds if len(types) == len(Type.values) else of_kinds & Q(type__in=types)


def _state(state: str, before: datetime) -> Q:
    return Q(deleted_at=None, created_at__lt=before) if state == LIVING else Q(deleted_at__lt=before)


def _courses(schedule: Schedule) -> list[str]:
    """The courses that policies name."""
    return sorted({scope.course_id for scope in schedule.scopes() if scope.course_id})


def _course(column: str, course: str, named: list[str]) -> Q:
    """Conversations of this course; for an empty one those of no course that is named."""
    if course:
        return Q(**{column: course})
    return ~Q(**{f"{column}__in": named}) if named else Q()
