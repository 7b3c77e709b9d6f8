"""T089, T109: what people say is nowhere but in the answers to those who may read it.

A canary goes through every door that takes text; then everything the server keeps or tells others is searched for it,
as text, hex, base64, UTF-16 and URL-encoded.
"""

import base64
import logging
import os
import secrets
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import psycopg
import pytest
import redis
from django.conf import settings
from psycopg import sql

from tests.live import Server
from tests.people import Person, client_for, open_clinical
from tests.sockets import connect

pytestmark = pytest.mark.core


def spellings(word: str) -> list[bytes]:
    """The ways in which a word could lie around; base64 at each of the three offsets, without its unstable ends."""
    raw = word.encode()
    base64s = [base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4] for shift in range(3)]
    return [raw, raw.hex().encode(), quote(word).encode(), word.encode("utf-16-le"), *base64s]


def holds(haystack: bytes, word: str) -> bool:
    lowered = haystack.lower()
    return any(spelling.lower() in lowered for spelling in spellings(word))


@contextmanager
def everything_redis_hears(client: "redis.Redis | None") -> Iterator[list[bytes]]:
    """Each command any client gives Redis meanwhile, through MONITOR."""
    heard: list[bytes] = []
    if client is None:
        yield heard
        return
    stop = f"stop-{secrets.token_hex(8)}"
    with client.monitor() as monitor:

        def listen() -> None:
            for command in monitor.listen():
                heard.append(str(command["command"]).encode())
                if stop in command["command"]:
                    return

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield heard
        client.echo(stop)
        thread.join(5)


def every_table() -> Iterator[tuple[str, bytes]]:
    """(table, all its rows as text) as the database's superuser sees them; bytes stand there in hex."""
    with psycopg.connect(os.environ["TEST_SUPERUSER_URL"]) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            statement = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
            with connection.cursor().copy(statement) as copy:
                yield table, b"".join(bytes(block) for block in copy)


def every_file(into: Path) -> Iterator[tuple[str, bytes]]:
    """Every file under DATA_DIR, copied by another process: one that opens SQLite's files itself and closes them again
    gives up the locks that its own connections hold (https://sqlite.org/howtocorrupt.html, 2.2)."""
    subprocess.run(["cp", "-r", f"{settings.DATA_DIR}/.", str(into)], check=True)
    for path in into.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes()


def about_a_patient(doctor: httpx.Client, messages: str, canary: str) -> None:
    """A number, a name, and the ways to fail with them."""
    records = "/api/v1/patient-records"
    record = {"mrn": f"MRN {canary}", "name": f"Paula {canary}", "birthDate": "1957-03-02"}
    made = doctor.post(records, json=record)
    assert made.status_code == 201, made.text
    for again in (record, {**record, "birthDate": canary}, {**record, canary: canary}):
        assert doctor.post(records, json=again).status_code in {400, 409}
    for number in (f"mrn {canary}", f"no {canary}", f"{canary}\n"):
        doctor.post(f"{records}/lookup", json={"mrn": number})
    one = f"{records}/{made.json()['id']}"
    doctor.patch(one, json={"mrn": f"MRN {canary} 2", "name": f"Pedro {canary}"}).raise_for_status()
    sent = doctor.post(messages, json={"content": f"About {canary}", "patientRecordId": made.json()["id"]})
    assert sent.status_code == 201, sent.text
    assert canary in doctor.get(f"{one}/messages").text
    assert canary in doctor.get(records).text


def about_themselves(doctor: httpx.Client, canary: str) -> None:
    """What they say of themselves, and what they call a room."""
    doctor.patch("/api/v1/me", json={"outOfOffice": f"Away {canary}"}).raise_for_status()
    doctor.put("/api/v1/me/presence", json={"status": "busy", "customStatus": f"Away {canary}"}).raise_for_status()
    room = doctor.post("/api/v1/conversations", json={"kind": "group", "name": f"Room {canary}"})
    assert room.status_code == 201, room.text
    details = {"name": f"Rooms {canary}", "description": f"On {canary}", "tags": [canary]}
    doctor.patch(f"/api/v1/conversations/{room.json()['id']}", json=details).raise_for_status()


def test_a_word_once_said_is_kept_only_in_cipher(
    server: Server,
    pat1: Person,
    doc1: Person,
    redis_client: "redis.Redis | None",
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    caplog.set_level(logging.DEBUG)
    for clients_own in ("httpx", "httpcore", "websockets.client"):
        caplog.set_level(logging.CRITICAL, clients_own)
    canary = f"canary{secrets.token_hex(12)}"
    people = client_for(pat1, server), client_for(doc1, server)
    with everything_redis_hears(redis_client) as heard, people[0] as rest, people[1] as doctor:
        conversation = open_clinical(pat1, doc1)
        path = f"/api/v1/conversations/{conversation}/messages"
        sent = rest.post(path, json={"content": f"{canary} rest"}).json()
        rest.patch(f"/api/v1/messages/{sent['id']}", json={"content": f"{canary} edited"}).raise_for_status()
        with connect(server, doc1.token) as socket:
            socket.ask("message:new", {"conversationId": conversation, "content": f"{canary} socket"})
            about_themselves(doctor, canary)
            present = rest.get(f"/api/v1/presence/{doc1.id}").text
        rest.patch("/api/v1/me", json={"displayName": f"Pat {canary}"}).raise_for_status()
        rest.post("/api/v1/auth/token", json={"username": pat1.username, "password": canary})
        rest.post("/api/v1/auth/token", json={"username": canary, "password": "wrong password"})
        rest.post(path, json={"content": "x", canary: canary})
        rest.get("/api/v1/users", params={"search": canary})
        about_a_patient(doctor, path, canary)
        read = rest.get(path).text
        previews = rest.get("/api/v1/conversations").text
        assert doctor.get("/api/v1/me/export").is_success
    assert canary in read
    assert canary in previews
    assert canary in present

    where = [("file", name) for name, content in every_file(tmp_path) if holds(content, canary)]
    if redis_client is not None:
        where += [("table", table) for table, rows in every_table() if holds(rows, canary)]
        where += [("Redis", key) for key in redis_client.scan_iter() if holds(key + redis_client.dump(key), canary)]
        assert heard, "MONITOR heard nothing: the search of Redis would prove nothing"
    where += [("Redis command", "") for command in heard if holds(command, canary)]
    out, err = capfd.readouterr()
    where += [("log", record.name) for record in caplog.records if holds(record.getMessage().encode(), canary)]
    where += [("output", "") for text in (out, err) if holds(text.encode(), canary)]
    assert where == []


def test_the_search_itself_finds_what_is_there() -> None:
    """Without this the test above could never fail."""
    word = f"canary{secrets.token_hex(12)}"
    for hidden in (word, word.upper(), word.encode().hex(), base64.b64encode(f"ab{word}cd".encode()).decode()):
        assert holds(b"... " + hidden.encode() + b" ...", word), hidden
    assert holds(word.encode("utf-16-le"), word)
    assert not holds(b"something else", word)
