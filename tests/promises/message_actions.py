"""What people do with messages."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from core.time import now
from messaging.expiry import expire_messages
from messaging.models import Message as Row
from tests.promises.model import Message, Room, Stay
from tests.promises.stage import Player, Stage
from tests.sockets import Frame

EMOJI = ["👍", "❤️", "😂", "🎉", "👀"]


class MessageActions(Stage):
    """Each does one thing, or nothing where there is nothing to do it to."""

    def send(self, **more: Any) -> None:
        if seat := self._seat():
            self._send(*seat, **more)

    def _send(self, player: Player, room: Room, stay: Stay, **more: Any) -> None:
        content = self._text()
        body = {"content": content, **more}
        place = f"conversations/{room.id}/messages"
        good, answer = self._ask(player, "message:new", {"conversationId": room.id, **body}, "POST", place, body)
        allowed = room.may_post(stay) and not self._blocked(room)
        assert allowed or not good, "who may not write wrote"
        assert good or not allowed or more, answer
        self._took("send", room, good, answer, lambda: self._sent(room, answer, player, content))

    def _sent(self, room: Room, wire: Frame, player: Player, content: str) -> int:
        message = Message(wire["id"], 0, player.id, content, thread_root=wire.get("threadRootId"))
        message.forwarded = "forwardedFrom" in wire
        message.expires_at = datetime.fromisoformat(wire["expiresAt"]) if "expiresAt" in wire else None
        took = room.send(message, player.id, self.logins)
        assert wire["seq"] == message.seq, (wire, room.head)
        assert set(wire["mentions"]) == message.mentions, wire
        return took

    def reply(self) -> None:
        if found := self._message():
            player, room, stay, message = found
            self._send(player, room, stay, replyToId=message.id)

    def thread_reply(self) -> None:
        if found := self._message():
            player, room, stay, message = found
            self._send(player, room, stay, threadRootId=message.thread_root or message.id)

    def send_to_expire(self) -> None:
        self.send(expiresInSeconds=self.dice.choice([1, 2]))

    def edit(self) -> None:
        if found := self._message(own=True):
            player, room, _, message = found
            content = self._text()
            body, data = {"content": content}, {"messageId": message.id, "content": content}
            good, answer = self._ask(player, "message:edit", data, "PATCH", f"messages/{message.id}", body)
            self._took("edit", room, good, answer, lambda: room.edit(message, content, self.logins))

    def delete(self) -> None:
        if found := self._message(own=self.dice.random() < 0.7):
            player, room, _, message = found
            data = {"messageId": message.id}
            good, answer = self._ask(player, "message:delete", data, "DELETE", f"messages/{message.id}")
            # One that has expired is gone already, and the job will say so.
            late = good and datetime.fromisoformat(answer["deletedAt"]) == message.expires_at
            self._took("delete", room, good, answer, lambda: 0 if late else room.delete(message))

    def react(self) -> None:
        self._react("reaction:new", "PUT", used=True)

    def unreact(self) -> None:
        self._react("reaction:remove", "DELETE", used=False)

    def _react(self, event: str, method: str, *, used: bool) -> None:
        if found := self._message():
            player, room, _, message = found
            emoji = self.dice.choice(EMOJI)
            mine = [emoji for emoji, user in message.reactions if user == player.id]
            emoji = self.dice.choice(mine) if mine and not used else emoji
            data = {"messageId": message.id, "emoji": emoji}
            good, answer = self._ask(player, event, data, method, f"messages/{message.id}/reactions/{emoji}")
            self._took(event, room, good, answer, lambda: room.react(message, player.id, emoji, used))

    def pin(self) -> None:
        self._pin("PUT", is_pinned=True)

    def unpin(self) -> None:
        self._pin("DELETE", is_pinned=False)

    def _pin(self, method: str, *, is_pinned: bool) -> None:
        if found := self._message(pinned=not is_pinned):
            player, room, _, message = found
            good, answer = self._rest(player, method, f"messages/{message.id}/pin")
            self._took("pin" if is_pinned else "unpin", room, good, answer, lambda: room.pin(message, is_pinned))

    def forward(self) -> None:
        if found := self._message():
            player, _, _, message = found
            target = self.dice.choice([room for room in self._alive() if room.stay(player.id)])
            body = {"conversationId": target.id}
            good, answer = self._rest(player, "POST", f"messages/{message.id}/forward", body)
            content = message.content
            self._took("forward", target, good, answer, lambda: self._sent(target, answer, player, content))

    def expire(self) -> None:
        """The job, which erases what is due; what that was stands in the database."""
        waiting = {
            message.id: (room, message)
            for room in self.rooms.values()
            for message in room.messages.values()
            if message.expires_at is not None and not message.is_deleted
        }
        expire_messages()
        erased = Row.objects.filter(id__in=map(UUID, waiting), deleted_at__isnull=False).values_list("id", flat=True)
        for message_id in erased:
            room, message = waiting[str(message_id)]
            assert message.expires_at is not None
            assert message.expires_at <= now()
            room.delete(message)
            self.done["expire"] += 1

    # ---- How far people are ------------------------------------------------------------------------------------------

    def read(self) -> None:
        self._mark("message:read", "read", Room.read)

    def deliver(self) -> None:
        self._mark("message:delivered", "delivered", Room.deliver)

    def _mark(self, event: str, path: str, then: Callable[[Room, str, int], None]) -> None:
        if seat := self._seat():
            player, room, stay = seat
            seq = self.dice.choice([room.head, room.head, self.dice.randint(1, room.head + 2)])
            body, data = {"seq": seq}, {"conversationId": room.id, "seq": seq}
            good, answer = self._ask(player, event, data, "PUT", f"conversations/{room.id}/{path}", body)
            assert good == (room.first_seq(stay) <= seq <= room.head), answer
            self._count(event, good, answer)
            if good:
                then(room, player.id, seq)
                assert (answer["readSeq"], answer["deliveredSeq"]) == (stay.read, stay.delivered)

    # ---- What is not stored ------------------------------------------------------------------------------------------

    def look_and_type(self) -> None:
        """Somebody types where they and others look."""
        if seat := self._seat():
            player, room, stay = seat
            data = {"conversationId": room.id}
            for one in (self._player(other.user) for other in room.present()):
                for device in one.devices:
                    if device.client is not None and (reply := device.ask("conversation:join", data)) is not None:
                        assert "data" in reply, reply
            good, answer = self._rest(player, "POST", f"conversations/{room.id}/typing", {"isTyping": True})
            assert good == (room.may_post(stay) and not self._blocked(room)), answer
            self._count("type", good, answer)
