"""What really goes over the wire is what the documents say: answers, frames, refusals; nothing more, nothing less."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from config import asyncapi
from config.openapi import build
from core import doors
from tests.doors.asking import ASKS, BY_REST, BY_SOCKET, RANDOM, WITH_SUBJECT, Made
from tests.doors.conftest import c1, doctor, made
from tests.live import Server
from tests.people import Person, client_for
from tests.sockets import Client, Frame, connect

__all__ = ["c1", "doctor", "made"]  # fixtures

Json = dict[str, Any]
UNSUCCESSFUL = {"conversation:delete", "conversation:create", "message:report"}
"""What answers nothing, or what the doctor's requests of `ASKS` do not succeed with."""
UNSUCCESSFUL |= {"user:block", "user:unblock", "me:export", "attachment:discard"}  # Their answers are no JSON.
UNSUCCESSFUL |= {"member:add", "member:join", "member:leave"}  # Of a conversation of two; those of rooms stand below.
SUCCESSFUL = sorted(name for name in BY_REST if name not in UNSUCCESSFUL and not ASKS[name].in_vain)


def complaints(schema: Json, document: Json, value: object) -> list[str]:
    """How `value` differs from the schema. Fields that it has and the schema does not are a difference, too."""
    whole = closed({**schema, "components": document["components"]})
    return [
        error.message
        for error in Draft202012Validator(whole, format_checker=FormatChecker(["uuid"])).iter_errors(value)
    ]


