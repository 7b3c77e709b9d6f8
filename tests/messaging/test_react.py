"""Reacting to a message, one emoji at a time."""

from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
import pytest

from core.errors import Invalid
from core.shapes import validate
from messaging.models import Conversation, Membership, Message, Reaction
from messaging.serializers import ReactionIn
from messaging.verification import check_bodies
from tests.live import Server
from tests.messaging.rooms import open_direct, room_of
from tests.messaging.talking import (
    API,
    answered,
    entries,
    head_of,
    page,
    refused,
    same_but_for_the_request_id,
    say,
    send,
)
from tests.people import Person, client_for, make_person
from tests.sockets import Refusal, connect

FIFTY_ONE = [chr(code) for code in range(0x1F600, 0x1F633)]
FAMILY = "👨‍👩‍👧‍👦"
WAVING = "👋🏽"


def reaction(message_id: object, emoji: str) -> str:
    return f"{API}/messages/{message_id}/reactions/{quote(emoji, safe='')}"


def react(client: httpx.Client, message_id: object, emoji: str) -> httpx.Response:
    return client.put(reaction(message_id, emoji))


def take_back(client: httpx.Client, message_id: object, emoji: str) -> httpx.Response:
    return client.delete(reaction(message_id, emoji))


def reactions(client: httpx.Client, message_id: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = answered(client.get(f"{API}/messages/{message_id}"))["reactions"]
    return found


@pytest.mark.core
def test_everybody_is_told_and_each_sees_whether_it_is_theirs(
    server: Server, pat1: Person, doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    message = send(patient, c1)
    with connect(server, pat1.token) as own, connect(server, doc1.token) as other:
        assert answered(react(doctor, message["id"], WAVING)) == {}
        for client in (own, other):
            event = client.next_event("reaction:new")
            assert (event["seq"], event["actorId"]) == (2, str(doc1.id))
            assert event["data"] == {"messageId": message["id"], "emoji": WAVING, "userId": str(doc1.id)}
    answered(react(patient, message["id"], WAVING))
    answered(react(patient, message["id"], FAMILY))
    both = [str(doc1.id), str(pat1.id)]
    assert reactions(doctor, message["id"]) == [
        {"emoji": WAVING, "count": 2, "userIds": both, "mine": True},
        {"emoji": FAMILY, "count": 1, "userIds": both[1:], "mine": False},
    ]
    [listed] = page(patient, c1)["results"]
    assert [one["mine"] for one in listed["reactions"]] == [True, True]


@pytest.mark.core
def test_the_same_over_a_socket(server: Server, pat1: Person, doc1: Person, c1: str, patient: httpx.Client) -> None:
    message = send(patient, c1)
    asked = {"messageId": message["id"], "emoji": "🎉"}
    with connect(server, doc1.token) as client:
        assert client.ask("reaction:new", asked) == {}
        assert client.next_event("reaction:new")["data"] == {**asked, "userId": str(doc1.id)}
        assert client.ask("reaction:remove", asked) == {}
        assert client.next_event("reaction:remove")["data"] == {**asked, "userId": str(doc1.id)}
    assert reactions(patient, message["id"]) == []


@pytest.mark.core
def test_a_repeat_changes_nothing(patient: httpx.Client, pat1: Person, c1: str) -> None:
    message = send(patient, c1)
    for _ in range(2):
        answered(react(patient, message["id"], "👍"))
    assert (head_of(c1), Reaction.objects.count(), len(entries("reaction.added", pat1))) == (2, 1, 1)
    for _ in range(2):
        answered(take_back(patient, message["id"], "👍"))
    assert (head_of(c1), Reaction.objects.count(), len(entries("reaction.removed", pat1))) == (3, 0, 1)


def test_nobody_takes_back_what_is_another_persons(patient: httpx.Client, doctor: httpx.Client, c1: str) -> None:
    message = send(patient, c1)
    answered(react(doctor, message["id"], "👍"))
    answered(take_back(patient, message["id"], "👍"))
    assert [one["count"] for one in reactions(patient, message["id"])] == [1]
    assert head_of(c1) == 2


def test_each_is_one_entry_that_names_the_message(patient: httpx.Client, pat1: Person, c1: str) -> None:
    message = send(patient, c1)
    answered(react(patient, message["id"], "👍"))
    [entry] = entries("reaction.added", pat1)
    assert (str(entry.object), str(entry.conv), entry.outcome) == (message["id"], c1, "allow")
    assert list(check_bodies()) == []


@pytest.mark.parametrize(
    "emoji",
    ["👍", WAVING, FAMILY, "🇩🇪", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "1️⃣", "❤️", "👩🏽‍⚕️", "🏳️‍🌈", "👩‍❤️‍👨", "©️"],
)
def test_whatever_is_one_emoji_of_unicodes_list_is_taken(patient: httpx.Client, c1: str, emoji: str) -> None:
    message = send(patient, c1)
    answered(react(patient, message["id"], emoji))
    assert [one["emoji"] for one in reactions(patient, message["id"])] == [emoji]
    answered(take_back(patient, message["id"], emoji))


@pytest.mark.parametrize(
    "text",
    [
        *("a", "1", "ok", " ", "👍👍", "👍 ", "👍a", "../", "<b>", "\u200d", "\ufe0f", "🏽", "❤", "🇩", "e\u0301"),
        *("👍" + "🏽" * 200, "👍🏽🏽", "x" * 1024, "👨🏿‍❤️‍💋‍👨🏻", "\U0001f3f4\U000e0067\U000e007f", "'; --"),
    ],
    ids=ascii,
)
def test_what_is_none_is_refused_at_both_doors(
    server: Server, pat1: Person, c1: str, patient: httpx.Client, text: str
) -> None:
    """T071."""
    message = send(patient, c1)
    problem = refused(react(patient, message["id"], text), 400, "invalid")
    assert [error["field"] for error in problem["errors"]] == ["emoji"]
    assert len(text) < 5 or text not in str(problem)
    with connect(server, pat1.token) as client, pytest.raises(Refusal, match="invalid"):
        client.ask("reaction:new", {"messageId": message["id"], "emoji": text})
    assert head_of(c1) == 1


@pytest.mark.parametrize("value", [None, 5, ["👍"], {"👍": 1}, True, ""], ids=str)
def test_what_is_no_text_is_refused(server: Server, pat1: Person, c1: str, value: object) -> None:
    [message] = say(pat1, c1, "x")
    with connect(server, pat1.token) as client:
        with pytest.raises(Refusal, match="invalid"):
            client.ask("reaction:new", {"messageId": str(message["id"]), "emoji": value})
        client.send(
            f'{{"id": "s", "event": "reaction:new", "data": {{"messageId": "{message["id"]}", "emoji": "\\ud800"}}}}'
        )
        reply = client.next_frame_where(lambda frame: "error" in frame)
        assert reply["error"]["code"] in {"invalid", "invalid_text"}


@pytest.mark.no_database
def test_ten_thousand_distinct_strings_are_no_emoji() -> None:
    """T071."""
    for number in range(10_000):
        with pytest.raises(Invalid):
            validate(ReactionIn, {"messageId": str(uuid4()), "emoji": f"👍{number:x}"})


def test_a_message_takes_fifty_different_ones(patient: httpx.Client, doctor: httpx.Client, c1: str) -> None:
    """T071. Whoever uses one that is there is not the fifty-first."""
    message = send(patient, c1)
    for emoji in FIFTY_ONE[:50]:
        answered(react(patient, message["id"], emoji))
    problem = refused(react(doctor, message["id"], FIFTY_ONE[50]), 400, "invalid")
    assert [error["field"] for error in problem["errors"]] == ["emoji"]
    answered(react(doctor, message["id"], FIFTY_ONE[7]))
    assert head_of(c1) == 52
    answered(take_back(patient, message["id"], FIFTY_ONE[0]))
    answered(react(doctor, message["id"], FIFTY_ONE[50]))
    assert len(reactions(patient, message["id"])) == 50


def test_a_deleted_message_takes_none_and_has_none(
    server: Server, doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    message = send(patient, c1)
    answered(react(doctor, message["id"], "👍"))
    tombstone = answered(patient.delete(f"{API}/messages/{message['id']}"))
    assert tombstone["reactions"] == []
    assert Reaction.objects.count() == 0
    refused(react(doctor, message["id"], "👍"), 410, "gone")
    refused(take_back(doctor, message["id"], "👍"), 410, "gone")
    with connect(server, doc1.token) as client:
        for event in ("reaction:new", "reaction:remove"):
            with pytest.raises(Refusal, match="gone"):
                client.ask(event, {"messageId": message["id"], "emoji": "👍"})
    assert head_of(c1) == 3


def test_an_event_of_the_message_tells_all_its_reactions_and_of_nobody_that_they_are_theirs(
    server: Server, doc1: Person, c1: str, patient: httpx.Client, doctor: httpx.Client
) -> None:
    message = send(patient, c1)
    answered(react(doctor, message["id"], "👍"))
    with connect(server, doc1.token) as client:
        answered(patient.patch(f"{API}/messages/{message['id']}", json={"content": "edited"}))
        told = client.next_event("message:updated")["data"]["reactions"]
        assert told == [{"emoji": "👍", "count": 1, "userIds": [str(doc1.id)]}]
        replayed = client.ask("conversation:events", {"conversationId": c1})["results"]
    assert [frame["event"] for frame in replayed] == ["message:new", "reaction:new", "message:updated"]
    assert [frame["data"].get("reactions") for frame in replayed] == [told, None, told]


# --- Who may ----------------------------------------------------------------------------------------------------------


def test_a_muted_member_may_only_take_back(patient: httpx.Client, pat1: Person, c1: str) -> None:
    message = send(patient, c1)
    answered(react(patient, message["id"], "👍"))
    Membership.objects.filter(user=pat1.id).update(is_muted=True)
    refused(react(patient, message["id"], "🎉"), 403, "forbidden")
    answered(take_back(patient, message["id"], "👍"))
    assert reactions(patient, message["id"]) == []


def test_where_only_moderators_write_members_react(
    teacher: Person, student: Person, as_teacher: httpx.Client, as_student: httpx.Client
) -> None:
    room = room_of(teacher, student)
    Conversation.objects.filter(pk=UUID(room)).update(posting_policy="moderators")
    message = send(as_teacher, room)
    answered(react(as_student, message["id"], "👍"))


def test_who_was_blocked_does_not_react(
    student: Person, classmate: Person, as_student: httpx.Client, server: Server
) -> None:
    direct = open_direct(student, classmate)
    message = send(as_student, direct)
    with client_for(classmate, server) as other:
        answered(react(other, message["id"], "👍"))
        assert as_student.put(f"{API}/users/{classmate.id}/block").is_success
        refused(react(other, message["id"], "🎉"), 403, "forbidden")
        answered(take_back(other, message["id"], "👍"))


@pytest.mark.core
def test_a_stranger_gets_404_like_a_random_id(stranger: httpx.Client, patient: httpx.Client, c1: str) -> None:
    message = send(patient, c1)
    for ask in (react, take_back):
        problems = [refused(ask(stranger, one, "👍"), 404, "not_found") for one in (message["id"], str(uuid4()))]
        assert same_but_for_the_request_id(*problems)
    assert head_of(c1) == 1


def test_what_was_said_before_one_came_is_not_there_to_react_to(
    server: Server, teacher: Person, student: Person, as_teacher: httpx.Client
) -> None:
    room = room_of(teacher)
    message = send(as_teacher, room)
    late = make_person("latecomer", "student")
    Membership.objects.create(conversation_id=room, user=late.user, joined_seq=2)
    with client_for(late, server) as client:
        refused(react(client, message["id"], "👍"), 404, "not_found")


def test_who_was_removed_does_not_react(
    teacher: Person, student: Person, as_teacher: httpx.Client, as_student: httpx.Client
) -> None:
    """T046."""
    room = room_of(teacher, student)
    message = send(as_student, room)
    assert as_teacher.delete(f"{API}/conversations/{room}/members/{student.id}").status_code == 204
    for ask in (react, take_back):
        refused(ask(as_student, message["id"], "👍"), 404, "not_found")


def test_without_a_record_there_is_no_reaction(patient: httpx.Client, c1: str, request: pytest.FixtureRequest) -> None:
    message = send(patient, c1)
    request.getfixturevalue("log_cannot_be_written")
    refused(react(patient, message["id"], "👍"), 503, "audit_unavailable")
    assert (Reaction.objects.count(), Message.objects.get().has_reactions, head_of(c1)) == (0, False, 1)
