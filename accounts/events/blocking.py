"""What clients may ask about blocking. Nobody is told of it."""

from accounts import serializers as shapes
from accounts import services
from accounts.events import answers, finding
from core.doors import Receives

block = Receives(
    "user:block",
    schema=shapes.PersonIn,
    find=finding.person,
    service=services.block_user,
    answer=answers.nothing,
    socket=False,
    summary="Have nothing to do with somebody.",
    description=(
        "No direct conversation, no call and no presence between the two of you, in either direction. Rooms and "
        "clinical conversations stay. `GET /me/export` lists whom you have blocked."
    ),
)
unblock = Receives(
    "user:unblock",
    schema=shapes.PersonIn,
    find=finding.person_to_unblock,
    service=services.unblock_user,
    answer=answers.nothing,
    socket=False,
    summary="Take a block back.",
)
