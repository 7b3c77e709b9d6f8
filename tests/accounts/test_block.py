"""Blocking somebody: PUT and DELETE /users/{id}/block, and what it takes away from both."""

from uuid import UUID, uuid4

import httpx
import pytest
from django.db.models import Exists, OuterRef

from accounts import blocks, services
from accounts.models import Block, User
from core.actor import SYSTEM, SYSTEM_ID
from tests.accounts.conftest import Rest, assert_problem, recorded
from tests.live import Server
from tests.messaging.rooms import room_of
from tests.messaging.talking import entry_details, post
from tests.people import Person, client_for, make_person, open_clinical
from tests.sockets import connect

pytestmark = pytest.mark.core


@pytest.fixture
def ann(database: None) -> Person:
    return make_person("ann", "student", display_name="Ann Oduya")


@pytest.fixture
def ben(database: None) -> Person:
    return make_person("ben", "student", display_name="Ben Iqbal")


@pytest.fixture
def as_ann(rest: Rest, ann: Person) -> httpx.Client:
    return rest(ann)


@pytest.fixture
def as_ben(rest: Rest, ben: Person) -> httpx.Client:
    return rest(ben)


def block(client: httpx.Client, who: Person) -> httpx.Response:
    return client.put(f"/users/{who.id}/block")


def unblock(client: httpx.Client, who: Person) -> httpx.Response:
    return client.delete(f"/users/{who.id}/block")


def direct(client: httpx.Client, other: Person) -> httpx.Response:
    return client.post("/conversations", json={"kind": "direct", "userId": str(other.id)})


def write(client: httpx.Client, conversation_id: str) -> httpx.Response:
    return client.post(f"/conversations/{conversation_id}/messages", json={"content": "Hello."})


# ---- Blocking and unblocking -------------------------------------------------------------------------------------


def test_somebody_is_blocked_and_let_back(as_ann: httpx.Client, ann: Person, ben: Person) -> None:
    answer = block(as_ann, ben)
    assert (answer.status_code, answer.content) == (204, b"")
    assert blocks.are_blocked(ann.id, ben.id)
    assert blocks.are_blocked(ben.id, ann.id)
    assert unblock(as_ann, ben).status_code == 204
    assert not blocks.are_blocked(ann.id, ben.id)


def test_repeats_change_nothing(as_ann: httpx.Client, ann: Person, ben: Person) -> None:
    assert [unblock(as_ann, ben).status_code, block(as_ann, ben).status_code, block(as_ann, ben).status_code] == [
        204
    ] * 3
    assert Block.objects.count() == 1
    assert [unblock(as_ann, ben).status_code for _ in range(2)] == [204, 204]
    assert not Block.objects.exists()
    assert len(recorded("user.blocked")) == len(recorded("user.unblocked")) == 1


def test_both_are_recorded(as_ann: httpx.Client, ann: Person, ben: Person) -> None:
    block(as_ann, ben)
    unblock(as_ann, ben)
    [blocked], [unblocked] = recorded("user.blocked"), recorded("user.unblocked")
    assert {(entry.actor, entry.object) for entry in (blocked, unblocked)} == {(ann.id, ben.id)}


def test_nobody_blocks_themselves(as_ann: httpx.Client, ann: Person) -> None:
    assert_problem(block(as_ann, ann), 400, "invalid")
    assert not Block.objects.exists()


def test_who_cannot_be_seen_answers_like_who_does_not_exist(as_ann: httpx.Client, pat1: Person, dis1: Person) -> None:
    for method in ("PUT", "DELETE"):
        answers = [as_ann.request(method, f"/users/{one}/block") for one in (pat1.id, dis1.id, SYSTEM_ID, uuid4())]
        for answer in answers:
            assert_problem(answer, 404, "not_found")
        assert len({tuple({**answer.json(), "requestId": ""}.items()) for answer in answers}) == 1
    assert not Block.objects.exists()
    assert len(recorded("access.denied")) == 8


def test_a_block_can_be_taken_back_when_nothing_else_is_left(as_ann: httpx.Client, ann: Person, ben: Person) -> None:
    block(as_ann, ben)
    services.disable_user(actor=SYSTEM, user=ben.user)
    assert_problem(as_ann.get(f"/users/{ben.id}"), 404, "not_found")
    assert unblock(as_ann, ben).status_code == 204
    assert_problem(unblock(as_ann, ben), 404, "not_found")


