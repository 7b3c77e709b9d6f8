"""Looking people up. Who looked is recorded, what they typed is not."""

from uuid import UUID

from accounts import querysets
from accounts.models import User
from audit.writer import EntryDraft, writer
from core.actor import Actor


def view_people(*, actor: Actor, search: str, after: UUID | None, limit: int) -> list[User]:
    """The actor's directory from behind the person `after` on, recorded as seen: `limit` people, and one more when more
    come."""
    found = list(querysets.directory(actor, search, after)[: limit + 1])
    writer.submit(EntryDraft("users.viewed", actor, details={"count": min(len(found), limit)})).result()
    return found


def view_person(*, actor: Actor, user_id: UUID) -> User:
    """One of them, recorded as seen; raises NotFound for everybody the actor may not know of."""
    found = querysets.person(actor, user_id)
    writer.submit(EntryDraft("users.viewed", actor, object_id=user_id)).result()
    return found
