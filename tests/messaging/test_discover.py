"""Finding rooms that are open to others."""

import pytest

from tests.live import Server
from tests.messaging.rooms import change, join, room_of
from tests.messaging.talking import Json, answered, entries, entry_details, refused, say
from tests.people import Person, client_for

pytestmark = pytest.mark.core


def found(person: Person, server: Server, **params: str) -> list[Json]:
    with client_for(person, server) as client:
        page = answered(client.get("/api/v1/conversations/discover", params=params))
    assert isinstance(page["results"], list)
    return page["results"]


def names(rooms: list[Json]) -> list[str]:
    return [room["name"] for room in rooms]


def test_open_rooms_are_found_and_others_are_not(
    server: Server, student: Person, classmate: Person, teacher: Person
) -> None:
    for kind in ("group", "private", "study_group", "public", "course"):
        room_of(teacher, kind=kind, name=f"The {kind} room")
    room_of(teacher, student, kind="public", name="Where I am already")
    rooms = found(student, server)
    assert names(rooms) == ["The course room", "The public room"]
    assert {(r["myRole"], r["unreadCount"], r["lastMessage"], r["memberCount"]) for r in rooms} == {(None, 0, None, 1)}
    [entry] = entries("rooms.viewed", student)
    assert sorted(entry_details(entry)["conversations"]) == sorted(room["id"] for room in rooms)
    assert len(found(classmate, server)) == 3


def test_what_is_said_in_them_is_not_shown(server: Server, student: Person, teacher: Person) -> None:
    room = room_of(teacher, kind="public")
    say(teacher, room, "nobody's business")
    [one] = found(student, server)
    assert (one["lastMessage"], one["lastMessageAt"], one["headSeq"]) == (None, None, 1)
    assert "business" not in str(one)


@pytest.mark.parametrize(
    ("search", "rooms"),
    [
        ("anatomy", ["Anatomy, first year", "Anatomie und Anatomy"]),
        ("ANATOMY year", ["Anatomy, first year"]),
        ("first anatomy", ["Anatomy, first year"]),
        ("cafe", ["Café"]),
        ("anat", []),
        ("missing", []),
        ("!?", []),
        ("", ["Café", "Anatomy, first year", "Anatomie und Anatomy"]),
    ],
)
def test_by_the_words_of_their_names(
    server: Server, student: Person, teacher: Person, search: str, rooms: list[str]
) -> None:
    for name in ("Anatomie und Anatomy", "Anatomy, first year", "Café"):
        room_of(teacher, kind="public", name=name)
    assert names(found(student, server, search=search)) == rooms


def test_another_name_is_found_instead(server: Server, student: Person, teacher: Person) -> None:
    room = room_of(teacher, kind="course", name="Old words")
    with client_for(teacher, server) as client:
        answered(client.patch(f"/api/v1/conversations/{room}", json={"name": "New words"}))
    assert found(student, server, search="old") == []
    assert names(found(student, server, search="new words")) == ["New words"]


def test_in_pages_by_newest_activity(server: Server, student: Person, teacher: Person) -> None:
    rooms = [room_of(teacher, kind="public", name=f"Number {n}") for n in "abcde"]
    say(teacher, rooms[1], "something new")
    with client_for(student, server) as client:
        seen: list[str] = []
        cursor = None
        while cursor is not None or not seen:
            params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
            page = answered(client.get("/api/v1/conversations/discover", params=params))
            seen += names(page["results"])
            cursor = page["nextCursor"]
        assert seen == ["Number b", "Number e", "Number d", "Number c", "Number a"]
        refused(client.get("/api/v1/conversations/discover", params={"cursor": "x"}), 400, "invalid_cursor")
        refused(client.get("/api/v1/conversations/discover", params={"kind": "x"}), 400, "unknown_param")
        refused(client.get("/api/v1/conversations/discover", params={"search": "x" * 101}), 400, "invalid")


def test_patients_find_none(server: Server, teacher: Person, pat1: Person) -> None:
    room = room_of(teacher, kind="public")
    assert found(pat1, server) == []
    with client_for(pat1, server) as client:
        refused(join(client, room), 404, "not_found")


def test_neither_do_those_who_were_banned(server: Server, student: Person, teacher: Person) -> None:
    room = room_of(teacher, student, kind="public")
    with client_for(teacher, server) as client:
        answered(change(client, room, student, isBlocked=True))
        assert found(student, server) == []
        answered(change(client, room, student, isBlocked=False))
    assert len(found(student, server)) == 1


def test_a_deleted_room_is_not_found(server: Server, student: Person, teacher: Person) -> None:
    room = room_of(teacher, kind="public", name="Soon gone")
    with client_for(teacher, server) as client:
        assert client.delete(f"/api/v1/conversations/{room}").status_code == 204
    assert found(student, server, search="soon") == []
