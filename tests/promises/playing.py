"""Five people who do everything there is to do in conversations, at random and by whatever door."""

import random
from collections.abc import Callable

from tests.promises.message_actions import MessageActions
from tests.promises.room_actions import RoomActions
from tests.promises.stage import Player


class Play(RoomActions, MessageActions):
    """`act()` does one thing, `begin()` opens what it happens in."""

    def __init__(self, dice: random.Random, players: list[Player]) -> None:
        super().__init__(dice, players)
        weights: dict[int, list[Callable[[], None]]] = {
            30: [self.send],
            12: [self.react, self.read],
            9: [self.reply, self.edit, self.thread_reply],
            6: [self.delete, self.unreact, self.deliver, self.add],
            5: [self.join, self.pin],
            4: [self.remove, self.give_role, self.rename, self.forward],
            3: [self.leave, self.ban, self.unban, self.mute, self.change_policy, self.unblock, self.trespass],
            2: [self.unpin, self.archive, self.block, self.send_to_expire, self.expire, self.open, self.look_and_type],
            1: [self.change_history, self.close],
        }
        self._actions = [action for weight, some in weights.items() for action in some * weight]

    def act(self) -> None:
        self.operation += 1
        action = self.dice.choice(self._actions)
        self.last.append(f"{self.operation} {action.__name__}")
        action()
        for player in self.players:
            for listener in player.listeners:
                listener.operation = self.operation

    def trespass(self) -> None:
        """Who is no member any more, or never was, finds nothing."""
        room = self.dice.choice([*self.rooms.values()])
        away = [player for player in self.players if room.stay(player.id) is None]
        if away:
            player = self.dice.choice(away)
            places = [("GET", f"conversations/{room.id}/{part}") for part in ("messages", "events", "members", "pins")]
            places += [
                ("GET", f"messages/{message.id}")
                for message in [*room.messages.values()][-1:]
                if message.sender != "system"
            ]
            good, answer = self._rest(player, *self.dice.choice(places))
            assert (good, answer["code"]) == (False, "not_found"), answer
            self.done["trespass"] += 1
