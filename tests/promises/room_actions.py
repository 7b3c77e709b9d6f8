"""What people do with conversations and their members."""

from collections.abc import Callable
from datetime import timedelta

from core.time import now, wire_time
from tests.promises.model import PAIRS, Message, Room
from tests.promises.stage import Player, Stage
from tests.sockets import Frame

MOST_ROOMS = 10
KINDS = ("clinical", "direct", "group", "public", "private", "course", "study_group")


class RoomActions(Stage):
    """Each does one thing, or nothing where nobody can."""

    # ---- Conversations -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """One conversation of each kind, and one more between two."""
        for kind in KINDS:
            self._open(kind)
        self._open("direct", "staff", "student")

    def open(self) -> None:
        alive = [room for room in self.rooms.values() if not room.is_deleted]
        missing = [kind for kind in KINDS if all(room.kind != kind for room in alive)]
        if len(alive) < MOST_ROOMS:
            self._open(self.dice.choice(missing or ["group", "public", "study_group"]))

    def _open(self, kind: str, *pair: str) -> None:
        if kind in PAIRS:
            one, other = pair or (("patient", "doctor") if kind == "clinical" else ("doctor", "nurse"))
            self._open_pair(kind, self.by_name[one], self.by_name[other])
            return
        owner = self.by_name["staff"]
        others = self.dice.sample([player for player in self.players if player is not owner], 2)
        details: Frame = {"name": f"Room {self.operation}"} | ({"courseId": "C1"} if kind == "course" else {})
        body = {"kind": kind, "memberIds": [player.id for player in others], **details}
        good, wire = self._rest(owner, "POST", "conversations", body)
        assert good != any(self._apart(owner.id, player.id) for player in others), wire
        if not good:
            self._refuse("open", wire)
            return
        room = self._known(wire, kind, details)
        room.begin({owner.id: "owner"} | {player.id: "member" for player in others})

    def _open_pair(self, kind: str, one: Player, other: Player) -> None:
        body = (
            {"patientId": one.id, "providerId": other.id} if kind == "clinical" else {"kind": kind, "userId": other.id}
        )
        good, wire = self._rest(one, "POST", "conversations", body)
        if not good:
            self._refuse("open", wire)
        elif wire["id"] not in self.rooms:
            self._known(wire, kind, {}).begin({one.id: "member", other.id: "owner" if kind == "clinical" else "member"})

    def _known(self, wire: Frame, kind: str, details: Frame) -> Room:
        room = self.rooms[wire["id"]] = Room(wire["id"], kind)
        names = ("priority", "tags", "history", "postingPolicy", "maxMembers")
        room.details = {name: wire[name] for name in names} | details
        self.done["open"] += 1
        return room

    def close(self) -> None:
        if self.dice.random() < 0.2 and (seat := self._seat(rooms_only=True, leading=True)):
            player, room, stay = seat
            good, answer = self._rest(player, "DELETE", f"conversations/{room.id}")
            assert good == (stay.role == "owner"), answer
            room.is_deleted = good
            self._count("close", good, answer)

    def rename(self) -> None:
        self._change(name=f"Room {self.operation}", tags=[f"t{self.operation % 3}"], rooms_only=True)

    def change_policy(self) -> None:
        self._change(postingPolicy=self.dice.choice(["all", "moderators"]), rooms_only=True)
        self._change(priority=self.dice.choice(["normal", "urgent"]))

    def change_history(self) -> None:
        self._change(history=self.dice.choice(["all", "since_joining"]), rooms_only=True)

    def _change(self, *, rooms_only: bool = False, **body: object) -> None:
        if seat := self._seat(rooms_only=rooms_only, leading=True):
            player, room, _ = seat
            good, answer = self._rest(player, "PATCH", f"conversations/{room.id}", body)
            self._took("change", room, good, answer, lambda: room.change(**body))

    def archive(self) -> None:
        if seat := self._seat():
            player, room, stay = seat
            archived = self.dice.random() < 0.5
            good, answer = self._rest(player, "PUT", f"conversations/{room.id}/preferences", {"archived": archived})
            assert good, answer
            stay.archived = archived
            self.done["archive"] += 1

    # ---- Members -----------------------------------------------------------------------------------------------------

    def join(self) -> None:
        if room := self._room(kinds={"public", "course", "private"}):
            player = self.dice.choice(self.players)
            good, answer = self._rest(player, "POST", f"conversations/{room.id}/join")
            self._took("join", room, good, answer, lambda: room.join([player.id]))
            last = room.last_stay(player.id)
            assert not (good and last is not None and last.is_blocked), "who was banned came back"

    def leave(self) -> None:
        if seat := self._seat(rooms_only=True):
            player, room, _ = seat
            good, answer = self._rest(player, "POST", f"conversations/{room.id}/leave")
            self._took("leave", room, good, answer, lambda: room.leave(player.id))

    def add(self) -> None:
        if seat := self._seat(leading=True):
            player, room, stay = seat
            if room.kind == "clinical":
                self._add_cover(player, room)
                return
            users = [other.id for other in self.dice.sample(self.players, self.dice.choice([1, 1, 2]))]
            users = [user for user in users if user != player.id]
            role = "moderator" if stay.role == "owner" and self.dice.random() < 0.3 else None
            body = {"userIds": users} | ({"role": role} if role else {})
            good, answer = self._rest(player, "POST", f"conversations/{room.id}/members", body)
            self._took("add", room, good, answer, lambda: room.join(users, role or "member"))

    def _add_cover(self, player: Player, room: Room) -> None:
        nurse = self.by_name["nurse"].id
        until = wire_time(now() + timedelta(days=1, seconds=self.operation))
        body = {"userIds": [nurse], "until": until}
        good, answer = self._rest(player, "POST", f"conversations/{room.id}/members", body)
        self._took("cover", room, good, answer, lambda: self._covered(room, nurse))

    def _covered(self, room: Room, nurse: str) -> int:
        """The stay begins or is prolonged, and the system says so."""
        took = room.join([nurse]) or room._passes(True)
        return took + room.send(Message(f"system {room.head}", 0, "system", ""), None, {})

    def remove(self) -> None:
        self._to_member("remove", "DELETE", None, lambda room, user: room.leave(user))

    def ban(self) -> None:
        self._to_member("ban", "PATCH", {"isBlocked": True}, lambda room, user: room.ban(user, True))

    def unban(self) -> None:
        banned = [(room, stay.user) for room in self._alive() for stay in room.stays if stay.is_blocked]
        if banned:
            room, user = self.dice.choice(banned)
            leader = self.dice.choice(room.present())
            player = self._player(leader.user)
            good, answer = self._rest(player, "PATCH", f"conversations/{room.id}/members/{user}", {"isBlocked": False})
            self._took("unban", room, good, answer, lambda: room.ban(user, False))

    def mute(self) -> None:
        is_muted = self.dice.random() < 0.5
        body = {"isMuted": is_muted}
        self._to_member("mute", "PATCH", body, lambda room, user: room.change_member(user, is_muted=is_muted))

    def give_role(self) -> None:
        role = self.dice.choice(["owner", "moderator", "member"])
        self._to_member("role", "PATCH", {"role": role}, lambda room, user: room.change_member(user, role=role))

    def _to_member(self, name: str, method: str, body: Frame | None, then: Callable[[Room, str], int]) -> None:
        if seat := self._seat(leading=True):
            player, room, _ = seat
            other = self.dice.choice(room.present()).user
            good, answer = self._rest(player, method, f"conversations/{room.id}/members/{other}", body)
            self._took(name, room, good, answer, lambda: then(room, other))

    def block(self) -> None:
        one, other = self.dice.sample(self.players, 2)
        good, answer = self._rest(one, "PUT", f"users/{other.id}/block")
        self._count("block", good, answer)
        if good:
            self.blocks.add((one.id, other.id))
            self._tell_blocked()

    def unblock(self) -> None:
        for one, other in [*self.blocks]:
            if self.dice.random() < 0.7:
                good, answer = self._rest(self._player(one), "DELETE", f"users/{other}/block")
                assert good, answer
                self.blocks.discard((one, other))
                self._tell_blocked()

    def _tell_blocked(self) -> None:
        for room in self.rooms.values():
            room.block(self._blocked(room))
