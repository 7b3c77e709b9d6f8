"""What messaging hands to the packages on its left when the server starts."""

from collections.abc import Sequence
from typing import Any

from messaging import querysets
from messaging.bodies import load_keys
from messaging.rendering import event_message, missing_message
from realtime.models import Event


def render_events(events: Sequence[Event]) -> list[dict[str, Any]]:
    """The `data` of events about messages, in their order, the same for every receiver.

    Rendered from the messages as they are now, so that a replay shows today's text and tombstones of what was deleted.
    A message that is gone from its table, which nobody does who may, costs its own event only.
    """
    messages = querysets.messages_by_id(event.message_id for event in events if event.message_id is not None)
    load_keys(messages.values())
    wires = {message_id: event_message(row) for message_id, row in messages.items()}
    return [wires.get(e.message_id) or missing_message(e) for e in events if e.message_id is not None]


def wire() -> None:
    """Called once, by AppConfig.ready()."""
    from accounts import sharing
    from audit import verify
    from audit import writer as audit_writer
    from messaging.verification import check_bodies
    from messaging.writer import SendDraft, store_sends
    from realtime import wiring as realtime

    audit_writer.register(SendDraft, store_sends)
    verify.extra_checks.append(check_bodies)
    realtime.visible_streams = querysets.visible_streams
    realtime.begun_since = querysets.begun_since
    realtime.deleted_streams = querysets.deleted_conversations
    realtime.render = render_events
    sharing.shares_conversation = querysets.shares_conversation
    sharing.people_sharing_with = querysets.people_sharing_with
