"""What is asked of the database does not grow with the number of members or messages, for anything anybody does.

Each request is made in a room of two with a message or three, and in one of five hundred with hundreds of messages.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from uuid import UUID

import pytest
from django.apps import apps

from accounts.models import User
from messaging.models import Membership
from tests.messaging.rooms import room_of
from tests.messaging.talking import head_of, say
from tests.people import Person, make_person, open_clinical
from tests.statements import ask, cost, get, watched

__all__ = ["watched"]

SMALL, LARGE = 2, 500


@dataclass
class Place:
    """A room whose owner and whose other member ask, with people to come."""

    room: str
    owner: Person
    member: Person
    message: str
    newcomers: list[Person]
    numbers: "count[int]" = field(default_factory=count)

    def of_room(self, method: str, rest: str = "", body: object = None, *, who: Person | None = None) -> object:
        return ask(who or self.owner, method, f"conversations/{self.room}{rest}", body)()

    def of_message(self, method: str, rest: str = "", body: object = None, *, who: Person | None = None) -> object:
        return ask(who or self.owner, method, f"messages/{self.message}{rest}", body)()

    def nothing_read(self) -> None:
        """As if the member had read nothing yet: what they mark moves something each time."""
        Membership.objects.filter(conversation=UUID(self.room), user=self.member.user).update(
            delivered_seq=0, read_seq=0
        )


Act = Callable[[Place], object]

ACTS: dict[str, Act] = {
    "conversation": lambda place: place.of_room("GET", who=place.member),
    "members": lambda place: place.of_room("GET", "/members"),
    "receipts": lambda place: place.of_room("GET", "/receipts"),
    "history": lambda place: place.of_room("GET", "/messages?limit=200"),
    "events": lambda place: place.of_room("GET", "/events?limit=200"),
    "pins": lambda place: place.of_room("GET", "/pins"),
    "message": lambda place: place.of_message("GET"),
    "message's receipts": lambda place: place.of_message("GET", "/receipts"),
    "thread": lambda place: place.of_message("GET", "/thread"),
    "send": lambda place: place.of_room("POST", "/messages", {"content": f"number {next(place.numbers)}"}),
    "send to all": lambda place: place.of_room("POST", "/messages", {"content": f"@all {next(place.numbers)}"}),
    "edit": lambda place: place.of_message("PATCH", "", {"content": f"edited {next(place.numbers)}"}),
    "react": lambda place: place.of_message("PUT", f"/reactions/{'👍🎉😀🙏'[next(place.numbers) % 4]}"),
    "pin": lambda place: place.of_message("PUT" if next(place.numbers) % 2 else "DELETE", "/pin"),
    "mark read": lambda place: place.of_room("PUT", "/read", {"seq": head_of(place.room)}, who=place.member),
    "mark delivered": lambda place: place.of_room("PUT", "/delivered", {"seq": head_of(place.room)}, who=place.member),
    "mark a message read": lambda place: place.of_message("PATCH", "/read", {}, who=place.member),
    "type": lambda place: place.of_room("POST", "/typing", {"isTyping": True}),
    "rename": lambda place: place.of_room("PATCH", "", {"name": f"Room {next(place.numbers)}"}),
    "archive": lambda place: place.of_room("PUT", "/preferences", {"archived": bool(next(place.numbers) % 2)}),
    "join": lambda place: place.of_room("POST", "/join", {}, who=place.newcomers.pop()),
    "add": lambda place: place.of_room("POST", "/members", {"userIds": [str(place.newcomers.pop().id)]}),
    "mute a member": lambda place: place.of_room(
        "PATCH", f"/members/{place.member.id}", {"isMuted": bool(next(place.numbers) % 2)}
    ),
}


@pytest.fixture
def places(database: None) -> tuple[Place, Place]:
    """The small and the large room, of the same people as far as they go."""
    owner, member = make_person("teacher", "instructor"), make_person("student", "student")
    return _place(owner, member, SMALL), _place(owner, member, LARGE)


def _place(owner: Person, member: Person, size: int) -> Place:
    newcomers = [make_person(f"newcomer-{size}-{n}", "student") for n in range(4)]
    room = room_of(owner, member, kind="public", max_members=2 * size + 10)
    crowd = [User(username=f"crowd-{size}-{n}", role="student") for n in range(size - 2)]
    User.objects.bulk_create(crowd)
    Membership.objects.bulk_create([Membership(conversation_id=room, user=user) for user in crowd])
    said = say(owner, room, *["@student"] * (1 if size == SMALL else 210), "@all", "the last")
    assert Membership.objects.filter(conversation=UUID(room)).count() == size
    return Place(room, owner, member, said[0]["id"], newcomers)


def test_whatever_is_asked_costs_the_same_in_a_room_of_two_and_in_one_of_five_hundred(
    places: tuple[Place, Place],
) -> None:
    small, large = (
        {name: cost(partial(act, place), place.nothing_read) for name, act in ACTS.items()} for place in places
    )
    assert small == large
    assert min(small.values()) > 1


def test_a_message_to_five_hundred_is_as_many_rows_as_one_to_two(places: tuple[Place, Place]) -> None:
    """No row for each member and message, in any table; nor when it is read, where that is kept nowhere."""
    for place in places:
        _talk(place)  # so that everybody is signed in
    small, large = (_rows_of(partial(_talk, place)) for place in places)
    assert small == large
    assert small["messaging_message"] == 2
    assert not small.keys() & {"messaging_membership", "messaging_watermarkmove"}


def _talk(place: Place) -> None:
    ACTS["send"](place)
    ACTS["send to all"](place)
    ACTS["mark read"](place)


def _rows_of(action: Callable[[], object]) -> Counter[str]:
    """The rows that this adds, by table."""
    before = _rows()
    action()
    return _rows() - before


def _rows() -> Counter[str]:
    return Counter({model._meta.db_table: model._base_manager.count() for model in apps.get_models()})


def test_a_list_of_fifty_costs_six_at_most(places: tuple[Place, Place]) -> None:
    """Rooms of every size, with much or nothing unread, and clinical conversations."""
    small, _ = places
    few = cost(get(small.owner, "conversations"))
    provider = make_person("provider", "provider")
    doctors = cost(get(provider, "conversations"))
    for number in range(50):
        patient = make_person(f"patient-{number}")
        say(patient, open_clinical(patient, provider), *["hello"] * (number % 3))
        room = room_of(small.owner, small.member, name=f"Room {number}")
        say(small.member, room, *["@teacher"] * (number % 3))
    assert len(get(small.owner, "conversations?limit=50")()["results"]) == 50
    assert few == cost(get(small.owner, "conversations?limit=50")) <= 6
    assert doctors <= cost(get(provider, "conversations?limit=50")) <= 6


def test_counting_what_is_unread_is_one_question(places: tuple[Place, Place]) -> None:
    small, _ = places
    few = cost(get(small.member, "conversations/unread-count"))
    for number in range(30):
        say(small.owner, room_of(small.owner, small.member, name=f"Room {number}"), "@student", "@all")
    assert few == cost(get(small.member, "conversations/unread-count")) == 2, "and one for the session"


@pytest.mark.parametrize("size", [1, 60])
def test_times_of_messages_are_one_question_more(pat1: Person, doc1: Person, size: int) -> None:
    """Only where they are kept, and only of one's own messages that got somewhere."""
    place = open_clinical(pat1, doc1)
    say(pat1, place, *["hello"] * size)
    page = f"conversations/{place}/messages?limit=200"
    nowhere = cost(get(pat1, page))
    for seq in range(1, size + 1):
        ask(doc1, "PUT", f"conversations/{place}/{'read' if seq % 2 else 'delivered'}", {"seq": seq})()
    assert cost(get(pat1, page)) == nowhere + 1
    assert cost(get(doc1, page)) == nowhere


def test_marking_costs_the_same_after_many_moves(pat1: Person, doc1: Person) -> None:
    place = open_clinical(pat1, doc1)
    say(pat1, place, *["hello"] * 100)
    seqs = count(1)

    def mark() -> None:
        ask(doc1, "PUT", f"conversations/{place}/read", {"seq": next(seqs)})()

    first = cost(mark)
    for _ in range(90):
        mark()
    assert cost(mark) == first
