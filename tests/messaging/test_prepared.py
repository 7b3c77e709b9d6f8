"""Queries compiled once give the rows of the queryset they were made from."""

from uuid import UUID, uuid4

import pytest
from django.db.models import QuerySet

from core.prepared import Prepared, Row
from messaging.models import Membership, Message
from tests.messaging.talking import say
from tests.people import Person


def texts_after(conversation_id: UUID, after: int, most: int) -> "QuerySet[Message, Row]":
    messages = Message.objects.filter(conversation=conversation_id, seq__gt=after, type="text").order_by("seq")
    return messages.values_list("seq", "id", "body", "created_at", "client_message_id")[:most]


by_seq = Prepared(texts_after, UUID, int, int)
among = Prepared(
    lambda users, roles: Membership.objects.filter(user__in=users, role__in=roles).order_by("role").values_list("user"),
    *([UUID], [str]),
)


@pytest.mark.core
def test_the_rows_are_those_of_the_queryset(pat1: Person, c1: str) -> None:
    say(pat1, c1, *[str(n) for n in range(9)])
    for arguments in ((UUID(c1), 0, 200), (UUID(c1), 3, 2), (UUID(c1), 2**40, 5), (uuid4(), 0, 5)):
        assert by_seq(*arguments) == list(texts_after(*arguments))
    assert [row[0] for row in by_seq(UUID(c1), 3, 2)] == [4, 5]


@pytest.mark.core
def test_lists_of_any_length_go_into_one_statement(pat1: Person, doc1: Person, c1: str) -> None:
    assert among([pat1.id, doc1.id, uuid4()], ["member", "owner"]) == [(pat1.id,), (doc1.id,)]
    assert among([pat1.id, doc1.id], ["owner"]) == [(doc1.id,)]
    assert among([], ["owner"]) == []
    assert among([pat1.id], ["it's \" % a role"]) == []
