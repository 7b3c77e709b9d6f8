"""What a commit adds to a stream, on its way to the sockets."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.ids import parse_uuid
from realtime import protocol, wiring
from realtime.feed import Veil

_LEAVING = "member:left"


@dataclass(frozen=True, slots=True)
class Published:
    """A committed event: its place and its frame, not yet encoded."""

    stream_id: UUID
    seq: int
    frame: dict[str, Any]

    @property
    def changes_sight(self) -> bool:
        """Whether members see more or less of the past from here on."""
        return self.frame["event"] == "conversation:updated" and "history" in self.frame["data"]

    @property
    def veil(self) -> Veil | None:
        """How it goes to those who may not see what it is about; None when that is nothing older."""
        about = self.frame["data"].get("seq")
        if not isinstance(about, int) or about >= self.seq:
            return None
        return Veil(about, protocol.encode({**self.frame, "data": wiring.veiled(self.frame["data"])}))

    @property
    def leaver(self) -> UUID | None:
        """Whose last event this is."""
        return parse_uuid(str(self.frame["data"].get("userId"))) if self.frame["event"] == _LEAVING else None
