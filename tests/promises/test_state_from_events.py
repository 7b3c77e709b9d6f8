"""Whoever applies the events has the same state as whoever loads everything anew: the promise clients are built on.

The method is Zulip's `verify_action`, with lost connections in between: five people do everything there is to do, at
random, by REST and by sockets, at two processes. Their devices change only by what the server tells them, go away and
come back as they like. At the end each of them, a fresh load by REST, and a model in plain Python of what happened
must say the same, and nobody may have been told anything about a conversation from outside of their stay.

`PARLEY_TEST_LONG=1` plays 20,000 operations with a seed of its own; `PARLEY_TEST_SEED` plays one again.
"""

import os
import random
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from django.conf import settings
from django.test.utils import override_settings

from core.limits import Rate
from core.time import now
from tests.live import Server
from tests.people import client_for, make_person
from tests.processes import Served, served
from tests.promises.devices import Asker, Device, Door, Listener
from tests.promises.model import Room, Stay
from tests.promises.playing import Play
from tests.promises.replica import API, FIELDS, Known, everything, history, load, taken
from tests.promises.stage import Player
from tests.sockets import Frame

pytestmark = pytest.mark.core

LONG = bool(os.environ.get("PARLEY_TEST_LONG"))
OPERATIONS = [20_000] if LONG else [300, pytest.param(600, marks=pytest.mark.thorough)]
SEED = int(os.environ.get("PARLEY_TEST_SEED", 0)) or (secrets.randbelow(1_000_000) if LONG else 7)
ROLES = {"patient": "patient", "doctor": "provider", "nurse": "provider", "staff": "staff", "student": "student"}
OFTEN = {
    "send",
    "edit",
    "delete",
    "reaction:new",
    "reaction:remove",
    "message:read",
    "message:delivered",
    "join",
    "leave",
}
SELDOM = {
    "add",
    "remove",
    "ban",
    "unban",
    "mute",
    "role",
    "pin",
    "unpin",
    "forward",
    "expire",
    "cover",
    "close",
    "block",
}
UNLIMITED = Rate(1_000_000, 60)


@pytest.fixture(scope="module")
def beside(emptied: None) -> Iterator[Served | None]:
    """A second process, where there can be one."""
    if "REDIS_URL" not in os.environ:
        yield None
        return
    with served(**{f"LIMIT_{name}": "1000000/60" for name in settings.LIMITS}) as other:
        yield other


@pytest.fixture
def doors(server: Server, beside: Served | None) -> Iterator[list[Door]]:
    limits = dict.fromkeys(settings.LIMITS, UNLIMITED)
    with override_settings(LIMITS=limits, ACCESS_TOKEN_LIFETIME=36_000):
        yield [server, *([beside] if beside else [])]


@pytest.fixture
def players(doors: list[Door]) -> Iterator[list[Player]]:
    dice = random.Random(SEED)  # noqa: S311  plays, keeps no secret
    with ExitStack() as opened:
        players = []
        for name, role in ROLES.items():
            person = make_person(name, role)
            rests = [opened.enter_context(client_for(person, door)) for door in doors]
            player = Player(name, person, rests)
            player.devices = [Device(person, rests[0], doors, dice) for _ in range(2 if name == "doctor" else 1)]
            player.askers = [Asker(person, rests[-1])] if name in {"doctor", "student"} else []
            opened.callback(go_away, player)
            players.append(player)
        yield players


def go_away(player: Player) -> None:
    for device in player.devices:
        device.go()


@pytest.mark.parametrize("operations", OPERATIONS)
def test_events_lead_to_the_state_that_a_fresh_load_finds(players: list[Player], operations: int) -> None:
    """T123 by sockets, with connections lost at random; T124 by asking alone. T122 among all the rest."""
    print(f"seed {SEED}, {operations} operations")  # noqa: T201  pytest shows it when the test fails
    dice = random.Random(SEED)  # noqa: S311  as above
    play = Play(dice, players)
    try:
        play.begin()
        for player in players:
            for device in player.devices:
                device.come()
        while play.operation < operations:
            play.act()
            come_and_go(dice, dice.choice(players))
        end_what_ends_by_itself(play)
        for player in players:
            check(play, player)
        check_that_much_was_done(play, operations)
    except Exception:
        print("\n".join(["The last operations:", *play.last]))  # noqa: T201  as above
        raise


def come_and_go(dice: random.Random, player: Player) -> None:
    device = dice.choice(player.devices)
    dice.choices([device.hear, device.go, device.come], [6, 1, 3])[0]()
    if player.askers and dice.random() < 0.1:
        player.askers[0].poll()


def end_what_ends_by_itself(play: Play) -> None:
    """Wait for the last message that expires, and have them all erased."""
    ends = [m.expires_at for room in play.rooms.values() for m in room.messages.values() if m.expires_at is not None]
    while ends and now() < max(ends):
        time.sleep(0.05)
    play.expire()


