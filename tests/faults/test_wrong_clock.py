"""T142: one process whose clock is wrong by two minutes, beside one whose clock is right.

`faketime` shifts the clock of the process alone; its monotonic clock, and the database, stay true.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import Settings
from websockets.exceptions import ConnectionClosed

from core.time import now
from tests.live import Server
from tests.people import PASSWORD, Person, anonymous_client, open_clinical, sign_in
from tests.processes import Served, served
from tests.sockets import Client, connect

pytestmark = pytest.mark.skipif("REDIS_URL" not in os.environ, reason="the embedded default is one process")

MISSING = "These tests need faketime: install the package 'faketime' (Debian: apt-get install faketime)."


def shifted(seconds: int) -> dict[str, str]:
    """The environment of a process whose clock is off by this. Without faketime the test is skipped, in CI it fails."""
    program = shutil.which("faketime")
    if program is None:
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    asked = [program, "-m", "-f", f"{seconds:+d}s", "printenv", "LD_PRELOAD"]
    library = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    return {"LD_PRELOAD": library, "FAKETIME": f"{seconds:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


@pytest.fixture(params=[120, -120], ids=["fast", "slow"])
def wrong(request: pytest.FixtureRequest, tmp_path: Path, database: None) -> Iterator[Served]:
    """A process whose clock is two minutes fast, then one whose clock is two minutes slow."""
    seconds: int = request.param
    environment = shifted(seconds)
    with served(**environment) as process:
        yield process


def say(client: Client, conversation: str, text: str) -> int:
    seq: int = client.ask("message:new", {"conversationId": conversation, "content": text})["seq"]
    return seq


def signed_in_at(where: Served, person: Person) -> str:
    """The token that this process gives: it believes no token that seems to begin later than now."""
    with anonymous_client(where) as rest:
        answer = rest.post("/api/v1/auth/token", json={"username": person.username, "password": PASSWORD})
    token: str = answer.raise_for_status().json()["access"]
    return token


def test_order_is_that_of_the_numbers(server: Server, wrong: Served, pat1: Person, doc1: Person) -> None:
    conversation = open_clinical(pat1, doc1)
    with connect(server, pat1.token) as here, connect(wrong, signed_in_at(wrong, doc1)) as there:
        for n in range(1, 11):
            assert say(here if n % 2 else there, conversation, f"number {n}") == n
        for client in (here, there):
            frames = [client.next_event("message:new") for _ in range(10)]
            assert [frame["seq"] for frame in frames] == list(range(1, 11))
            assert [frame["at"] for frame in frames] == sorted(frame["at"] for frame in frames)


def test_a_token_that_has_ended_acknowledges_nothing(
    wrong: Served, pat1: Person, doc1: Person, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was good from five minutes ago until half a minute ago."""
    conversation = open_clinical(pat1, doc1)
    settings.ACCESS_TOKEN_LIFETIME = 270
    then = now() - timedelta(minutes=5)
    for clock in ("accounts.tokens.now", "rest_framework_simplejwt.tokens.aware_utcnow"):
        monkeypatch.setattr(clock, lambda: then)
    token = sign_in(pat1).access
    with pytest.raises((ConnectionClosed, TimeoutError)), connect(wrong, token) as client:
        say(client, conversation, "too late")
