"""What accounts keeps about somebody, for themselves: their share of `GET /me/export`.

Everything comes in pages, so that nobody's history is ever in memory as a whole, and nothing is held between two pages:
neither a thread nor a connection.
"""

from collections.abc import Iterator
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from accounts import blocks
from accounts.models import LoginSession, User
from accounts.serializers import me_out, session_out
from core.actor import Actor
from core.time import wire_time

PAGE = 100
"""Rows at once: of the largest messages there are, some megabytes."""

Line = dict[str, Any]
Pages = Iterator[list[Line]]
M = TypeVar("M", bound=Model)


def in_pages(rows: QuerySet[M]) -> Iterator[list[M]]:
    """All of these rows, in the order of their ids, each page asked for when the one before has been dealt with."""
    after: UUID | None = None
    while page := list((rows if after is None else rows.filter(pk__gt=after)).order_by("pk")[:PAGE]):
        yield page
        after = page[-1].pk


def profile(actor: Actor) -> Pages:
    user = User.objects.get(pk=actor.id)
    more = {"email": user.email, "customStatus": user.custom_status, "createdAt": wire_time(user.created_at)}
    yield [{**me_out(user), **more}]


def sessions(actor: Actor) -> Pages:
    """Every device they have been signed in on, also where that has ended."""
    for page in in_pages(LoginSession.objects.filter(user=actor.id)):
        yield [_session(session, actor) for session in page]


def _session(session: LoginSession, actor: Actor) -> Line:
    line = session_out(session, actor.session_id)
    if session.revoked_at is None:
        return line
    return {**line, "endedAt": wire_time(session.revoked_at), "endedBy": session.reason}


def blocked(actor: Actor) -> Pages:
    """Whom they have blocked. Who has blocked them is nobody's to tell."""
    for page in in_pages(blocks.of(actor.id).select_related("blocked")):
        yield [
            {
                "userId": str(block.blocked_id),
                "username": block.blocked.username,
                "createdAt": wire_time(block.created_at),
            }
            for block in page
        ]