def check(play: Play, player: Player) -> None:
    rest = play.dice.choice(player.rests)
    listed = {wire["id"]: wire for wire in everything(rest, "/conversations")}
    mine = {room.id: stay for room in play.rooms.values() if (stay := room.stay(player.id)) is not None}
    assert listed.keys() == mine.keys()
    fresh = {conversation: load(rest, conversation) for conversation in listed}
    for device in player.devices:
        device.catch_up({conversation: wire["headSeq"] for conversation, wire in listed.items()})
    for asker in player.askers:
        asker.poll()
    for listener in player.listeners:
        assert listener.replica.known.keys() == fresh.keys()
        for conversation, found in fresh.items():
            assert found is not None
            assert not differences(listener.replica.known[conversation], found), (player.name, conversation)
        check_range(play, player, listener)
    for conversation, wire in listed.items():
        check_counts(play.rooms[conversation], mine[conversation], wire)
        check_members(play.rooms[conversation], player.id, rest)
        check_messages(play.rooms[conversation], mine[conversation], rest)
    check_totals(play, player, rest)


def differences(known: Known, found: Known) -> list[tuple[object, object, object]]:
    """What a client has otherwise than a fresh load: where, here, and there."""
    wrong: list[tuple[object, object, object]] = []
    for here, there in zip(known.parts(), found.parts(), strict=True):
        for place in here.keys() | there.keys():
            one, other = here.get(place, {}), there.get(place, {})
            names = [name for name in one.keys() | other.keys() if one.get(name) != other.get(name)]
            wrong += [((place, name), one.get(name), other.get(name)) for name in names]
    return wrong


def check_range(play: Play, player: Player, listener: Listener) -> None:
    """Nobody ever held anything from outside of their stay, nor the text of a message from outside of it."""
    for told in listener.log:
        if told.event not in {"conversation:added", "conversation:removed"}:
            room = play.rooms[told.conversation]
            assert room.may_have_heard(player.id, told.seq), (player.name, room.kind, told)
            assert room.may_have_heard(player.id, told.shown), (
                player.name,
                room.kind,
                told,
            )


def check_counts(room: Room, stay: Stay, wire: Frame) -> None:
    expected = {
        "headSeq": room.head,
        "unreadCount": min(len(room.unread(stay)), 1000),
        "mentionCount": room.mentions(stay),
        "memberCount": len(room.present()),
        "myRole": stay.role,
        "archived": stay.archived,
        "history": room.history,
        "postingPolicy": room.policy,
    }
    assert {name: wire[name] for name in expected} == expected, (room.kind, room.id)
    assert {name: wire.get(name) for name in FIELDS if name in room.details} == room.details


def check_members(room: Room, user: str, rest: httpx.Client) -> None:
    members = taken(rest.get(f"{API}/conversations/{room.id}/members"))["results"]
    found = {one["userId"]: (one["role"], one["isMuted"], one["lastReadSeq"]) for one in members}
    known = {stay.user: room.known(stay, user) for stay in room.present()}
    assert found == {stay.user: (stay.role, stay.is_muted, known[stay.user][1]) for stay in room.present()}
    receipts = taken(rest.get(f"{API}/conversations/{room.id}/receipts"))["results"]
    how_far = {one["userId"]: (one["deliveredSeq"], one["readSeq"]) for one in receipts}
    assert how_far == known


def check_messages(room: Room, stay: Stay, rest: httpx.Client) -> None:
    found = load(rest, room.id)
    assert found is not None
    expected = {message.seq: message for message in room.visible(stay)}
    assert found.messages.keys() == expected.keys()
    for seq, message in expected.items():
        if message.sender != "system":
            wire = found.messages[seq]
            says = (wire["content"], wire["isDeleted"], wire["isPinned"], wire["threadCount"], wire["reactions"])
            reactions: dict[str, set[str]] = {}
            for emoji, user in message.reactions:
                reactions.setdefault(emoji, set()).add(user)
            content = None if message.is_deleted else message.content
            assert says == (content, message.is_deleted, message.is_pinned, room.replies(message), reactions)
    own = {one["id"]: one["status"] for one in history(rest, room.id) if one["senderId"] == stay.user}
    assert own == {message.id: room.status(message) for message in expected.values() if message.sender == stay.user}
    pins = taken(rest.get(f"{API}/conversations/{room.id}/pins"))["results"]
    assert {one["id"] for one in pins} == {message.id for message in expected.values() if message.is_pinned}


def check_totals(play: Play, player: Player, rest: httpx.Client) -> None:
    stays = [(room, stay) for room in play.rooms.values() if (stay := room.stay(player.id)) is not None]
    unread = [min(len(room.unread(stay)), 1000) for room, stay in stays]
    mentions = sum(room.mentions(stay) for room, stay in stays)
    expected = {"total": sum(unread), "conversations": sum(map(bool, unread)), "mentions": mentions}
    assert taken(rest.get(f"{API}/conversations/unread-count")) == expected


def check_that_much_was_done(play: Play, operations: int) -> None:
    """Else the test would prove nothing."""
    print(f"done: {dict(play.done)}\nrefused: {dict(play.refused)}")  # noqa: T201  as above
    devices = [device for player in play.players for device in player.devices]
    assert sum(play.done.values()) > operations // 2
    assert play.done.keys() >= OFTEN | (SELDOM if LONG else set())
    assert sum(device.resumed for device in devices) >= operations // 60
    assert all(len(device.log) > operations // 20 for device in devices)