def closed(node: Any) -> Any:
    if isinstance(node, list):
        return [closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    inner = {name: closed(value) for name, value in node.items()}
    is_object = isinstance(node.get("properties"), dict) and node.get("type") == "object"
    return {**inner, "unevaluatedProperties": False} if is_object else inner


@pytest.fixture(scope="module")
def openapi() -> Json:
    return build()


def operation(openapi: Json, name: str) -> Json:
    found: Json = openapi["paths"][ASKS[name].template][ASKS[name].method.lower()]
    return found


def documented(answer: httpx.Response, asked: Json, openapi: Json) -> None:
    """The answer's status, type and body stand in the operation's description."""
    content = asked["responses"][str(answer.status_code)].get("content", {})
    schema = content[answer.headers["content-type"]]["schema"]
    assert complaints(schema, openapi, answer.json()) == []


@pytest.mark.parametrize("name", SUCCESSFUL)
def test_an_answer_is_as_documented(name: str, openapi: Json, made: Made, doctor: httpx.Client) -> None:
    answer = ASKS[name].by_rest(doctor, made(ASKS[name].subject))
    assert answer.is_success, answer.text
    documented(answer, operation(openapi, name), openapi)


@pytest.mark.parametrize("name", sorted({*BY_REST} & {*WITH_SUBJECT}))
def test_a_refusal_is_as_documented(name: str, openapi: Json, doctor: httpx.Client) -> None:
    answer = ASKS[name].by_rest(doctor, RANDOM)
    assert answer.status_code == 404
    documented(answer, operation(openapi, name), openapi)


@pytest.mark.parametrize("path", ["me", "users", "auth/sessions"])
def test_account_answers_are_as_documented(path: str, openapi: Json, doctor: httpx.Client) -> None:
    documented(doctor.get(f"/api/v1/{path}"), openapi["paths"][f"/api/v1/{path}"]["get"], openapi)
    anonymous = httpx.get(doctor.base_url.join(f"/api/v1/{path}"))
    assert anonymous.status_code == 401
    documented(anonymous, openapi["paths"][f"/api/v1/{path}"]["get"], openapi)


def test_creating_answers_are_as_documented(openapi: Json, doctor: httpx.Client, pat1: Person, doc1: Person) -> None:
    asked = operation(openapi, "conversation:create")
    body = {"patientId": str(pat1.id), "providerId": str(doc1.id)}
    for status in (201, 200):
        answer = doctor.post("/api/v1/conversations", json=body)
        assert answer.status_code == status
        documented(answer, asked, openapi)


@pytest.fixture
def room(doctor: httpx.Client) -> str:
    made = doctor.post("/api/v1/conversations", json={"kind": "public", "name": "Ward round", "description": "Daily."})
    return str(made.json()["id"])


def test_answers_about_rooms_and_members_are_as_documented(
    server: Server, openapi: Json, doctor: httpx.Client, doc2: Person, room: str
) -> None:
    place = f"/api/v1/conversations/{room}"
    with client_for(doc2, server) as colleague:
        documented(
            colleague.get("/api/v1/conversations/discover"), operation(openapi, "conversation:discover"), openapi
        )
        documented(colleague.post(f"{place}/join"), operation(openapi, "member:join"), openapi)
        assert colleague.post(f"{place}/leave").status_code == 204
    for status in (201, 200):
        added = doctor.post(f"{place}/members", json={"userIds": [str(doc2.id)]})
        assert added.status_code == status
        documented(added, operation(openapi, "member:add"), openapi)
    body = {"name": "Round", "tags": ["ward 4"], "history": "since_joining", "courseId": "C1", "maxMembers": 9}
    documented(doctor.patch(place, json=body), operation(openapi, "conversation:update"), openapi)
    updated = doctor.patch(f"{place}/members/{doc2.id}", json={"role": "moderator"})
    documented(updated, operation(openapi, "member:update"), openapi)
    documented(doctor.get(f"{place}/members"), operation(openapi, "conversation:members"), openapi)
    assert doctor.delete(f"{place}/members/{doc2.id}").status_code == 204


# --- Sockets ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def sockets(server: Server, pat1: Person, doc1: Person, c1: str) -> Iterator[tuple[Client, Client]]:
    """The doctor's, and the patient's who hears what the doctor does."""
    with connect(server, doc1.token) as doctor, connect(server, pat1.token) as patient:
        yield doctor, patient


def as_described(name: str, frame: Frame) -> None:
    document = asyncapi.build()
    message = document["components"]["messages"][name]
    assert complaints(message["payload"], document, frame) == []


def heard(client: Client) -> Frame:
    """The next frame but heartbeats."""
    return client.next_frame_where(lambda frame: frame.get("type") not in {"ping", "resumed"})


@pytest.mark.parametrize("name", BY_SOCKET)
def test_a_reply_and_the_request_itself_are_as_described(name: str, made: Made, sockets: tuple[Client, Client]) -> None:
    doctor, _ = sockets
    data, key = ASKS[name].data(made(ASKS[name].subject)), name.replace(":", "-")
    as_described(f"request.{key}", {"id": "c1", "event": name, "data": data})
    as_described(f"reply.{key}", doctor.ask_raw(name, data))


@pytest.mark.parametrize("name", BY_SOCKET)
def test_an_error_is_as_described(name: str, sockets: tuple[Client, Client]) -> None:
    doctor, _ = sockets
    as_described("reply.error", doctor.ask_raw(name, {"conversationId": RANDOM, "messageId": RANDOM}))
    as_described("reply.error", doctor.ask_raw(name, {"messageId": 1, "seq": "x"}))


def test_what_others_hear_is_as_described(server: Server, made: Made, doctor: httpx.Client, pat1: Person) -> None:
    """Every event that is declared happens once, and each frame is the one that was described."""
    expected = ["message:new", "message:updated", "conversation:updated", "message:delivered", "message:read"]
    asked = ["message:new", "message:edit", "conversation:update", "message:delivered", "message:read"]
    wanted = [*zip(asked, expected, strict=True), ("typing", "typing")]
    wanted += [("reaction:new", "reaction:new"), ("reaction:remove", "reaction:remove")]
    wanted += [("message:pin", "message:pinned"), ("message:unpin", "message:unpinned")]
    wanted += [("message:delete", "message:deleted")]
    with connect(server, pat1.token) as patient:
        patient.ask("conversation:join", {"conversationId": made("conversation")})
        for ask, event in wanted:
            assert ASKS[ask].by_rest(doctor, made(ASKS[ask].subject)).is_success
            as_described(f"event.{event.replace(':', '-')}", patient.next_event(event))


def test_what_others_hear_of_members_is_as_described(
    server: Server, doctor: httpx.Client, doc1: Person, doc2: Person, room: str
) -> None:
    place = f"/api/v1/conversations/{room}"
    with connect(server, doc1.token) as listener:
        doctor.post(f"{place}/members", json={"userIds": [str(doc2.id)]})
        as_described("event.member-joined", listener.next_event("member:joined"))
        doctor.patch(f"{place}/members/{doc2.id}", json={"isMuted": True})
        as_described("event.member-updated", listener.next_event("member:updated"))
        doctor.delete(f"{place}/members/{doc2.id}")
        as_described("event.member-left", listener.next_event("member:left"))
        doctor.patch(place, json={"name": "Round", "description": "", "tags": ["x"], "history": "since_joining"})
        as_described("event.conversation-updated", listener.next_event("conversation:updated"))


def test_what_a_session_hears_of_itself_is_as_described(
    server: Server, doc1: Person, doc2: Person, pat1: Person, adm1: Person
) -> None:
    """Conversations that come and go, the end of the session."""
    with connect(server, pat1.token) as patient, client_for(adm1, server) as staff:
        made = staff.post("/api/v1/conversations", json={"patientId": str(pat1.id), "providerId": str(doc2.id)}).json()
        as_described("event.conversation-added", patient.next_event("conversation:added"))
        assert staff.delete(f"/api/v1/conversations/{made['id']}").status_code == 204
        as_described("event.conversation-removed", patient.next_event("conversation:removed"))
        with client_for(pat1, server) as rest:
            rest.post("/api/v1/auth/logout")
        as_described("event.session-revoked", patient.next_event("session:revoked"))


def test_what_is_told_of_people_is_as_described(server: Server, pat1: Person, doc1: Person, c1: str) -> None:
    """Somebody who comes, says something of themselves, and hides."""
    with connect(server, doc1.token) as doctor:
        doctor.ask("presence:subscribe", {"userIds": [str(pat1.id)]})
        with connect(server, pat1.token) as patient:
            for status in ("busy", "offline"):
                patient.ask("presence:update", {"status": status, "customStatus": "At the dentist's"})
                told = doctor.next_frame_where(lambda frame: frame["data"]["status"] == status)  # noqa: B023  at once
                as_described("event.presence-update", told)


def test_every_declared_event_is_among_those(openapi: Json) -> None:
    """Whoever declares one more lets it happen above."""
    happened = {"message:new", "message:updated", "message:deleted", "conversation:updated", "message:delivered"}
    happened |= {"reaction:new", "reaction:remove", "message:pinned", "message:unpinned"}
    happened |= {"member:joined", "member:updated", "member:left"}
    happened |= {"typing", "message:read", "conversation:added", "conversation:removed", "session:revoked"}
    happened |= {"presence:update"}
    assert happened == set(doors.sends)


def test_control_frames_are_as_described(server: Server, doc1: Person, c1: str) -> None:
    with connect(server, doc1.token) as doctor:
        as_described("control.auth_success", doctor.hello)
        epoch = doctor.hello["epoch"]
        asked = {"type": "resume", "epoch": epoch, "cursors": {c1: 99}}
        as_described("control.resume", asked)
        doctor.send(asked)
        as_described("control.resync", doctor.next_frame_where(lambda frame: frame.get("type") == "resync"))
        as_described("control.resumed", doctor.next_frame_where(lambda frame: frame.get("type") == "resumed"))
        doctor.send({"type": "ping"})
        as_described("control.pong", doctor.next_frame_where(lambda frame: frame.get("type") == "pong"))
        as_described("control.auth", {"type": "auth", "token": doc1.token})


def test_the_documents_describe_the_same_shapes(openapi: Json) -> None:
    theirs, ours = openapi["components"]["schemas"], asyncapi.build()["components"]["schemas"]
    shared = theirs.keys() & ours.keys()
    assert {"MessageOut", "ReceiptOut"} <= shared
    assert [name for name in shared if plain(theirs[name], theirs) != plain(ours[name], ours)] == []


def plain(node: Any, schemas: Json) -> Any:
    """A schema without references: OpenAPI gives enumerations names of their own."""
    if isinstance(node, list):
        return [plain(item, schemas) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return plain(schemas[node["$ref"].rsplit("/", 1)[1]], schemas)
    if len(node.get("allOf", ())) == 1:  # an enumeration with a description of its own
        [named] = node["allOf"]
        return plain(named, schemas) | {name: value for name, value in node.items() if name != "allOf"}
    return {name: plain(value, schemas) for name, value in node.items()}
