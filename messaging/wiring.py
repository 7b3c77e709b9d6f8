"""What messaging hands to the packages on its left when the server starts."""

from collections.abc import Sequence
from typing import Any

from messaging import querysets
from messaging.bodies import load_keys
from messaging.rendering import event_message, missing_message, removed_message, veiled
from messaging.rows import NO_EXTRAS, MessageRow
from realtime.models import Event

_NEW = "message:new"


def render_events(events: Sequence[Event]) -> list[dict[str, Any]]:
    """The `data` of events about messages, in their order, the same for every receiver.

    Rendered from the messages as they are now, so that a replay shows today's text and tombstones of what was deleted
    or removed. A message that somebody else took out of its table costs its own event only.
    """
    messages = querysets.messages_by_id(event.message_id for event in events if event.message_id is not None)
    removed = querysets.removed_by_id({e.message_id for e in events if e.message_id is not None} - messages.keys())
    load_keys(messages.values())
    extras = querysets.extras_of(messages.values())
    # A client counts the replies that come after an event, so the event counts those before it.
    later = {(e.message_id, e.seq) for e in events if e.message_id in messages and e.kind != _NEW}
    threads = querysets.thread_counts_at([place for place in later if messages[place[0]].has_thread])

    def data(event: Event, row: MessageRow | None) -> dict[str, Any]:
        if row is None:
            place = None if event.message_id is None else removed.get(event.message_id)
            return missing_message(event) if place is None else removed_message(event, place)
        found = extras.get(row.id, NO_EXTRAS)
        return event_message(row, found._replace(thread_count=threads.get((row.id, event.seq), 0)))

    return [data(event, messages.get(event.message_id)) for event in events if event.message_id is not None]


def wire() -> None:
    """Called once, by AppConfig.ready()."""
    from accounts import erasure, sharing
    from attachments import wiring as attachments
    from audit import verify
    from audit import writer as audit_writer
    from core import doors
    from encryption import shredding
    from messaging import erasing, held
    from messaging.drafts import SendDraft
    from messaging.missing import explain_missing
    from messaging.places import is_member, may_see_message, place_for
    from messaging.removal.leftovers import look_again
    from messaging.services.shredding import carry_out, shredded_conversations
    from messaging.verification import check_bodies, check_removed
    from messaging.writer import store_sends
    from realtime import wiring as realtime

    held.wire()
    audit_writer.register(SendDraft, store_sends)
    verify.extra_checks += [check_bodies, check_removed]
    realtime.visible_streams = querysets.visible_streams
    realtime.begun_since = querysets.begun_since
    realtime.sights = querysets.sights
    realtime.ending = querysets.stays_ending
    realtime.shredded_streams = querysets.shredded_among
    doors.explain_missing = explain_missing
    erasure.follow = erasing.follow
    shredding.consequences.append(carry_out)
    shredding.lost.append(shredded_conversations)
    shredding.came_back.append(look_again)
    realtime.deleted_streams = querysets.deleted_conversations
    realtime.render = render_events
    realtime.veiled = veiled
    attachments.place_for = place_for
    attachments.may_see_message = may_see_message
    attachments.is_member = is_member
    sharing.shares_conversation = querysets.shares_conversation
    sharing.people_sharing_with = querysets.people_sharing_with
