"""The list of one's conversations, one of them, and how much is unread."""

from typing import Any

import httpx
import pytest

from messaging.models import Conversation, Membership
from tests.live import Server
from tests.messaging.talking import (
    Json,
    answered,
    entries,
    entry_details,
    open_room,
    refused,
    same_but_for_the_request_id,
    say,
    send,
)
from tests.people import Person, client_for, make_person, open_clinical


def listed(client: httpx.Client, **params: Any) -> Json:
    return answered(client.get("/api/v1/conversations", params=params))


def ids(found: Json) -> list[str]:
    return [conversation["id"] for conversation in found["results"]]


@pytest.mark.core
def test_newest_activity_comes_first(patient: httpx.Client, pat1: Person, doc1: Person, doc2: Person, c1: str) -> None:
    other = open_clinical(pat1, doc2)
    assert ids(listed(patient)) == [other, c1]
    say(doc1, c1, "x")
    assert ids(listed(patient)) == [c1, other]


@pytest.mark.core
def test_each_has_its_newest_message_and_what_is_unread(
    patient: httpx.Client, doctor: httpx.Client, doc1: Person, c1: str
) -> None:
    say(doc1, c1, "first", "x" * 300)
    own = send(patient, c1, "mine")
    [conversation] = listed(doctor)["results"]
    assert conversation["unreadCount"] == 1
    assert conversation["headSeq"] == 3
    last = {"id": own["id"], "seq": 3, "senderId": own["senderId"], "type": "text", "preview": "mine"}
    assert conversation["lastMessage"] == {**last, "createdAt": own["createdAt"]}
    assert conversation["lastMessageAt"] == own["createdAt"]
    [conversation] = listed(patient)["results"]
    assert conversation["unreadCount"] == 2
    say(doc1, c1, "y" * 300)
    assert listed(patient)["results"][0]["lastMessage"]["preview"] == "y" * 100


def test_a_deleted_newest_message_has_no_preview(patient: httpx.Client, c1: str) -> None:
    message = send(patient, c1, "a slip")
    answered(patient.delete(f"/api/v1/messages/{message['id']}"))
    assert listed(patient)["results"][0]["lastMessage"]["preview"] is None


@pytest.mark.core
def test_pages_follow_one_another_without_holes(server: Server, pat1: Person) -> None:
    opened = [open_clinical(pat1, make_person(f"provider-{n}", "provider")) for n in range(7)]
    with client_for(pat1, server) as client:
        seen, cursor = [], None
        while True:
            page = listed(client, limit=3, **({} if cursor is None else {"cursor": cursor}))
            seen += ids(page)
            cursor = page["nextCursor"]
            if cursor is None:
                break
    assert seen == opened[::-1]


def test_a_cursor_works_for_whom_it_was_made_only(
    server: Server, patient: httpx.Client, pat1: Person, doc1: Person, doc2: Person, doctor: httpx.Client, c1: str
) -> None:
    open_clinical(pat1, doc2)
    cursor = listed(patient, limit=1)["nextCursor"]
    refused(doctor.get("/api/v1/conversations", params={"cursor": cursor}), 400, "invalid_cursor")
    refused(patient.get("/api/v1/conversations", params={"cursor": cursor + "x"}), 400, "invalid_cursor")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"archived": "yes"}, "invalid"),
        ({"kind": "email"}, "invalid"),
        ({"limit": "0"}, "invalid"),
        ({"limit": "201"}, "invalid"),
        ({"page": "2"}, "unknown_param"),
    ],
    ids=str,
)
def test_what_makes_no_list_is_refused(patient: httpx.Client, params: dict[str, str], code: str) -> None:
    refused(patient.get("/api/v1/conversations", params=params), 400, code)


def test_the_list_can_be_narrowed(patient: httpx.Client, pat1: Person, doc1: Person, doc2: Person, c1: str) -> None:
    body = {"kind": "direct", "userId": str(doc2.id)}
    direct = answered(patient.post("/api/v1/conversations", json=body), 201)["id"]
    answered(patient.put(f"/api/v1/conversations/{c1}/preferences", json={"archived": True}))
    assert ids(listed(patient)) == [direct, c1]
    assert ids(listed(patient, kind="clinical")) == [c1]
    assert ids(listed(patient, archived="true")) == [c1]
    assert ids(listed(patient, archived="false")) == [direct]
    assert ids(listed(patient, kind="group")) == []


