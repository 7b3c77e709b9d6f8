"""Reading a thread: the replies that name a message as their beginning."""

from core.actor import Actor
from core.errors import Invalid
from messaging import querysets
from messaging.rendering import Wire
from messaging.rows import MessageRow
from messaging.showing import shown_page
from messaging.viewing import record_now, viewing_of


def read_thread(
    *, actor: Actor, subject: MessageRow, before: int | None = None, after: int | None = None, limit: int = 50
) -> Wire:
    """A page of the thread this message begins, ascending, without the message itself; empty when it begins none.

    Bounds, answer and record are those of `read_history`. Replies to a message that was deleted are still there.
    """
    if before is not None and after is not None:
        raise Invalid("Give either before or after, not both.")
    seen = querysets.sight_of(actor.id, subject.conversation_id)
    rows = querysets.thread_page(actor.id, subject.id, before, after, limit + 1)
    page = shown_page(rows, limit, actor.id, seen, ascending=after is not None)
    record_now(viewing_of(actor, subject.conversation_id, page["results"]))
    return page
