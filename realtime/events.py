"""What realtime itself tells clients; everything else that is said on sockets is declared by the other apps."""

from rest_framework import serializers

from core.doors import Sends
from core.shapes import Shape


class SessionRevokedOut(Shape):
    session_id = serializers.UUIDField()


session_revoked = Sends(
    "session:revoked",
    schema=SessionRevokedOut,
    durable=False,
    audience="every socket of the session",
    summary="The session has ended; the socket closes with 4410 right after.",
)
