"""What happened, in plain Python: who was where, who wrote what, who read how far. The server is compared with it.

Nothing here asks the server. `Play` (`playing`) says what was done and got a good answer, and each of these functions
returns how many numbers of the conversation that took.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

LEADERS = {"owner", "moderator"}
PAIRS = {"clinical", "direct"}
TELL_NEWCOMERS = {"public", "course", "study_group"}


@dataclass
class Stay:
    user: str
    joined: int
    role: str = "member"
    left: int | None = None
    read: int = 0
    delivered: int = 0
    is_muted: bool = False
    is_blocked: bool = False
    archived: bool = False
    saw_all: bool = False
    """Whether the room showed its past at some time of the stay."""

    def covers(self, seq: int) -> bool:
        """Whether this number may have been told to somebody in this stay."""
        return (self.saw_all or seq >= self.joined) and (self.left is None or seq <= self.left)


@dataclass
class Message:
    id: str
    seq: int
    sender: str
    content: str
    mentions: set[str] = field(default_factory=set)
    mentions_all: bool = False
    is_deleted: bool = False
    is_pinned: bool = False
    expires_at: datetime | None = None
    thread_root: str | None = None
    forwarded: bool = False
    reactions: set[tuple[str, str]] = field(default_factory=set)


@dataclass
class Room:
    """A conversation of any kind."""

    id: str
    kind: str
    history: str = "since_joining"
    policy: str = "all"
    head: int = 0
    is_deleted: bool = False
    stays: list[Stay] = field(default_factory=list)
    messages: dict[int, Message] = field(default_factory=dict)
    details: dict[str, object] = field(default_factory=dict)
    told: dict[str, tuple[int, int]] | None = None
    """While one of two has blocked the other: how far each was when that began, as the other knows them."""

    # Who is there.

    def present(self) -> list[Stay]:
        return [] if self.is_deleted else [stay for stay in self.stays if stay.left is None]

    def stay(self, user: str) -> Stay | None:
        return next((stay for stay in self.present() if stay.user == user), None)

    def last_stay(self, user: str) -> Stay | None:
        return next((stay for stay in reversed(self.stays) if stay.user == user), None)

    def first_seq(self, stay: Stay) -> int:
        return 1 if self.history == "all" else stay.joined

    def may_have_heard(self, user: str, seq: int | None) -> bool:
        """Whether this number was told to somebody who was there for it; without one, whether they were ever there."""
        return any(stay.user == user and (seq is None or stay.covers(seq)) for stay in self.stays)

    def may_post(self, stay: Stay) -> bool:
        return not stay.is_muted and (self.policy == "all" or stay.role in LEADERS)

    # What happens to members.

    def begin(self, roles: dict[str, str]) -> None:
        self.history = "all" if self.kind in TELL_NEWCOMERS else "since_joining"
        self.stays = [Stay(user, 1, role, saw_all=self.history == "all") for user, role in roles.items()]

    def join(self, users: list[str], role: str = "member") -> int:
        """Each has their own `member:joined`; who is in already stays as they are."""
        new = [user for user in dict.fromkeys(users) if self.stay(user) is None]
        for user in new:
            seq, last = self._next(), self.last_stay(user)
            stay = Stay(user, seq, role, read=seq, delivered=seq, saw_all=self.history == "all")
            stay.is_muted = last is not None and last.is_muted
            self.stays.append(stay)
        return len(new)

    def leave(self, user: str) -> int:
        stay, is_last = self._stay(user), len(self.present()) == 1
        stay.left = self._next()
        self.is_deleted = is_last
        return 1

    def ban(self, user: str, is_blocked: bool) -> int:
        last = self.last_stay(user)
        if last is None or last.is_blocked == is_blocked:
            return 0
        last.is_blocked = is_blocked
        return self.leave(user) if last.left is None else 0

    def change_member(self, user: str, **wanted: object) -> int:
        stay = self._stay(user)
        changed = {name: value for name, value in wanted.items() if getattr(stay, name) != value}
        for name, value in changed.items():
            setattr(stay, name, value)
        return self._passes(bool(changed))

    # What happens to the conversation.

    def change(self, **wanted: object) -> int:
        changed = {name: value for name, value in wanted.items() if self.details.get(name) != value}
        self.details |= changed
        self.history = str(self.details.get("history", self.history))
        self.policy = str(self.details.get("postingPolicy", self.policy))
        for stay in self.present():
            stay.saw_all |= self.history == "all"
        return self._passes(bool(changed))

    # What happens to messages.

    def send(self, message: Message, sender: str | None, names: dict[str, str]) -> int:
        """`names`: user by login name. Copies and what the system says mention nobody."""
        message.seq = self._next()
        self.messages[message.seq] = message
        if sender is not None and not message.forwarded:
            self._mention(message, names)
        return 1

    def edit(self, message: Message, content: str, names: dict[str, str]) -> int:
        if content == message.content:
            return 0
        message.content = content
        self._mention(message, names)
        return self._passes(True)

    def delete(self, message: Message) -> int:
        if message.is_deleted:
            return 0
        message.is_deleted, message.is_pinned = True, False
        message.reactions.clear()
        return self._passes(True)

    def pin(self, message: Message, is_pinned: bool) -> int:
        changed = message.is_pinned != is_pinned
        message.is_pinned = is_pinned
        return self._passes(changed)

    def react(self, message: Message, user: str, emoji: str, used: bool) -> int:
        before = len(message.reactions)
        (message.reactions.add if used else message.reactions.discard)((emoji, user))
        return self._passes(len(message.reactions) != before)

    # How far people are.

    def read(self, user: str, seq: int) -> None:
        stay = self._stay(user)
        stay.read = max(stay.read, seq)
        self.deliver(user, seq)

    def deliver(self, user: str, seq: int) -> None:
        stay = self._stay(user)
        stay.delivered = max(stay.delivered, seq)

    def block(self, blocked: bool) -> None:
        """Whether the two of a direct conversation are told from now on how far the other gets."""
        if not blocked:
            self.told = None
        elif self.told is None:
            self.told = {stay.user: (stay.delivered, stay.read) for stay in self.stays}

    def known(self, stay: Stay, to: str) -> tuple[int, int]:
        """How far the messages have arrived there and were read, as this person knows it."""
        told = self.told if self.told is not None and stay.user != to else {}
        return told.get(stay.user, (stay.delivered, stay.read))

    def unread(self, stay: Stay) -> list[Message]:
        """Of others, there, above the watermark and in the range that may be seen."""
        lowest = max(stay.read + 1, self.first_seq(stay))
        return [
            message
            for seq, message in self.messages.items()
            if seq >= lowest and message.sender != stay.user and not message.is_deleted
        ]

    def mentions(self, stay: Stay) -> int:
        return sum(stay.user in message.mentions or message.mentions_all for message in self.unread(stay))

    def status(self, message: Message) -> str:
        """As its sender sees it: of everybody who was there when it was sent, without who has left since."""
        for status, watermark in (("read", 1), ("delivered", 0)):
            waited_for = [
                stay
                for stay in self.stays
                if stay.user != message.sender and stay.joined <= message.seq and stay.covers(message.seq)
            ]
            behind = [stay for stay in waited_for if self.known(stay, message.sender)[watermark] < message.seq]
            if len(behind) < len(waited_for) and all(stay.left is not None for stay in behind):
                return status
        return "sent"

    def replies(self, message: Message) -> int:
        return sum(other.thread_root == message.id for other in self.messages.values())

    def visible(self, stay: Stay) -> Iterator[Message]:
        first = self.first_seq(stay)
        return (message for seq, message in self.messages.items() if seq >= first)

    def _mention(self, message: Message, names: dict[str, str]) -> None:
        words = {word.strip(".,") for word in message.content.split()}
        named = {user for name, user in names.items() if f"@{name}" in words and self.stay(user) is not None}
        message.mentions = named - {message.sender}
        owns = (stay := self.stay(message.sender)) is not None and stay.role == "owner" and self.kind not in PAIRS
        message.mentions_all = "@all" in words and owns

    def _stay(self, user: str) -> Stay:
        stay = self.stay(user)
        assert stay is not None, "this answer is for members only"
        return stay

    def _next(self) -> int:
        self.head += 1
        return self.head

    def _passes(self, changed: bool) -> int:
        self.head += changed
        return int(changed)
