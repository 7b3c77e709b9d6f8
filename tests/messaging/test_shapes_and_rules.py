"""What is documented is what is sent, and the database keeps the rules that services rely on."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from django.db import IntegrityError, transaction
from django.db.models import Model

from core.ids import uuid7
from core.shapes import Shape
from messaging import serializers as shapes
from messaging.models import Conversation, Membership, Message
from messaging.models.conversation import pair_key
from realtime import streams
from tests.messaging.talking import answered, open_room, page, post, send
from tests.people import Person


def matches(shape: type[Shape], wire: dict[str, Any]) -> None:
    """Every key is a field of the shape, and every field that is always there is."""
    fits(shape(), wire)


def fits(shape: Shape, wire: dict[str, Any]) -> None:
    fields = shape.fields
    assert wire.keys() <= fields.keys()
    assert {name for name, field in fields.items() if field.required} <= wire.keys()
    for name, value in wire.items():
        field = fields[name]
        if isinstance(field, Shape) and value is not None:
            fits(field, value)


def test_what_is_sent_has_the_shape_that_is_documented(patient: httpx.Client, doctor: httpx.Client, c1: str) -> None:
    first = send(patient, c1, "1", clientMessageId="k")
    matches(shapes.SentOut, answered(post(patient, c1, "1", clientMessageId="k")))
    matches(shapes.SentOut, send(doctor, c1, "2", replyToId=first["id"]))
    matches(shapes.MessageOut, answered(patient.patch(f"/api/v1/messages/{first['id']}", json={"content": "3"})))
    matches(shapes.MessageOut, answered(patient.delete(f"/api/v1/messages/{first['id']}")))
    found = page(doctor, c1)
    matches(shapes.PageOut, found)
    for message in found["results"]:
        matches(shapes.MessageOut, message)
    events = answered(doctor.get(f"/api/v1/conversations/{c1}/events"))
    matches(shapes.EventsOut, events)
    for event in events["results"]:
        matches(shapes.EventOut, event)
        matches(shapes.MessageOut, event["data"])
    matches(shapes.ReceiptOut, answered(doctor.put(f"/api/v1/conversations/{c1}/read", json={"seq": 2})))
    listed = answered(patient.get("/api/v1/conversations"))
    matches(shapes.ConversationsOut, listed)
    matches(shapes.ConversationOut, listed["results"][0])
    for part, whole, each in [
        ("members", shapes.MembersOut, shapes.MemberOut),
        ("receipts", shapes.ReceiptsOut, shapes.ReceiptOut),
    ]:
        found = answered(patient.get(f"/api/v1/conversations/{c1}/{part}"))
        matches(whole, found)
        for row in found["results"]:
            matches(each, row)
    matches(shapes.UnreadOut, answered(patient.get("/api/v1/conversations/unread-count")))
    preferences = {"mutedUntil": "2999-01-01T00:00:00Z"}
    matches(shapes.PreferencesOut, answered(patient.put(f"/api/v1/conversations/{c1}/preferences", json=preferences)))
    matches(shapes.ConversationOut, answered(patient.get(f"/api/v1/conversations/{c1}")))


def conversation(person: Person, **more: Any) -> Conversation:
    return Conversation(stream=streams.open_stream(uuid7()), created_by=person.user, **more)


def refuses(row: Model) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


@pytest.mark.core
def test_rules_of_conversations(pat1: Person, doc1: Person, c1: str) -> None:
    both = {"patient": pat1.user, "provider": doc1.user}
    refuses(conversation(pat1, kind="clinical", **both))
    refuses(conversation(pat1, kind="clinical", patient=pat1.user))
    refuses(conversation(pat1, kind="group", **both))
    refuses(conversation(pat1, kind="clinical", patient=pat1.user, provider=pat1.user))
    refuses(conversation(pat1, kind="direct"))
    refuses(conversation(pat1, kind="group", pair_key="x"))
    refuses(conversation(pat1, kind="email"))
    refuses(conversation(pat1, kind="group", deleted_at="2026-01-01T00:00Z"))
    key = pair_key(pat1.id, doc1.id)
    assert key == pair_key(doc1.id, pat1.id)
    conversation(pat1, kind="direct", pair_key=key).save(force_insert=True)
    refuses(conversation(doc1, kind="direct", pair_key=key))
    Conversation.objects.filter(pair_key=key).update(deleted_at="2026-01-01T00:00Z", deleted_by=doc1.user)
    conversation(pat1, kind="direct", pair_key=key).save(force_insert=True)


@pytest.mark.core
def test_rules_of_memberships(pat1: Person, doc1: Person, doc2: Person) -> None:
    room = UUID(open_room(pat1, doc1))
    refuses(Membership(conversation_id=room, user=doc1.user))
    refuses(Membership(conversation_id=room, user=doc2.user, role="king"))
    refuses(Membership(conversation_id=room, user=doc2.user, read_seq=2, delivered_seq=1))
    refuses(Membership(conversation_id=room, user=doc2.user, left_seq=5))
    refuses(Membership(conversation_id=room, user=doc2.user, joined_seq=5, left_seq=3, left_at="2026-01-01T00:00Z"))
    refuses(Membership(conversation_id=uuid7(), user=doc2.user))


@pytest.mark.core
def test_rules_of_messages(pat1: Person, doc1: Person, c1: str) -> None:
    def message(seq: int, **more: Any) -> Message:
        return Message(conversation_id=UUID(c1), seq=seq, sender=pat1.user, body=b"x", **more)

    message(1, client_message_id="k").save(force_insert=True)
    message(2).save(force_insert=True)
    message(3).save(force_insert=True)
    refuses(message(1))
    refuses(message(0))
    refuses(message(4, client_message_id="k"))
    refuses(message(4, client_message_id=""))
    refuses(message(4, type="smoke"))
    refuses(message(4, deleted_at="2026-01-01T00:00Z", deleted_by=pat1.user))
