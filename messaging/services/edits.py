"""What a message said before it was edited."""

from uuid import UUID

from core.actor import Actor
from core.rest import read_cursor, sign_cursor
from messaging import querysets
from messaging.bodies import load_keys
from messaging.models import MessageEdit
from messaging.rendering import Wire, earlier_text
from messaging.rows import MessageRow
from messaging.services.holding import require_living
from messaging.viewing import record_now, viewing_of


def read_edits(*, actor: Actor, subject: MessageRow, cursor: str | None = None, limit: int = 50) -> Wire:
    """The earlier texts of a message, the oldest first, each with when it was replaced: `{results, nextCursor}`.

    For everybody who may see the message; recorded as reading it is. Empty when it was never edited. Raises Gone for a
    message that is gone, whose earlier texts are gone with it, and InvalidCursor.
    """
    require_living(subject)
    after = None if cursor is None else int(read_cursor(_list_of(subject.id), actor.id, cursor)[0])
    edits = querysets.edits_of(subject.id, after, limit + 1)
    results = _rendered(subject, edits[:limit])
    place = {"id": subject.id, "conversationId": subject.conversation_id, "seq": subject.seq}
    record_now(viewing_of(actor, subject.conversation_id, [{**place, **one} for one in results]))
    return {"results": results, "nextCursor": _cursor(actor, subject.id, edits, limit)}


def _list_of(message_id: UUID) -> str:
    return f"edits.{message_id}"


def _cursor(actor: Actor, message_id: UUID, edits: list[MessageEdit], limit: int) -> str | None:
    """Where the next page begins; `edits` has one more than `limit` where there is one."""
    if len(edits) <= limit:
        return None
    return sign_cursor(_list_of(message_id), actor.id, [edits[limit - 1].revision])


def _rendered(row: MessageRow, edits: list[MessageEdit]) -> list[Wire]:
    earlier = [row._replace(body=bytes(edit.body), revision=edit.revision) for edit in edits]
    load_keys(earlier)
    return [earlier_text(then, edit.replaced_at) for then, edit in zip(earlier, edits, strict=True)]
