"""Mentions: who is named in a message, and who is not."""

import time
from collections.abc import Callable
from uuid import UUID, uuid4

import httpx
import pytest

from messaging import mentions
from messaging.mentions import named_in
from messaging.models import Membership, Mention, Message
from messaging.sanitizer import sanitize_content
from messaging.verification import check_bodies
from tests.live import Server
from tests.messaging.rooms import promote, room_of
from tests.messaging.talking import API, Json, answered, page, refused, send, stored
from tests.people import Person, client_for, make_person
from tests.sockets import connect


@pytest.fixture
def room(teacher: Person, student: Person, classmate: Person) -> str:
    return room_of(teacher, student, classmate)


def mentioned(message: Json) -> list[str]:
    found: list[str] = message["mentions"]
    return found


@pytest.mark.core
def test_who_is_named_is_mentioned_at_both_doors(
    server: Server, teacher: Person, student: Person, classmate: Person, room: str, as_teacher: httpx.Client
) -> None:
    with connect(server, student.token) as client:
        message = send(as_teacher, room, "@student and @Classmate, please.")
        assert client.next_event("message:new")["data"] == message
        assert mentioned(message) == [str(student.id), str(classmate.id)]
        back = client.ask("message:new", {"conversationId": room, "content": "Yes, @teacher."})
        assert mentioned(back) == [str(teacher.id)]
        replayed = client.ask("conversation:events", {"conversationId": room})["results"]
    assert [mentioned(frame["data"]) for frame in replayed] == [mentioned(message), mentioned(back)]
    assert [mentioned(one) for one in page(as_teacher, room)["results"]] == [mentioned(message), mentioned(back)]


@pytest.mark.core
def test_nobody_hears_of_a_conversation_by_being_named_in_it(
    server: Server, out1: Person, teacher: Person, room: str, as_teacher: httpx.Client
) -> None:
    """T072. Neither in the text nor by id; a former member is none."""
    gone = make_person("gone", "student")
    Membership.objects.create(conversation_id=room, user=gone.user, left_seq=0, left_at="2026-01-01T00:00:00Z")
    with connect(server, out1.token) as client:
        chosen = [str(out1.id), str(gone.id), str(uuid4())]
        message = send(as_teacher, room, "@out1 @gone @nobody", mentions=chosen)
        client.nothing_arrives()
    assert mentioned(message) == []
    assert (Mention.objects.count(), stored(message).mentions_some) == (0, False)


@pytest.mark.parametrize(
    ("text", "format", "names"),
    [
        ("@student", "plain", ("student",)),
        ("(@student)", "plain", ("student",)),
        ("@student.", "plain", ("student",)),
        ("@student's", "plain", ("student",)),
        ("@STUDENT @student", "plain", ("student",)),
        ("see\n@student\n", "plain", ("student",)),
        ("anna@student", "plain", ()),
        ("anna@student.example.org", "plain", ()),
        ("@@student", "plain", ()),
        ("@ student", "plain", ()),
        ("@", "plain", ()),
        ("@@@", "plain", ()),
        ("@dr.berg and @dr-berg and @dr_berg.", "plain", ("dr.berg", "dr-berg", "dr_berg")),
        ("`@student`", "plain", ("student",)),
        ("`@student`", "markdown", ()),
        ("```\n@student\n```", "markdown", ()),
        ("```\n@student", "markdown", ()),
        ("`code` @student `code`", "markdown", ("student",)),
        ("**@student**", "markdown", ("student",)),
        ("@sÜdent", "plain", ("südent",)),
        ("@" + "x" * 64, "plain", ("x" * 64,)),
    ],
)
def test_what_names_somebody_and_what_does_not(text: str, format: str, names: tuple[str, ...]) -> None:
    assert named_in(text, format).usernames == names


def test_one_can_choose_whom_to_mention_besides(
    teacher: Person, student: Person, classmate: Person, room: str, as_teacher: httpx.Client
) -> None:
    message = send(as_teacher, room, "@student", mentions=[str(classmate.id), str(student.id), str(classmate.id)])
    assert mentioned(message) == [str(classmate.id), str(student.id)]
    assert mentioned(send(as_teacher, room, "@teacher", mentions=[str(teacher.id)])) == []


def test_in_code_nobody_is_meant(student: Person, room: str, as_teacher: httpx.Client) -> None:
    message = send(as_teacher, room, "run `@student` or\n```\n@classmate\n```", format="markdown")
    assert mentioned(message) == []
    assert mentioned(send(as_teacher, room, "run `@student`")) == [str(student.id)]


def test_one_message_mentions_fifty_at_most(
    teacher: Person, as_teacher: httpx.Client, c1: str, patient: httpx.Client
) -> None:
    """T072. The text stays as it was typed."""
    crowd = [make_person(f"m{number}", "student") for number in range(60)]
    room = room_of(teacher, *crowd)
    text = " ".join(f"@{person.username}" for person in crowd)
    message = send(as_teacher, room, text)
    assert mentioned(message) == [str(person.id) for person in crowd[:50]]
    assert message["content"] == text
    everybody = [str(person.id) for person in crowd]
    refused(
        as_teacher.post(f"{API}/conversations/{room}/messages", json={"content": "x", "mentions": everybody}),
        400,
        "invalid",
    )
    chosen = send(as_teacher, room, "@m55", mentions=everybody[:50])
    assert mentioned(chosen) == everybody[:50]
    assert mentioned(send(patient, c1, "@x1 " * 1250)) == []


