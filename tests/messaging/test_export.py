"""My own data: GET /me/export."""

import io
import json
import secrets
import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4
from zipfile import BadZipFile, ZipFile

import httpx
import pytest
from django.conf import settings as django_settings
from pytest_django.fixtures import Settings

from accounts.services import block_user, log_out
from config import openapi
from core.limits import Rate
from core.time import now
from messaging.export.archive import Member, json_lines, zipped
from messaging.services import exporting
from realtime import threads
from tests.live import Server
from tests.messaging.rooms import room_of
from tests.messaging.talking import API, Json, answered, contents, entries, page, refused, send
from tests.people import Person, client_for, sign_in

pytestmark = pytest.mark.core

FILES = {
    f"{name}.jsonl"
    for name in (
        *("profile", "sessions", "blocks", "conversations", "receipts"),
        *("messages", "reactions", "mentions", "reports", "files"),
    )
}


def download(client: httpx.Client) -> httpx.Response:
    return client.get(f"{API}/me/export")


def export(client: httpx.Client) -> dict[str, list[Json]]:
    """What is in the zip, by the name of the file without its ending."""
    answer = download(client)
    assert answer.status_code == 200, answer.text
    with ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == FILES
        return {
            name.removesuffix(".jsonl"): [json.loads(line) for line in archive.read(name).splitlines()]
            for name in archive.namelist()
        }


# ---- What is in it -----------------------------------------------------------------------------------------------


def test_it_is_a_zip_of_json_lines(patient: httpx.Client) -> None:
    answer = download(patient)
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="parley-export.zip"'
    assert answer.headers["cache-control"] == "no-store"
    assert "content-length" not in answer.headers
    export(patient)


def test_messages_are_those_of_my_history(patient: httpx.Client, doctor: httpx.Client, c1: str) -> None:
    first = send(patient, c1, "K<3.5 and Na>145, naïve 日本 🙂")
    send(doctor, c1, "An answer.", replyToId=first["id"])
    gone = send(doctor, c1, "Gone.")
    answered(doctor.delete(f"{API}/messages/{gone['id']}"))
    answered(doctor.put(f"{API}/conversations/{c1}/read", json={"seq": first["seq"]}))
    for client in (patient, doctor):
        assert export(client)["messages"] == page(client, c1)["results"]