def test_the_other_one_cannot_take_it_back(
    as_ann: httpx.Client, as_ben: httpx.Client, ann: Person, ben: Person
) -> None:
    block(as_ann, ben)
    assert unblock(as_ben, ann).status_code == 204
    assert blocks.are_blocked(ann.id, ben.id)


def test_it_ends_when_both_have_taken_theirs_back(
    as_ann: httpx.Client, as_ben: httpx.Client, ann: Person, ben: Person
) -> None:
    block(as_ann, ben)
    block(as_ben, ann)
    unblock(as_ann, ben)
    assert blocks.are_blocked(ann.id, ben.id)
    unblock(as_ben, ann)
    assert not blocks.are_blocked(ann.id, ben.id)


def test_a_body_or_a_parameter_is_refused(as_ann: httpx.Client, ben: Person) -> None:
    assert_problem(as_ann.put(f"/users/{ben.id}/block", json={"reason": "x"}), 400, "unknown_field")
    assert_problem(as_ann.put(f"/users/{ben.id}/block", json={"userId": str(ben.id)}), 400, "unknown_field")
    assert_problem(as_ann.put(f"/users/{ben.id}/block", params={"silently": "1"}), 400, "unknown_param")
    assert not Block.objects.exists()


# ---- What it takes away ------------------------------------------------------------------------------------------


def test_neither_opens_a_direct_conversation(
    as_ann: httpx.Client, as_ben: httpx.Client, ann: Person, ben: Person
) -> None:
    block(as_ann, ben)
    refusals = [direct(as_ann, ben), direct(as_ben, ann)]
    for answer in refusals:
        assert_problem(answer, 403, "forbidden")
    # In the same words for both: they do not say who blocked whom.
    assert len({answer.json()["detail"] for answer in refusals}) == 1
    unblock(as_ann, ben)
    assert direct(as_ben, ann).status_code == 201


def test_neither_writes_in_the_one_they_have(
    as_ann: httpx.Client, as_ben: httpx.Client, ann: Person, ben: Person
) -> None:
    conversation_id = direct(as_ann, ben).json()["id"]
    write(as_ben, conversation_id)
    block(as_ann, ben)
    refusals = [write(client, conversation_id) for client in (as_ann, as_ben)]
    for answer in refusals:
        assert_problem(answer, 403, "forbidden")
    assert len({answer.json()["detail"] for answer in refusals}) == 1
    for client, other in ((as_ann, ben), (as_ben, ann)):
        again = direct(client, other)
        assert (again.status_code, again.json()["id"]) == (200, conversation_id)
        assert len(client.get(f"/conversations/{conversation_id}/messages").json()["results"]) == 1
    unblock(as_ann, ben)
    assert write(as_ben, conversation_id).status_code == 201


@pytest.mark.parametrize("blocker", ["ann", "ben"])
def test_neither_hears_how_far_the_other_gets_in_it(
    server: Server, as_ann: httpx.Client, as_ben: httpx.Client, ann: Person, ben: Person, blocker: str
) -> None:
    """Whether a device of theirs is on, or what they have read: that is presence by another name."""
    place = direct(as_ann, ben).json()["id"]
    first, second = (str(write(as_ann, place).json()["id"]) for _ in range(2))
    as_ben.put(f"/conversations/{place}/read", json={"seq": 1})
    before = [_known_of(ben, client, place, first, second) for client in (as_ann, as_ben)]
    assert [one["status"] for one in before[0]] == ["read", "sent"]
    block(*((as_ann, ben) if blocker == "ann" else (as_ben, ann)))
    with connect(server, ann.token) as socket, connect(server, ben.token) as own:
        for watermark in ("delivered", "read"):
            answer = as_ben.put(f"/conversations/{place}/{watermark}", json={"seq": 2})
            assert answer.json()[f"{watermark}Seq"] == 2
            assert own.next_event(f"message:{watermark}")["data"]["seq"] == 2
        socket.nothing_arrives(0.1)
    assert _known_of(ben, as_ann, place, first, second) == before[0]
    assert _known_of(ben, as_ben, place, first, second) != before[1], "it is theirs, and they have read it"
    assert as_ben.get("/conversations/unread-count").json()["total"] == 0
    unblock(*((as_ann, ben) if blocker == "ann" else (as_ben, ann)))
    assert [one["status"] for one in _known_of(ben, as_ann, place, first, second)] == ["read", "read"]