@pytest.mark.no_database
def test_ten_thousand_names_are_fifty() -> None:
    """T072."""
    assert len(named_in(" ".join(f"@n{number}" for number in range(10_000)), "plain").usernames) == mentions.MOST


# --- @all -------------------------------------------------------------------------------------------------------------


def test_the_owner_of_a_room_means_everybody_with_all(
    teacher: Person, student: Person, room: str, as_teacher: httpx.Client, as_student: httpx.Client
) -> None:
    """The same words by others are words, by a moderator too."""
    assert stored(send(as_teacher, room, "Exam on Friday, @all!")).mentions_all is True
    assert stored(send(as_student, room, "@all")).mentions_all is False
    promote(student, room, "moderator")
    assert stored(send(as_student, room, "@all")).mentions_all is False
    assert stored(send(as_teacher, room, "`@all`", format="markdown")).mentions_all is False
    assert Mention.objects.count() == 0


def test_where_there_is_no_room_nobody_means_everybody(patient: httpx.Client, doctor: httpx.Client, c1: str) -> None:
    """T072: neither the patient nor the provider, who owns the conversation."""
    for client in (patient, doctor):
        assert stored(send(client, c1, "@all")).mentions_all is False


# --- Edits ------------------------------------------------------------------------------------------------------------


def test_an_edit_mentions_whom_it_names_and_whom_one_had_chosen(
    server: Server, teacher: Person, student: Person, classmate: Person, room: str, as_teacher: httpx.Client
) -> None:
    chosen = make_person("chosen", "student")
    Membership.objects.create(conversation_id=room, user=chosen.user)
    message = send(as_teacher, room, "@student", mentions=[str(chosen.id)])
    with connect(server, student.token) as client:
        edited = answered(as_teacher.patch(f"{API}/messages/{message['id']}", json={"content": "@classmate"}))
        assert client.next_event("message:updated")["data"] == edited
    assert mentioned(edited) == [str(chosen.id), str(classmate.id)]
    assert {mention.user_id for mention in Mention.objects.all()} == {chosen.id, classmate.id}
    edited = answered(as_teacher.patch(f"{API}/messages/{message['id']}", json={"content": "nobody"}))
    assert mentioned(edited) == [str(chosen.id)]
    assert list(check_bodies()) == []


def test_an_edit_can_mean_everybody_and_nobody_again(room: str, as_teacher: httpx.Client) -> None:
    message = send(as_teacher, room, "hello")
    for text, everybody in (("@all", True), ("hello", False)):
        answered(as_teacher.patch(f"{API}/messages/{message['id']}", json={"content": text}))
        assert stored(message).mentions_all is everybody
    assert list(check_bodies()) == []


def test_what_is_deleted_mentions_nobody(student: Person, room: str, as_teacher: httpx.Client) -> None:
    message = send(as_teacher, room, "@all and @student")
    tombstone = answered(as_teacher.delete(f"{API}/messages/{message['id']}"))
    assert mentioned(tombstone) == []
    assert (Mention.objects.count(), stored(message).mentions_all) == (0, False)
    assert list(check_bodies()) == []


def test_who_leaves_was_mentioned_all_the_same(
    server: Server, student: Person, room: str, as_teacher: httpx.Client
) -> None:
    message = send(as_teacher, room, "@student")
    with client_for(student, server) as client:
        assert client.post(f"{API}/conversations/{room}/leave").is_success
    assert mentioned(answered(as_teacher.get(f"{API}/messages/{message['id']}"))) == [str(student.id)]


# --- Bounds -----------------------------------------------------------------------------------------------------------

HOSTILE: dict[str, Callable[[int], str]] = {
    "one letter": lambda size: "a" * size + "!",
    "brackets": lambda size: "[" * size,
    "at signs": lambda size: "@" * size,
    "names": lambda size: "@a" * (size // 2),
    "dotted names": lambda size: "@" + "a." * (size // 2),
    "addresses": lambda size: "a@b.c " * (size // 6),
    "stars": lambda size: "**" * (size // 4) + "x" + "**" * (size // 4),
    "backticks": lambda size: "`" * size,
    "open code": lambda size: "`a\n" * (size // 3),
    "open fences": lambda size: "```a`" * (size // 5),
    "links": lambda size: "http://example.org/ " * (size // 20),
    "long link": lambda size: "http://" + "a." * (size // 2),
    "angles": lambda size: "<" * (size // 2) + ">" * (size // 2),
}


@pytest.mark.no_database
@pytest.mark.parametrize("format", ["plain", "markdown"])
@pytest.mark.parametrize("name", HOSTILE)
def test_reading_a_text_is_linear_in_its_length(name: str, format: str) -> None:
    """T070. Doubled eight times, far beyond what a message may have: what is not linear would never come back."""
    for doubling in range(9):
        text = HOSTILE[name](1000 * 2**doubling)
        begin = time.process_time()
        named_in(sanitize_content(text, format), format)
        assert time.process_time() - begin < 10


@pytest.mark.parametrize("name", HOSTILE)
def test_at_the_doors_its_size_is_bounded(patient: httpx.Client, c1: str, name: str) -> None:
    """T070: what is too long is refused before anybody looks into it; the longest there can be is stored."""
    refused(
        patient.post(f"{API}/conversations/{c1}/messages", json={"content": HOSTILE[name](50_000)}), 413, "too_large"
    )
    longest = HOSTILE[name](4_900)
    assert send(patient, c1, longest, format="markdown")["content"] == longest
    assert Message.objects.filter(conversation=UUID(c1)).count() == 1
