"""Who acts: a person whom a door has recognised, or the system by name. Never nobody."""

from dataclasses import dataclass
from uuid import UUID

SYSTEM_ID = UUID("00000000-0000-7000-8000-000000000001")


@dataclass(frozen=True, slots=True)
class Actor:
    """The person behind a request, as read from the database when the door opened.

    `address` is the client's IP address; it is hashed before it is stored anywhere. `request_id` ties together what
    one request or frame caused. `connection_id` is the WebSocket that was asked through, if it was one.
    """

    id: UUID
    role: str
    is_staff: bool = False
    is_superuser: bool = False
    session_id: UUID | None = None
    address: str = ""
    request_id: str = ""
    connection_id: UUID | None = None


SYSTEM = Actor(id=SYSTEM_ID, role="bot")
"""The server itself: retention runs, alerts, commands nobody in particular started."""