def test_many_messages_come_in_many_pages(patient: httpx.Client, c1: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("messaging.export.contents.PAGE", 2)
    monkeypatch.setattr("accounts.own_data.PAGE", 2)
    texts = [f"{number}" for number in range(7)]
    for text in texts:
        send(patient, c1, text)
    assert contents(export(patient)["messages"]) == texts


def test_the_profile_is_what_the_server_keeps_about_me(patient: httpx.Client, pat1: Person) -> None:
    answered(patient.patch(f"{API}/me", json={"outOfOffice": "Away."}))
    [profile] = export(patient)["profile"]
    assert profile == {
        **answered(patient.get(f"{API}/me")),
        "email": None,
        "customStatus": None,
        "createdAt": profile["createdAt"],
    }


def test_my_devices_are_in_it_also_where_i_have_signed_out(patient: httpx.Client, pat1: Person) -> None:
    ended = sign_in(pat1, user_agent="Old telephone")
    with_its_session = pat1.actor
    assert patient.delete(f"{API}/auth/sessions/{ended.session_id}").status_code == 204
    sessions = {session["id"]: session for session in export(patient)["sessions"]}
    assert sessions.keys() == {str(ended.session_id), str(with_its_session.session_id)}
    assert (sessions[str(ended.session_id)]["userAgent"], sessions[str(ended.session_id)]["endedBy"]) == (
        "Old telephone",
        "revoked",
    )
    assert sessions[str(with_its_session.session_id)]["current"] is True


def test_whom_i_have_blocked_is_in_mine_and_not_in_theirs(
    patient: httpx.Client, doctor: httpx.Client, pat1: Person, doc1: Person
) -> None:
    assert patient.put(f"{API}/users/{doc1.id}/block").status_code == 204
    [block] = export(patient)["blocks"]
    assert (block["userId"], block["username"]) == (str(doc1.id), "doc1")
    assert export(doctor)["blocks"] == []


def test_conversations_and_receipts_are_mine(
    patient: httpx.Client, doctor: httpx.Client, c1: str, pat1: Person
) -> None:
    seq = send(doctor, c1)["seq"]
    receipt = answered(patient.put(f"{API}/conversations/{c1}/read", json={"seq": seq}))
    found = export(patient)
    assert found["conversations"] == [answered(patient.get(f"{API}/conversations/{c1}"))]
    [own] = found["receipts"]
    assert {**receipt, "conversationId": c1}.items() <= own.items()
    assert own["userId"] == str(pat1.id)


def test_reactions_mentions_and_reports_are_mine(
    patient: httpx.Client, doctor: httpx.Client, c1: str, pat1: Person
) -> None:
    said = send(doctor, c1, "Good morning @pat1.")
    other = send(doctor, c1, "And again.")
    for client, emoji in ((patient, "👍"), (patient, "🎉"), (doctor, "❤️")):
        assert client.put(f"{API}/messages/{said['id']}/reactions/{emoji}").is_success
    report = {"reason": "other", "note": "Why @pat1?"}
    assert patient.post(f"{API}/messages/{other['id']}/report", json=report).is_success
    found = export(patient)
    assert [(one["messageId"], one["emoji"]) for one in found["reactions"]] == [(said["id"], "👍"), (said["id"], "🎉")]
    assert found["mentions"] == [{"conversationId": c1, "messageId": said["id"], "seq": said["seq"]}]
    [mine] = found["reports"]
    assert report.items() <= mine.items()
    assert mine["messageId"] == other["id"]
    theirs = export(doctor)
    assert [one["emoji"] for one in theirs["reactions"]] == ["❤️"]
    assert theirs["mentions"] == theirs["reports"] == []


# ---- What is not -------------------------------------------------------------------------------------------------


def text_of(found: dict[str, list[Json]]) -> str:
    return json.dumps(found)


def test_nothing_of_others_is_in_it(
    patient: httpx.Client, stranger: httpx.Client, c1: str, c2: str, pat2: Person, doc1: Person, doc2: Person
) -> None:
    """T064"""
    theirs = sign_in(doc1, user_agent="The doctor's browser", address="203.0.113.9")
    block_user(actor=pat2.actor, subject=doc2.user)
    send(stranger, c2, "Between others.")
    send(patient, c1, "Mine.")
    text = text_of(export(patient))
    for foreign in (c2, str(pat2.id), str(doc2.id), str(theirs.session_id), str(doc1.signed_in.session_id)):
        assert foreign not in text
    for word in ("Between others", "browser", "203.0.113.9", "Pedro", "doc2"):
        assert word not in text


def test_only_what_i_could_see_is_in_it(server: Server, doctor: httpx.Client, doc1: Person, doc2: Person) -> None:
    """T048, T064: not what was said before I came, nor while I was away, nor anything once I was removed."""
    room = room_of(doc1)
    members = f"{API}/conversations/{room}/members"
    send(doctor, room, "Before.")
    answered(doctor.post(members, json={"userIds": [str(doc2.id)]}), 201)
    with client_for(doc2, server) as client:
        send(doctor, room, "Then.")
        assert contents(export(client)["messages"]) == ["Then."]
        assert doctor.delete(f"{members}/{doc2.id}").is_success
        send(doctor, room, "Meanwhile.")
        found = export(client)
        assert (found["messages"], found["conversations"], found["receipts"]) == ([], [], [])
        assert room not in text_of(found)
        answered(doctor.post(members, json={"userIds": [str(doc2.id)]}), 201)
        send(doctor, room, "Again.")
        assert contents(export(client)["messages"]) == ["Again."]


def test_a_deleted_conversation_is_in_nobody_s(patient: httpx.Client, doctor: httpx.Client, c1: str) -> None:
    send(patient, c1, "Good morning.")
    assert doctor.delete(f"{API}/conversations/{c1}").status_code == 204
    found = export(patient)
    assert (found["messages"], found["conversations"]) == ([], [])


# ---- Who gets it, how often, and what stands in the log ----------------------------------------------------------


def test_it_is_recorded_before_it_begins(patient: httpx.Client, c1: str, pat1: Person) -> None:
    send(patient, c1)
    export(patient)
    [entry] = entries("data.exported", pat1)
    assert entry.object == pat1.id
    [viewed] = entries("messages.viewed", pat1)
    assert str(viewed.conv) == c1
    assert entry.id < viewed.id


def test_nothing_is_given_that_cannot_be_recorded(patient: httpx.Client, log_cannot_be_written: None) -> None:
    refused(download(patient), 503, "audit_unavailable")


def test_five_a_day_are_enough(patient: httpx.Client, doctor: httpx.Client, settings: Settings) -> None:
    assert django_settings.LIMITS["EXPORT"] == Rate(5, 86400)
    settings.LIMITS = {**settings.LIMITS, "EXPORT": Rate(2, 86400)}
    assert [download(patient).status_code for _ in range(2)] == [200, 200]
    refused(download(patient), 429, "rate_limited")
    assert download(doctor).status_code == 200


def test_only_who_is_signed_in_gets_anything(server: Server, patient: httpx.Client) -> None:
    refused(httpx.get(f"{server.url}{API}/me/export"), 401, "unauthenticated")
    refused(patient.post(f"{API}/me/export"), 405, "method_not_allowed")
    refused(patient.get(f"{API}/me/export", params={"userId": str(uuid4())}), 400, "unknown_param")


def test_a_client_may_say_that_it_wants_a_zip(patient: httpx.Client) -> None:
    assert patient.get(f"{API}/me/export", headers={"Accept": "application/zip"}).status_code == 200
    documented = openapi.build()["paths"][f"{API}/me/export"]["get"]["responses"]["200"]["content"]
    assert documented == {"application/zip": {"schema": {"type": "string", "format": "binary"}}}


# ---- While it is made --------------------------------------------------------------------------------------------


class Endless:
    """Contents that never end, and whether anybody still asks for them."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def __call__(self, actor: object) -> Iterator[Member]:
        yield json_lines("endless.jsonl", self._lines())

    def _lines(self) -> Iterator[list[dict[str, Any]]]:
        try:
            while True:
                yield [{"x": secrets.token_urlsafe(300_000)}]
        finally:
            self.over.set()


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Endless:
    found = Endless()
    monkeypatch.setattr(exporting, "members", found)
    return found


def test_it_ends_with_the_client_it_is_for(patient: httpx.Client, endless: Endless) -> None:
    with patient.stream("GET", f"{API}/me/export") as answer:
        assert answer.status_code == 200
        assert next(answer.iter_raw())
    assert endless.over.wait(10)


def test_it_ends_for_a_client_that_reads_nothing(patient: httpx.Client, endless: Endless, settings: Settings) -> None:
    settings.STALL_TIMEOUT = 0.2
    with patient.stream("GET", f"{API}/me/export") as answer:
        assert answer.status_code == 200
        assert endless.over.wait(30)
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()


def test_it_ends_with_the_session(server: Server, pat1: Person, endless: Endless) -> None:
    got: list[bytes] = []
    actor = pat1.actor

    async def take() -> None:
        parts = await exporting.export_data(actor=actor)
        got.append(await anext(parts))
        await threads.run(log_out, actor=actor)
        got.extend([part async for part in parts])

    server.run(take())
    assert len(got) == 1
    with pytest.raises(BadZipFile):
        ZipFile(io.BytesIO(b"".join(got)))


def test_waiting_exports_hold_neither_threads_nor_connections(
    server: Server, patient: httpx.Client, pat1: Person, endless: Endless
) -> None:
    """More of them at once than there are of either."""
    paused: list[exporting.Export] = []
    actor = pat1.actor

    async def begin() -> None:
        for _ in range(django_settings.DATABASE_THREADS + 10):
            parts = await exporting.export_data(actor=actor)
            assert await anext(parts)
            paused.append(parts)

    server.run(begin())
    assert answered(patient.get(f"{API}/me"))["username"] == "pat1"
    for parts in paused:
        parts.close()
    assert endless.over.wait(10)


def test_memory_holds_a_page_and_not_the_whole() -> None:
    """What is taken out is as small as what was put in, however much that is."""

    def pages() -> Iterator[list[dict[str, Any]]]:
        for _ in range(500):
            yield [{"id": str(uuid4())} for _ in range(100)]

    parts = zipped([json_lines("many.jsonl", pages())], now())
    sizes = [len(part) for part in parts if isinstance(part, bytes)]
    assert len(sizes) == 501
    assert max(sizes) < 64 * 1024 < sum(sizes)