@pytest.mark.core
def test_nobody_sees_what_is_not_theirs(patient: httpx.Client, stranger: httpx.Client, c1: str, c2: str) -> None:
    """T039."""
    assert ids(listed(patient)) == [c1]
    assert ids(listed(stranger)) == [c2]
    for part in ("", "/members", "/receipts", "/events", "/messages"):
        ours = stranger.get(f"/api/v1/conversations/{c1}{part}")
        random = stranger.get(f"/api/v1/conversations/01890000-0000-7000-8000-000000000000{part}")
        assert same_but_for_the_request_id(refused(ours, 404, "not_found"), refused(random, 404, "not_found"))


def test_what_was_before_ones_time_is_not_previewed(server: Server, pat1: Person, doc1: Person, doc2: Person) -> None:
    room = open_room(pat1, doc1)
    say(pat1, room, "before", "their time")
    newcomer = Membership.objects.create(conversation_id=room, user=doc2.user, joined_seq=3)
    with client_for(doc2, server) as client:
        [conversation] = listed(client)["results"]
        assert (conversation["lastMessage"], conversation["unreadCount"]) == (None, 0)
        say(pat1, room, "in their time")
        [conversation] = listed(client)["results"]
        assert (conversation["lastMessage"]["preview"], conversation["unreadCount"]) == ("in their time", 1)
        Conversation.objects.update(history="all")
        assert listed(client)["results"][0]["unreadCount"] == 3
        Membership.objects.filter(id=newcomer.id).update(left_seq=3, left_at="2026-01-01T00:00Z")
        assert listed(client)["results"] == []


def test_each_list_with_previews_is_one_entry(patient: httpx.Client, pat1: Person, c1: str) -> None:
    listed(patient)
    [entry] = entries("conversations.viewed", pat1)
    assert entry_details(entry) == {"conversations": [c1]}
    answered(patient.get(f"/api/v1/conversations/{c1}"))
    [entry] = entries("conversation.viewed", pat1)
    assert str(entry.object) == c1


def test_what_cannot_be_recorded_is_not_shown(patient: httpx.Client, c1: str, request: pytest.FixtureRequest) -> None:
    send(patient, c1, "secret")
    request.getfixturevalue("log_cannot_be_written")
    for part in ("", f"/{c1}", f"/{c1}/members"):
        response = patient.get(f"/api/v1/conversations{part}")
        refused(response, 503, "audit_unavailable")
        assert "secret" not in response.text


def test_unread_is_counted_over_all_conversations(
    patient: httpx.Client, pat1: Person, doc1: Person, doc2: Person, c1: str
) -> None:
    other = open_clinical(pat1, doc2)
    say(doc1, c1, "1", "2", "3")
    say(doc2, other, "1")
    say(pat1, other, "one's own do not count")
    counted = answered(patient.get("/api/v1/conversations/unread-count"))
    assert counted == {"total": 4, "conversations": 2, "mentions": 0}
    answered(patient.put(f"/api/v1/conversations/{c1}/read", json={"seq": 3}))
    counted = answered(patient.get("/api/v1/conversations/unread-count"))
    assert counted == {"total": 1, "conversations": 1, "mentions": 0}


def test_members_are_listed_with_their_names_and_how_far_they_have_read(
    patient: httpx.Client, doctor: httpx.Client, pat1: Person, doc1: Person, c1: str
) -> None:
    send(patient, c1)
    answered(doctor.put(f"/api/v1/conversations/{c1}/read", json={"seq": 1}))
    found = answered(patient.get(f"/api/v1/conversations/{c1}/members"))
    assert found["nextCursor"] is None
    members = {member["userId"]: member for member in found["results"]}
    assert members.keys() == {str(pat1.id), str(doc1.id)}
    doctors = members[str(doc1.id)]
    assert (doctors["displayName"], doctors["role"], doctors["lastReadSeq"]) == ("Dr. Iris Berg", "owner", 1)
    assert "lastReadAt" in doctors
    assert "lastReadAt" not in members[str(pat1.id)]
