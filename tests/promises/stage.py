"""Five people, the doors they use, and the model that is told what they did."""

import random
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from realtime import streams
from tests.people import Person
from tests.promises.devices import Asker, Device, Listener
from tests.promises.model import LEADERS, PAIRS, Message, Room, Stay
from tests.promises.replica import API
from tests.sockets import Frame

Answer = tuple[bool, Frame]


@dataclass
class Player:
    """Somebody, with a client at each process, a device or two, and perhaps a client without a socket."""

    name: str
    person: Person
    rests: list[httpx.Client]
    devices: list[Device] = field(default_factory=list)
    askers: list[Asker] = field(default_factory=list)

    @property
    def id(self) -> str:
        return str(self.person.id)

    @property
    def listeners(self) -> list[Listener]:
        return [*self.devices, *self.askers]


class Stage:
    """What was answered with success is told to the model. A number too many or too few shows at once."""

    def __init__(self, dice: random.Random, players: list[Player]) -> None:
        self.dice, self.players = dice, players
        self.by_name = {player.name: player for player in players}
        self.logins = {player.person.username: player.id for player in players}
        self.rooms: dict[str, Room] = {}
        self.blocks: set[tuple[str, str]] = set()
        self.operation = 0
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.last = deque(["begin"], maxlen=40)

    # ---- Doors -------------------------------------------------------------------------------------------------------

    def _ask(
        self, player: Player, event: str, data: Frame, method: str, path: str, body: Frame | None = None
    ) -> Answer:
        """By a socket of theirs, if one is open, or by REST."""
        present = [device for device in player.devices if device.client is not None]
        if present and self.dice.random() < 0.5:
            reply = self.dice.choice(present).ask(event, data)
            if reply is not None:
                self.last[-1] += f" {player.name} {event} {data} by socket: {reply.get('error', 'ok')}"
                return "error" not in reply, reply.get("error") or reply["data"]
        return self._rest(player, method, path, body)

    def _rest(self, player: Player, method: str, path: str, body: Any = None) -> Answer:
        answer = self.dice.choice(player.rests).request(method, f"{API}/{path}", json=body)
        self.last[-1] += f" {player.name} {method} {path} {body}: {answer.status_code}"
        assert answer.status_code < 500, answer.text
        return answer.is_success, answer.json() if answer.content else {}

    def _took(self, name: str, room: Room, good: bool, answer: Frame, then: Callable[[], int]) -> None:
        """What was done is so in the model, and took as many numbers there as in the conversation."""
        self._count(name, good, answer)
        before = room.head
        expected = before + (then() if good else 0)
        assert streams.heads([UUID(room.id)])[UUID(room.id)] == expected == room.head, (before, expected, room.head)

    def _count(self, name: str, good: bool, answer: Frame) -> None:
        if good:
            self.done[name] += 1
        else:
            self._refuse(name, answer)

    def _refuse(self, name: str, answer: Frame) -> None:
        self.refused[f"{name} {answer['code']}"] += 1

    # ---- Choosing ----------------------------------------------------------------------------------------------------

    def _alive(self) -> list[Room]:
        return [room for room in self.rooms.values() if not room.is_deleted]

    def _room(self, kinds: set[str]) -> Room | None:
        found = [room for room in self._alive() if room.kind in kinds]
        return self.dice.choice(found) if found else None

    def _seat(self, *, rooms_only: bool = False, leading: bool = False) -> tuple[Player, Room, Stay] | None:
        """Somebody in some conversation; mostly somebody who leads it, if that is asked for."""
        found = [room for room in self._alive() if room.present() and not (rooms_only and room.kind in PAIRS)]
        if not found:
            return None
        room = self.dice.choice(found)
        leaders = [stay for stay in room.present() if stay.role in LEADERS]
        stay = self.dice.choice(leaders if leaders and leading and self.dice.random() < 0.7 else room.present())
        return self._player(stay.user), room, stay

    def _message(self, *, own: bool = False, pinned: bool = False) -> tuple[Player, Room, Stay, Message] | None:
        """One of the newest messages that somebody sees."""
        if seat := self._seat():
            player, room, stay = seat
            seen = [
                one for one in room.visible(stay) if one.sender != "system" and (not own or one.sender == player.id)
            ]
            seen = [one for one in seen if one.is_pinned] if pinned else seen[-20:]
            return (player, room, stay, self.dice.choice(seen)) if seen else None
        return None

    def _player(self, user: str) -> Player:
        return next(player for player in self.players if player.id == user)

    def _blocked(self, room: Room) -> bool:
        if room.kind != "direct":
            return False
        one, other = (stay.user for stay in room.stays)
        return self._apart(one, other)

    def _apart(self, one: str, other: str) -> bool:
        """Whether one of the two has blocked the other."""
        return (one, other) in self.blocks or (other, one) in self.blocks

    def _text(self) -> str:
        named = self.dice.choice(["", "", "", "@all ", f"@{self.dice.choice(self.players).person.username} "])
        return f"{named}text {self.operation}"
