"""What is found before the first client comes: declarations that contradict themselves, settings, a taken address."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from django.core import checks
from pytest_django import Settings
from rest_framework import serializers

from core import doors
from core.actor import Actor
from core.doors import Receives
from core.shapes import Shape
from realtime import wiring
from tests.forked import Forked, run
from tests.people import Person
from tests.sockets import connect_to

pytestmark = pytest.mark.core


class Nothing(Shape):
    anything = serializers.CharField(required=False)


async def on_loop(*, actor: Actor) -> None: ...


@contextmanager
def declared(declaration: Receives) -> Iterator[None]:
    try:
        yield
    finally:
        del doors.receives[declaration.name]


def found() -> set[str | None]:
    return {message.id for message in checks.run_checks() if (message.id or "").startswith("realtime.")}


def test_the_project_as_it_is_has_no_problem(database: None) -> None:
    assert found() == set()


def test_a_limit_that_is_no_setting_is_found(database: None) -> None:
    with declared(Receives("test:one", schema=Nothing, service=on_loop, answer=lambda *_: {}, limit="MISSPELT")):
        assert found() == {"realtime.E001"}


def test_a_permission_that_would_never_be_asked_is_found(database: None) -> None:
    declaration = Receives(
        "test:two", schema=Nothing, service=on_loop, answer=lambda *_: {}, permission=lambda actor, subject: None
    )
    with declared(declaration):
        assert found() == {"realtime.E002"}


def test_what_was_not_handed_over_is_found(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "render", wiring.not_wired)
    assert found() == {"realtime.E003"}
    with pytest.raises(RuntimeError):
        wiring.render([])


def test_a_heartbeat_longer_than_its_patience_is_found(database: None, settings: Settings) -> None:
    settings.HEARTBEAT_TIMEOUT = settings.HEARTBEAT
    assert found() == {"realtime.E004"}


def test_several_poke_groups_without_redis_are_found(database: None, settings: Settings) -> None:
    settings.EMBEDDED, settings.POKE_SHARDS = True, 2
    assert found() == {"realtime.E005"}


def test_a_taken_address_is_one_sentence(database: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = run("manage.py", "serve", "--port", port)
    assert ended.returncode == 1
    assert f"port {port}" in ended.stderr
    assert "Traceback" not in ended.stderr


@contextmanager
def serving(**environment: str) -> Iterator[tuple[Forked, str]]:
    """The command as a process of its own, and the first line that it says."""
    read, write = os.pipe()
    with open(read) as output, open(write, "w") as theirs:
        process = Forked(
            *("manage.py", "serve", "--port", "0"), environment={**os.environ, **environment}, stdout=theirs
        )
        theirs.close()
        try:
            yield process, output.readline()
        finally:
            process.kill()
            process.wait(10)


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_says_where_it_listens_and_ends_with_0(database: None, signal_number: signal.Signals) -> None:
    """Without connections there is nobody to wait for."""
    with serving() as (process, line):
        assert re.fullmatch(r"Parley listens on http://127\.0\.0\.1:\d+\n", line)
        assert httpx.get(line.split()[-1] + "/health/live", trust_env=False).status_code == 200
        process.send_signal(signal_number)
        assert process.wait(20) == 0


def test_a_second_interrupt_ends_at_once(database: None, pat1: Person) -> None:
    with serving(DRAIN_SPREAD="20") as (process, line):
        clients = [connect_to(line.split()[-1], pat1.token) for _ in range(3)]
        process.send_signal(signal.SIGINT)
        clients[0].next_frame_where(lambda frame: frame.get("type") == "drain")
        process.send_signal(signal.SIGINT)
        process.wait(10)
        for client in clients:
            client.close()
