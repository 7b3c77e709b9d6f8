"""What the routes of messaging have in common beside what every route of a declaration has (`core.rest.declared`)."""

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from core.rest.declared import Route, documented, perform, with_path
from core.shapes import Shape

__all__ = [
    "BANNED",
    "CONFLICT",
    "DAMAGED",
    "FILE_TOO_LARGE",
    "FORBIDDEN",
    "FULL",
    "GONE",
    "LAST_OWNER",
    "LIMIT",
    "MISSING",
    "TOO_LARGE",
    "TOO_MANY_PINS",
    "Route",
    "created",
    "documented",
    "number",
    "perform",
    "with_path",
]

FORBIDDEN = {403: OpenApiResponse(description="You can see it, but may not do that.")}
MISSING = {404: OpenApiResponse(description="There is no such person, as far as you may know.")}
GONE = {410: OpenApiResponse(description="The message has been deleted, or its key destroyed.")}
TOO_LARGE = {413: OpenApiResponse(description="The text is longer than a message may be.")}
FILE_TOO_LARGE = {413: OpenApiResponse(description="A file is larger than files may be there.")}
DAMAGED = {502: OpenApiResponse(description="`integrity_error`: what is stored was altered or is missing.")}
CONFLICT = {409: OpenApiResponse(description="`idempotency_conflict`: this clientMessageId was another message's.")}
FULL = {409: OpenApiResponse(description="`conversation_full`: it has as many members as it may have.")}
BANNED = {409: OpenApiResponse(description="`conversation_full`, or `conflict`: somebody among them was banned.")}
LAST_OWNER = {409: OpenApiResponse(description="`conflict`: the room would have no owner any more.")}
TOO_MANY_PINS = {409: OpenApiResponse(description="`conflict`: as many messages are pinned as can be.")}


def created(shape: type[Shape], new: str, known: str) -> dict[int, OpenApiResponse]:
    """201 when this made something new, 200 when it was there; with what each means."""
    return {201: OpenApiResponse(shape, new), 200: OpenApiResponse(shape, known)}


def number(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, int, description=description)


LIMIT = number("limit", "At most this many, 1 to 200; 50 by default.")
