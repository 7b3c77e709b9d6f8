"""What a shape accepts and how it says no."""

from typing import Any
from uuid import UUID

import pytest
from rest_framework import serializers

from core.errors import Invalid, InvalidText, TooLarge, UnknownField
from core.shapes import Shape, TextField, camel, validate

pytestmark = pytest.mark.core

ROOM = "0193f0e0-0000-7000-8000-000000000001"


class Note(Shape):
    conversation_id = serializers.UUIDField()
    content = TextField(max_characters=10, max_bytes=16)
    seq = serializers.IntegerField(required=False, min_value=0, max_value=2**63 - 1)
    kind = serializers.ChoiceField(choices=["text", "voice"], default="text")
    muted = serializers.BooleanField(required=False)
    nick_name = serializers.CharField(required=False, max_length=5, allow_null=True)


def note(**more: Any) -> dict[str, Any]:
    return {"conversationId": ROOM, "content": "hi", **more}


def test_names_are_camel_case_outside_and_snake_case_inside() -> None:
    assert camel("client_message_id") == "clientMessageId"
    assert validate(Note, note()) == {"conversation_id": UUID(ROOM), "content": "hi", "kind": "text"}


def test_a_field_that_does_not_exist_is_named() -> None:
    with pytest.raises(UnknownField, match="senderId"):
        validate(Note, note(senderId=ROOM))


def test_snake_case_is_not_a_second_spelling() -> None:
    with pytest.raises(UnknownField):
        validate(Note, {"conversation_id": ROOM, "content": "hi"})


@pytest.mark.parametrize("body", [None, [], "text", 5, True])
def test_a_body_must_be_an_object(body: object) -> None:
    with pytest.raises(Invalid):
        validate(Note, body)


def test_every_wrong_field_is_listed_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        validate(Note, {"conversationId": "x", "seq": -1})
    assert {(e.field, e.code) for e in caught.value.errors} == {
        ("conversationId", "invalid"),
        ("seq", "min_value"),
        ("content", "required"),
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seq", "1"),
        ("seq", 1.0),
        ("seq", True),
        ("seq", 2**63),
        ("muted", "true"),
        ("muted", 1),
        ("nickName", 5),
        ("nickName", "longer"),
        ("conversationId", ROOM.replace("-", "")),
        ("conversationId", "{" + ROOM[1:-1] + "}"),
        ("conversationId", None),
        ("content", None),
        ("content", 5),
    ],
)
def test_nothing_is_converted_by_guessing(field: str, value: object) -> None:
    with pytest.raises(Invalid) as caught:
        validate(Note, note(**{field: value}))
    assert [e.field for e in caught.value.errors] == [field]


def test_a_refused_value_is_not_repeated_in_the_error() -> None:
    with pytest.raises(Invalid) as caught:
        validate(Note, note(kind="my secret"))
    assert "secret" not in str(caught.value.as_problem("r"))


def test_text_is_kept_exactly_as_typed() -> None:
    for text in (" a ", "a\r\nb", "K<3.5", "", "\t"):
        assert validate(Note, note(content=text))["content"] == text


def test_text_is_bounded_in_characters_and_in_bytes() -> None:
    assert validate(Note, note(content="😀" * 4))["content"] == "😀" * 4
    with pytest.raises(TooLarge):
        validate(Note, note(content="😀" * 5))
    with pytest.raises(TooLarge):
        validate(Note, note(content="a" * 11))


@pytest.mark.parametrize("text", ["a\x00", "\ud800", "\x1b[2J"])
@pytest.mark.parametrize("field", ["content", "nickName"])
def test_text_that_cannot_be_stored_is_refused_everywhere(field: str, text: str) -> None:
    with pytest.raises(InvalidText):
        validate(Note, note(**{field: text}))
