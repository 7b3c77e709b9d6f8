"""Two hundred things that people say, are called, attach and show to prove who they are: none is in a log at its most
talkative, in a figure, in Redis, in what a worker says or on a page of the admin."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import redis

from accounts.models import User
from messaging.models import Message
from tests.admin.looking import list_of, page_of, registered, signed_in, walk
from tests.attachments.filing import post
from tests.config.test_metrics_processes import logged
from tests.figures import scrape
from tests.people import Person, client_for, open_clinical
from tests.processes import Served
from tests.promises.test_no_plaintext import everything_redis_hears, holds
from tests.sockets import connect, open_client

pytestmark = pytest.mark.core

OFTEN = {
    f"LIMIT_{name}": "10000/60" for name in ("MESSAGE_NEW", "UPLOAD", "REQUEST", "FRAMES", "LOGIN_FAILURES_ADDRESS")
}
TALKATIVE = {"LOG_LEVEL": "DEBUG", "METRICS_SUMMARY": "0.5"}


class Planter:
    """Makes canaries, and remembers them."""

    def __init__(self) -> None:
        self.planted: list[str] = []

    def __call__(self) -> str:
        self.planted.append(f"canary{secrets.token_hex(10)}")
        return self.planted[-1]


def in_messages(new: Planter, patient: httpx.Client, server: Served, doctor: Person, conversation: str) -> None:
    """60: sent, edited, sent by socket, in a form that is refused, in fields that there are not."""
    path = f"/api/v1/conversations/{conversation}/messages"
    for _ in range(15):
        sent = patient.post(path, json={"content": f"From {new()}"})
        assert sent.status_code == 201
        edited = patient.patch(f"/api/v1/messages/{sent.json()['id']}", json={"content": f"No, {new()}"})
        assert edited.status_code == 200
        assert patient.post(path, json={"content": new(), "format": new()}).status_code == 400
    with connect(server, doctor.token) as socket:
        for _ in range(5):
            socket.ask("message:new", {"conversationId": conversation, "content": f"{new()} by socket"})
            socket.ask_raw("message:new", {"conversationId": new(), "content": 1})
            socket.ask_raw(new(), {})


def in_names(new: Planter, patient: httpx.Client, doctor: httpx.Client) -> None:
    """40: of people, rooms, patients; in filters and addresses."""
    for _ in range(8):
        patient.patch("/api/v1/me", json={"displayName": f"Pat {new()}"}).raise_for_status()
        room = doctor.post("/api/v1/conversations", json={"kind": "group", "name": f"Room {new()}"})
        assert room.status_code == 201, room.text
        doctor.patch(f"/api/v1/conversations/{room.json()['id']}", json={"tags": [new()]}).raise_for_status()
        doctor.get("/api/v1/users", params={"search": new()})
        doctor.get(f"/api/v1/{new()}/")


def in_files(new: Planter, doctor: httpx.Client, conversation: str) -> None:
    """40: what they are called, what stands in them, what clients say they are."""
    for _ in range(10):
        assert post(doctor, conversation, f"{new()}\n".encode(), f"{new()}.txt").status_code == 201
        assert post(doctor, conversation, b"MZ\x90\0" + new().encode(), f"{new()}.exe").status_code >= 400


def in_notes(new: Planter, doctor: httpx.Client) -> None:
    """36: what people say of themselves, of patients, of a message that they report."""
    for _ in range(9):
        doctor.patch("/api/v1/me", json={"outOfOffice": f"Away {new()}"}).raise_for_status()
        doctor.put("/api/v1/me/presence", json={"status": "busy", "customStatus": new()}).raise_for_status()
        record = {"mrn": f"MRN {new()}", "name": f"Paula {new()}", "birthDate": "1957-03-02"}
        for _ in range(2):
            assert doctor.post("/api/v1/patient-records", json=record).status_code in {201, 409}


def in_proofs(new: Planter, server: Served) -> None:
    """32: passwords, tokens, cookies, queries."""
    with httpx.Client(base_url=server.url) as anybody:
        for _ in range(8):
            assert anybody.post("/api/v1/auth/token", json={"username": new(), "password": new()}).status_code == 401
            anybody.get(f"/api/v1/me?token={new()}", headers={"Authorization": f"Bearer {new()}"})
        anybody.post("/api/v1/auth/token/refresh", json={"refresh": new()})
        anybody.get("/metrics", headers={"Authorization": f"Bearer {new()}"})
        anybody.get(f"/files/{new()}", headers={"Cookie": f"sessionid={new()}"})
    with open_client(server.ws_url) as client:
        client.send({"type": "auth", "token": new()})
        client.closed_with()


@pytest.fixture
def listener() -> Iterator["redis.Redis | None"]:
    """One that may wait: redis-py ends a read after 5 s of silence, and a server can take longer to start."""
    if "REDIS_URL" not in os.environ:
        yield None
        return
    with redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=None) as client:
        yield client


def test_none_of_two_hundred_canaries_flies(
    tmp_path: Path,
    pat1: Person,
    doc1: Person,
    adm1: Person,
    redis_client: "redis.Redis | None",
    listener: "redis.Redis | None",
) -> None:
    conversation, new, log = open_clinical(pat1, doc1), Planter(), tmp_path / "log"
    with (
        everything_redis_hears(listener) as heard,
        logged(log, **TALKATIVE, **OFTEN) as server,
        worker_that_talks(tmp_path / "worker"),
    ):
        with client_for(pat1, server) as patient, client_for(doc1, server) as doctor:
            in_messages(new, patient, server, doc1, conversation)
            in_names(new, patient, doctor)
            in_files(new, doctor, conversation)
            in_notes(new, doctor)
            in_proofs(new, server)
        figures = scrape(server.url).text
        wait_for(lambda: says(log, "figures") and says(tmp_path / "worker", "figures"))
    assert len(new.planted) >= 200
    canaries = [*new.planted, pat1.token, doc1.token, pat1.signed_in.refresh]

    places = {"log": log.read_bytes(), "worker": (tmp_path / "worker").read_bytes(), "figures": figures.encode()}
    message = Message.objects.all()[0]
    pages = walk(signed_in(adm1), *map(list_of, registered()), page_of(message))
    # What people are called stands under People, who are managed there, and nowhere else.
    called = str(User.objects.get(id=pat1.id).display_name)
    assert {urlsplit(address).path.split("/")[3] for address, page in pages.items() if called in page} == {"user"}
    places["admin"] = "".join(pages.values()).replace(called, "").encode()
    places["Redis commands"] = b"\n".join(heard)
    if redis_client is not None:
        assert heard, "MONITOR heard nothing: the search of Redis would prove nothing"
        places["Redis"] = b"\n".join(key + (redis_client.dump(key) or b"") for key in redis_client.scan_iter())
    assert [(place, one) for place, content in places.items() for one in canaries if holds(content, one)] == []
    # Lines hold what they are meant to, so that something was there to be searched.
    assert len(places["log"].splitlines()) > 3
    assert b"event_seconds" in places["log"]
    assert b"message:new" in places["figures"]
    assert str(message.seq) in pages[page_of(message)]


def says(log: Path, event: str) -> bool:
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return any(line["event"] == event for line in lines)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@contextmanager
def worker_that_talks(log: Path) -> Iterator[None]:
    command = [sys.executable, "manage.py", "work"]
    with log.open("wb") as file:
        process = subprocess.Popen(command, env={**os.environ, **TALKATIVE}, stdout=file, stderr=file)
    try:
        yield
    finally:
        process.kill()
        process.wait(10)
