"""What a client knows of its conversations, built from what the server tells it, and what a fresh load would give."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.sockets import Frame

API = "/api/v1"
FIELDS = ("name", "description", "priority", "tags", "history", "postingPolicy", "maxMembers", "courseId")
PERSONAL = {"status", "deliveredAt", "readAt", "duplicate"}


@dataclass
class Known:
    """One conversation: how far it is known, and what stands in it."""

    cursor: int
    fields: dict[str, Any] = field(default_factory=dict)
    members: dict[str, Frame] = field(default_factory=dict)
    messages: dict[int, Frame] = field(default_factory=dict)

    def parts(self) -> list[dict[Any, Frame]]:
        return [{"fields": self.fields}, self.members, self.messages]


def shared(message: Frame) -> Frame:
    """A Message without what differs between those who ask for it; of reactions it does not matter which came first."""
    bare = {name: value for name, value in message.items() if name not in PERSONAL}
    if quote := bare.get("replyTo"):
        bare["replyTo"] = {name: value for name, value in quote.items() if name != "preview"}
    bare["reactions"] = {reaction["emoji"]: set(reaction["userIds"]) for reaction in message["reactions"]}
    assert all(one["count"] == len(one["userIds"]) for one in message["reactions"])
    return bare


def member(wire: Frame) -> Frame:
    """A Member without how far they have read: that is told in passing, and only as far as anybody needs it."""
    return {name: value for name, value in wire.items() if name not in {"lastReadSeq", "lastReadAt"}}


def load(rest: httpx.Client, conversation: str) -> Known | None:
    """A conversation as it is now; None when it is none of this person's."""
    answer = rest.get(f"{API}/conversations/{conversation}")
    if answer.status_code == 404:
        return None
    wire = taken(answer)
    members = taken(rest.get(f"{API}/conversations/{conversation}/members"))["results"]
    return Known(
        wire["headSeq"],
        {name: wire.get(name) for name in FIELDS},
        {one["userId"]: member(one) for one in members},
        {message["seq"]: shared(message) for message in history(rest, conversation)},
    )


def history(rest: httpx.Client, conversation: str) -> list[Frame]:
    """All messages somebody may see, page by page, from the newest back."""
    found: list[Frame] = []
    path, more = f"{API}/conversations/{conversation}/messages", True
    while more:
        page = taken(rest.get(path, params={"limit": 200} | ({"before": found[0]["seq"]} if found else {})))
        found, more = page["results"] + found, page["hasMore"]
    return found


def everything(rest: httpx.Client, path: str) -> list[Frame]:
    """All pages of a list."""
    found: list[Frame] = []
    cursor: str | None = None
    while not found or cursor is not None:
        page = taken(rest.get(API + path, params={"cursor": cursor} if cursor else {}))
        found, cursor = found + page["results"], page["nextCursor"]
        if cursor is None:
            break
    return found


def taken(answer: httpx.Response) -> Frame:
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


class Replica:
    """The state of one client. It changes only by frames, in the order in which they come.

    A conversation begins with a load by REST, when the client hears that it belongs to it or is told to `resync`; so
    it does when `history` changes, which changes what may be read without an event for each message. After that every
    number has to come, each once.
    """

    def __init__(self, user_id: str, rest: httpx.Client) -> None:
        self.user_id, self.rest = user_id, rest
        self.known: dict[str, Known] = {}

    def cursors(self) -> dict[str, int]:
        return {conversation: known.cursor for conversation, known in self.known.items()}

    def hear(self, frame: Frame) -> None:
        kind = frame.get("event") or frame.get("type")
        if "seq" in frame:
            self.apply(frame)
        elif kind in {"conversation:added", "resync"}:
            self.begin((frame.get("data") or frame)["conversationId"])
        elif kind == "conversation:removed":
            self.known.pop(frame["data"]["conversationId"], None)
        elif kind == "resumed":
            self.agree(frame["heads"])

    def agree(self, heads: dict[str, int]) -> None:
        """What is mine now, after having been away."""
        for conversation in self.known.keys() - heads.keys():
            del self.known[conversation]
        for conversation in heads.keys() - self.known.keys():
            self.begin(conversation)

    def begin(self, conversation: str) -> None:
        found = load(self.rest, conversation)
        self.known.pop(conversation, None)
        if found is not None:
            self.known[conversation] = found

    def apply(self, frame: Frame) -> None:
        known = self.known.get(frame["conversationId"])
        # Of a stay of which it knows the end already; or it came with the load as well.
        if known is None or frame["seq"] <= known.cursor:
            return
        if self._begins_anew(frame):
            self.begin(frame["conversationId"])
            return
        assert frame["seq"] == known.cursor + 1, f"after {known.cursor} came {frame}"
        known.cursor = frame["seq"]
        _apply(known, frame["event"], frame["data"])

    def _begins_anew(self, frame: Frame) -> bool:
        """Somebody came back, and between two stays nothing was told; or more, or less, may be read than before."""
        returned = frame["event"] == "member:joined" and frame["data"]["userId"] == self.user_id
        return returned or (frame["event"] == "conversation:updated" and "history" in frame["data"])


def _apply(known: Known, event: str, data: Frame) -> None:
    if event.startswith("message:"):
        _apply_to_messages(known, event, data)
    elif event == "reaction:new":
        _by_id(known, data["messageId"])["reactions"].setdefault(data["emoji"], set()).add(data["userId"])
    elif event == "reaction:remove":
        _take_back(_by_id(known, data["messageId"])["reactions"], data["emoji"], data["userId"])
    elif event in {"member:joined", "member:updated"}:
        known.members[data["userId"]] = member(data)
    elif event == "member:left":
        known.members.pop(data["userId"], None)
    elif event == "conversation:updated":
        known.fields |= data
    else:
        raise AssertionError(f"a durable event that clients do not know: {event}")


def _apply_to_messages(known: Known, event: str, data: Frame) -> None:
    if event == "message:new":
        known.messages[data["seq"]] = shared(data)
        if "threadRootId" in data:
            _by_id(known, data["threadRootId"])["threadCount"] += 1
    elif event in {"message:pinned", "message:unpinned"}:
        _by_id(known, data["messageId"])["isPinned"] = event == "message:pinned"
    elif data["seq"] in known.messages:
        # One that it does not have was written before it may see anything.
        known.messages[data["seq"]] = shared(data)


def _by_id(known: Known, message_id: str) -> Frame:
    """The message, or an empty one: what is said of a message one may not see says nothing to this client."""
    found = (message for message in known.messages.values() if message["id"] == message_id)
    return next(found, {"threadCount": 0, "reactions": {}})


def _take_back(reactions: dict[str, set[str]], emoji: str, user_id: str) -> None:
    reactions.get(emoji, set()).discard(user_id)
    if not reactions.get(emoji):
        reactions.pop(emoji, None)
