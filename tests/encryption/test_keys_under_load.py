"""Keys are changed while people write and read: T093 (master keys) and T094 (data keys).

No speed is asserted: only that nothing failed meanwhile, and that nothing is lost or double afterwards.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from pytest_django import Settings

from audit.models import Detail, Entry
from core.limits import Rate
from encryption import keyring as ring
from encryption import memory
from encryption.keyring import Keyring
from encryption.models import DataKey, OrganisationKey
from encryption.rotating import rotate
from messaging.models import Message
from tests.encryption.master_keys import ROOT, all_open, environment, process, provider, seal_some, with_next
from tests.live import Server
from tests.people import Answering, Person, client_for, open_clinical
from tests.processes import served
from tests.sockets import connect_to

PAUSE = 0.02
"""Between two messages: 50 a second."""

UNLIMITED = {f"LIMIT_{name}": "1000000/60" for name in settings.LIMITS}
ENDLESS = dict.fromkeys(settings.LIMITS, Rate(1_000_000, 60))


@dataclass
class Talk:
    """What two people did meanwhile: one writes over a socket, the other reads pages over REST."""

    sent: list[str] = field(default_factory=list)
    pages: int = 0
    failures: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def talking(server: Answering, writer: Person, reader: Person, conversations: list[str]) -> Iterator[Talk]:
    """They talk as long as this lasts, at 50 messages a second if the machine can; every failure is kept."""
    talk = Talk()
    tokens = writer.token, reader.token
    threads = [
        threading.Thread(target=_noting, args=[talk, _write, server, tokens[0], conversations, talk]),
        threading.Thread(target=_noting, args=[talk, _read, server, reader, conversations, talk]),
    ]
    for thread in threads:
        thread.start()
    try:
        yield talk
    finally:
        talk.over.set()
        for thread in threads:
            thread.join(30)


def _noting(talk: Talk, work: Callable[..., None], *args: Any) -> None:
    try:
        work(*args)
    except Exception as error:  # noqa: BLE001  whatever it was, it must not have happened
        talk.failures.append(f"{type(error).__name__}: {error}")


def _write(server: Answering, token: str, conversations: list[str], talk: Talk) -> None:
    due = time.monotonic()
    with connect_to(server.url, token) as client:
        while not talk.over.is_set():
            text = f"message {len(talk.sent)}"
            where = conversations[len(talk.sent) % len(conversations)]
            client.ask("message:new", {"conversationId": where, "content": text})
            talk.sent.append(text)
            due += PAUSE
            talk.over.wait(max(0.0, due - time.monotonic()))


def _read(server: Answering, reader: Person, conversations: list[str], talk: Talk) -> None:
    with client_for(reader, server) as client:
        while not talk.over.is_set():
            where = conversations[talk.pages % len(conversations)]
            page = client.get(f"/api/v1/conversations/{where}/messages", params={"limit": 50}).raise_for_status().json()
            unopened = [message for message in page["results"] if "contentError" in message]
            talk.failures += [f"did not open: {message['id']}" for message in unopened]
            talk.pages += 1
            talk.over.wait(PAUSE)


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.01)


def contents(server: Answering, who: Person, conversations: list[str]) -> list[str]:
    """Everything in these conversations, opened by the server."""
    found: list[str] = []
    with client_for(who, server) as client:
        for conversation in conversations:
            body: dict[str, Any] = {"hasMore": True, "results": [{"seq": 0}]}
            while body["hasMore"]:
                params = {"limit": 200, "after": body["results"][-1]["seq"]}
                page = client.get(f"/api/v1/conversations/{conversation}/messages", params=params)
                body = page.raise_for_status().json()
                found += [message["content"] for message in body["results"]]
    return found


def test_a_master_key_is_replaced_under_load_although_the_run_is_killed(pat1: Person, doc1: Person) -> None:
    """T093: rewrap under load; kill -9 midway; again; then without the old key."""
    old = ring.keyring()
    many = seal_some(old, 3000)
    conversation = open_clinical(pat1, doc1)
    records = DataKey.objects.count() + OrganisationKey.objects.count()
    keys, active = with_next()
    names = environment(keys, active)
    with served(**names, **UNLIMITED) as server, talking(server, pat1, doc1, [conversation]) as talk:
        until(lambda: len(talk.sent) >= 25 and talk.pages > 5)
        first = subprocess.Popen(
            [sys.executable, "manage.py", "keys", "rewrap", "--batch", "5"], cwd=ROOT, env={**os.environ, **names}
        )
        until(lambda: DataKey.objects.filter(kek_id=active).count() > 100)
        first.kill()
        first.wait(10)
        left = DataKey.objects.filter(kek_id="k1").count()
        assert left, "it was done before it could be killed"
        before = len(talk.sent)
        again = process("keys", "rewrap", "--batch", "100", **names)
        assert again.returncode == 0, again.stderr
        until(lambda: len(talk.sent) > before + 25)
    assert talk.failures == []
    assert {*DataKey.objects.values_list("kek_id", flat=True)} == {active}
    assert {*OrganisationKey.objects.values_list("kek_id", flat=True)} == {active}
    _each_record_was_wrapped_once(records)
    assert process("keys", "rewrap", **names).stdout == "0 keys wrapped under k2.\n"

    alone = keys.partition(",")[2]
    assert all_open(Keyring(provider(alone, active)), many)
    with served(**environment(alone, active), **UNLIMITED) as server:
        assert sorted(contents(server, doc1, [conversation])) == sorted(talk.sent)


def _each_record_was_wrapped_once(records: int) -> None:
    """Both runs together, by what they recorded with each batch: a batch that was killed is in neither."""
    entries = Entry.objects.filter(action="keys.rewrapped").values_list("id", flat=True)
    assert sum(detail.payload()["records"] for detail in Detail.objects.filter(entry__in=[*entries])) == records


def test_data_keys_are_rotated_under_load(
    server: Server, pat1: Person, doc1: Person, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T094: new epochs again and again, each as soon as the server no longer has the last one in memory."""
    settings.LIMITS = ENDLESS
    conversation = open_clinical(pat1, doc1)
    passed = [0.0]
    monkeypatch.setattr(memory, "monotonic", lambda: time.monotonic() + passed[0])
    with talking(server, pat1, doc1, [conversation]) as talk:
        for epoch in range(1, 11):
            sent = len(talk.sent)
            until(lambda: len(talk.sent) >= sent + 5)  # noqa: B023  waited for at once
            until(lambda: DataKey.objects.filter(conversation=conversation).count() == epoch)  # noqa: B023
            rotate()
            passed[0] += 61
            connection.close()
        sent = len(talk.sent)
        until(lambda: len(talk.sent) >= sent + 5)
    assert talk.failures == []
    states = [*DataKey.objects.filter(conversation=conversation).order_by("epoch").values_list("epoch", "state")]
    assert states == [*((epoch, "retired") for epoch in range(1, 11)), (11, "active")]
    assert Message.objects.filter(conversation_id=UUID(conversation)).count() == len(talk.sent)
    passed[0] += 61
    assert sorted(contents(server, doc1, [conversation])) == sorted(talk.sent)