def _known_of(who: Person, client: httpx.Client, place: str, *messages: str) -> list[dict[str, object]]:
    """How far they are, as far as somebody is told: with each message of the other's all that is said of it."""
    lists = [client.get(f"/conversations/{place}/{what}").json()["results"] for what in ("members", "receipts")]
    member, receipt = (next(one for one in results if one["userId"] == str(who.id)) for results in lists)
    listed = client.get(f"/conversations/{place}/messages").json()["results"]
    told = {"member": (member.get("lastReadSeq"), member.get("lastReadAt")), "receipt": receipt}
    found = []
    for message, one in zip(messages, listed, strict=True):
        wire = client.get(f"/messages/{message}").json()
        progress = {name: wire.get(name) for name in ("status", "deliveredAt", "readAt")}
        assert progress == {name: one.get(name) for name in progress}
        found.append(told | progress | {"of it": client.get(f"/messages/{message}/receipts").json()["results"]})
    return found


def test_rooms_and_clinical_conversations_stay(server: Server, rest: Rest, pat1: Person, doc1: Person) -> None:
    clinical, room = open_clinical(pat1, doc1), room_of(doc1, pat1)
    assert block(rest(pat1), doc1).status_code == 204
    for person in (pat1, doc1):
        with client_for(person, server) as client:
            assert post(client, clinical).status_code == 201
            assert post(client, room).status_code == 201


def test_neither_puts_the_other_into_a_room(
    server: Server, rest: Rest, as_ann: httpx.Client, as_ben: httpx.Client, ann: Person, ben: Person
) -> None:
    """It would be a direct conversation by another name. Somebody else may put them together."""
    third = make_person("third", "student")
    of_ann, of_ben = room_of(ann, third), room_of(ben, third)
    block(as_ann, ben)
    with connect(server, ann.token) as one, connect(server, ben.token) as other:
        refusals = [
            answer
            for client, who, room in ((as_ann, ben, of_ann), (as_ben, ann, of_ben))
            for answer in (
                client.post(f"/conversations/{room}/members", json={"userIds": [str(third.id), str(who.id)]}),
                client.post("/conversations", json={"kind": "private", "name": "x", "memberIds": [str(who.id)]}),
            )
        ]
        one.nothing_arrives(0.1)
        other.nothing_arrives(0.1)
    for answer in refusals:
        assert_problem(answer, 403, "forbidden")
    assert len({answer.json()["detail"] for answer in refusals}) == 1
    together = rest(third).post("/conversations", json={"kind": "group", "name": "x", "memberIds": [str(ann.id)]})
    added = rest(third).post(f"/conversations/{together.json()['id']}/members", json={"userIds": [str(ben.id)]})
    assert added.status_code == 201
    unblock(as_ann, ben)
    answer = as_ben.post(f"/conversations/{of_ben}/members", json={"userIds": [str(ann.id)]})
    assert answer.status_code == 201


def test_a_clinical_conversation_can_still_be_opened(rest: Rest, pat1: Person, doc1: Person) -> None:
    block(rest(pat1), doc1)
    answer = rest(doc1).post("/conversations", json={"patientId": str(pat1.id), "providerId": str(doc1.id)})
    assert answer.status_code == 201


def test_the_directory_is_the_same_for_both(
    as_ann: httpx.Client, as_ben: httpx.Client, ann: Person, ben: Person
) -> None:
    """The list would be a way to find out who has blocked one."""
    before = [client.get("/users").json() for client in (as_ann, as_ben)]
    block(as_ann, ben)
    assert [client.get("/users").json() for client in (as_ann, as_ben)] == before
    assert as_ben.get(f"/users/{ann.id}").json()["username"] == "ann"


def test_the_blocked_are_told_nothing(server: Server, rest: Rest, ann: Person, ben: Person) -> None:
    room_of(ann, ben)
    with connect(server, ben.token) as socket:
        block(rest(ann), ben)
        socket.nothing_arrives(0.1)
    assert entry_details_of("user.blocked") == [{}]


def entry_details_of(action: str) -> list[dict[str, object]]:
    return [entry_details(entry) if entry.detail_h else {} for entry in recorded(action)]


# ---- For whoever asks the database -------------------------------------------------------------------------------


def test_blocks_can_be_asked_for_inside_another_query(ann: Person, ben: Person, out1: Person) -> None:
    services.block_user(actor=ann.actor, subject=ben.user)

    def blocked_with(user_id: UUID) -> set[str]:
        people = User.objects.filter(Exists(blocks.between(OuterRef("id"), user_id)))
        return set(people.values_list("username", flat=True))

    assert blocked_with(ann.id) == {"ben"}
    assert blocked_with(ben.id) == {"ann"}
    assert blocked_with(out1.id) == set()
