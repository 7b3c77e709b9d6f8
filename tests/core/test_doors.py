"""Declarations check themselves when they are made."""

from typing import Any

import pytest
from rest_framework import serializers

from core import doors
from core.actor import SYSTEM, Actor
from core.doors import Receives, Sends, declared
from core.errors import Forbidden, UnknownEvent
from core.shapes import Shape

pytestmark = pytest.mark.core


class Ask(Shape):
    text = serializers.CharField()


@pytest.fixture(autouse=True)
def _empty_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "receives", {})
    monkeypatch.setattr(doors, "sends", {})


def shout(*, actor: Actor, subject: str, text: str) -> str:
    return f"{subject} {text.upper()}"


def ask(**more: Any) -> Receives:
    options = {"schema": Ask, "service": shout, "find": lambda actor, clean: "me", "answer": lambda r, a: {"r": r}}
    return Receives("note:shout", **{**options, **more})


def test_a_declaration_finds_checks_and_acts() -> None:
    assert ask().run(SYSTEM, {"text": "hi"}) == "me HI"


def test_the_permission_is_asked_before_the_service() -> None:
    def never(actor: Actor, subject: object) -> None:
        raise Forbidden

    with pytest.raises(Forbidden):
        ask(permission=never).run(SYSTEM, {"text": "hi"})


def test_a_name_is_declared_once() -> None:
    ask()
    with pytest.raises(TypeError, match="twice"):
        ask()
    Sends("note:shouted", schema=Ask, durable=False, audience="everybody")
    with pytest.raises(TypeError, match="twice"):
        Sends("note:shouted", schema=Ask, durable=False, audience="everybody")


def test_a_service_in_a_thread_must_find_its_subject() -> None:
    with pytest.raises(TypeError, match="find"):
        ask(find=None)


@pytest.mark.parametrize("name", ["nothing", None, 5, [], {}])
def test_an_event_nobody_declared_is_unknown(name: object) -> None:
    ask()
    assert declared("note:shout").name == "note:shout"
    with pytest.raises(UnknownEvent):
        declared(name)


def test_what_only_rest_may_ask_is_unknown_to_sockets() -> None:
    ask(socket=False)
    with pytest.raises(UnknownEvent):
        declared("note:shout")
