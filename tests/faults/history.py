"""What happened in a run, as the clients saw it, and what is there at the end. The checker works on these alone.

The outcomes are Jepsen's: a send is `invoked`, and ends `ok` (acknowledged), `fail` (refused for good) or `info`, which
means that nobody knows. Times are of one monotonic clock, in seconds.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

Place = tuple[str, str]
"""A device, or a person, and a conversation."""


class Outcome(StrEnum):
    OK = "ok"
    FAIL = "fail"
    INFO = "info"


@dataclass
class Send:
    """One message somebody wanted to send, with all attempts at it: they carry the same client message id."""

    device: str
    person: str
    conversation: str
    client_message_id: str
    content: str
    invoked: float
    outcome: Outcome = Outcome.INFO
    ended: float | None = None
    seq: int | None = None
    code: str | None = None
    unknown: int = 0
    """Attempts that ended without an answer."""
    refusals: list[str] = field(default_factory=list)
    """Codes of answers that say: later."""


@dataclass(frozen=True)
class Heard:
    """A durable event that a device applied."""

    seq: int
    kind: str
    client_message_id: str | None
    at: float
    delay: float
    """Seconds from the event's own time to its arrival."""
    live: bool


@dataclass(frozen=True)
class Fault:
    """Something that was broken on purpose, until it was mended."""

    name: str
    at: float
    until: float
    in_flight: int
    """Sends that waited for an answer when it was broken."""
    connections: int
    """Connections of clients that broke until it was mended."""


@dataclass(frozen=True)
class Return:
    """A device that had lost its connection at `lost` had everything again at `synced`."""

    device: str
    lost: float
    synced: float
    replayed: int


@dataclass(frozen=True)
class Revocation:
    """From `at` on nothing that is said later than `limit` seconds after it may reach the device."""

    device: str
    at: float
    limit: float


@dataclass
class History:
    """Everything clients did and heard."""

    sends: list[Send] = field(default_factory=list)
    heard: dict[Place, list[Heard]] = field(default_factory=lambda: defaultdict(list))
    """By device and conversation, in the order of application."""
    stumbles: list[str] = field(default_factory=list)
    """Numbers that a connection brought twice, too early or too late, and whatever else the wire promises not to do."""
    faults: list[Fault] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)
    revocations: list[Revocation] = field(default_factory=list)
    reads: dict[Place, int] = field(default_factory=dict)
    """By person and conversation: the highest number whose reading was acknowledged."""
    resyncs: int = 0
    gaps_filled: int = 0

    def write(self, file: Path) -> None:
        """One JSON object a line, for whoever wants to know how a violation came about."""
        with file.open("w") as out:
            for send in self.sends:
                out.write(json.dumps({"send": asdict(send)}) + "\n")
            for (device, conversation), all_heard in self.heard.items():
                for heard in all_heard:
                    out.write(json.dumps({"device": device, "conversation": conversation, **asdict(heard)}) + "\n")
            others: list[Fault | Return | Revocation] = [*self.faults, *self.returns, *self.revocations]
            for other in others:
                out.write(json.dumps({type(other).__name__.lower(): asdict(other)}) + "\n")


@dataclass(frozen=True)
class Stored:
    """A durable event as a fresh load shows it."""

    seq: int
    kind: str
    client_message_id: str | None = None
    content: str | None = None
    message_id: str | None = None
    person: str | None = None


@dataclass(frozen=True)
class Stay:
    """The numbers of a conversation that a person may see; `last` is that of their removal, if they were removed."""

    first: int = 1
    last: int | None = None

    def covers(self, seq: int) -> bool:
        return self.first <= seq and (self.last is None or seq <= self.last)


@dataclass
class Final:
    """What is there at the end, loaded fresh."""

    events: dict[str, list[Stored]]
    """By conversation."""
    devices: dict[str, str]
    """Devices that were connected until the end, and whose they are."""
    stays: dict[Place, Stay]
    """By person and conversation."""
    unread: dict[Place, int] = field(default_factory=dict)
    read: dict[Place, int] = field(default_factory=dict)
    audit_problems: list[str] = field(default_factory=list)
    recorded: dict[str, int] = field(default_factory=dict)
    """Entries `message.created` of each message id."""

    def messages(self, conversation: str) -> Iterable[Stored]:
        return (event for event in self.events[conversation] if event.kind == "message:new")
