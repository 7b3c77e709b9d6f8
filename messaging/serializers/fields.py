"""Fields that several shapes have."""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.validators import RegexValidator
from rest_framework import serializers

from accounts.validators import validate_plain_name
from core.errors import InvalidText
from core.ids import parse_uuid
from core.shapes import TextField
from core.text import is_plain_name, storable
from messaging.emoji import MOST_BYTES, as_emoji

MOST_PER_PAGE = 200
MOST_METADATA = 20
LONGEST_METADATA = 256
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_ONE_EMOJI = "Send one emoji in the form in which keyboards send it: ❤️ with its variation selector, not a bare ❤."


def content_field(**kwargs: Any) -> TextField:
    """The text of a message, bounded as the settings say."""
    return TextField(max_characters=settings.MESSAGE_MAX_CHARACTERS, max_bytes=settings.MESSAGE_MAX_BYTES, **kwargs)


class EmojiField(serializers.CharField):
    """One emoji of Unicode's list."""

    def __init__(self) -> None:
        super().__init__(max_length=MOST_BYTES, trim_whitespace=False, help_text=_ONE_EMOJI)

    def to_internal_value(self, data: Any) -> str:
        emoji = as_emoji(data) if isinstance(data, str) and storable(data) else None
        if emoji is None:
            raise serializers.ValidationError(_ONE_EMOJI, code="invalid")
        return emoji


class MetadataField(serializers.DictField):
    """What a client keeps about a message for itself: a flat object of short values, sealed with the text."""

    def to_internal_value(self, data: Any) -> dict[str, str | int | float | bool]:
        if not isinstance(data, dict) or len(data) > MOST_METADATA:
            raise serializers.ValidationError(f"Send an object with at most {MOST_METADATA} entries.", code="invalid")
        for key, value in data.items():
            _require_small(key)
            if isinstance(value, str):
                _require_small(value)
            elif not isinstance(value, bool | int | float) or not -(2**53) < value < 2**53:
                raise serializers.ValidationError("Values are text, numbers, true or false.", code="invalid")
        return dict(data)


def _require_small(text: str) -> None:
    if not storable(text):
        raise InvalidText("The metadata has control characters or half of a surrogate pair.")
    if not 1 <= len(text) <= LONGEST_METADATA:
        raise serializers.ValidationError(f"Keys and texts have 1 to {LONGEST_METADATA} characters.", code="invalid")


def client_message_id_field() -> serializers.CharField:
    return serializers.CharField(
        required=False,
        max_length=64,
        trim_whitespace=False,
        validators=[RegexValidator(r"\A[\x20-\x7e]+\Z", "Use printable ASCII characters.")],
        help_text="1 to 64 printable ASCII characters: the same one again is the same message.",
    )


def metadata_field() -> MetadataField:
    return MetadataField(
        required=False, help_text=f"At most {MOST_METADATA} texts, numbers or booleans of your own, by name."
    )


class LineField(serializers.CharField):
    """One line of text that shows what it is: nothing hidden, nothing that reorders. Other JSON is not made text."""

    def __init__(self, longest: int, **kwargs: Any) -> None:
        super().__init__(max_length=longest, validators=[_require_plain], **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


def _require_plain(text: str) -> None:
    if text and not is_plain_name(text):
        raise serializers.ValidationError("Send one line without control or invisible characters.", code="invalid")


def name_field(**kwargs: Any) -> serializers.CharField:
    """What people call a room: the rules of people's own names hold, so that it cannot pose as somebody else."""
    return serializers.CharField(max_length=100, validators=[validate_plain_name], **kwargs)


class IdField(serializers.UUIDField):
    """An id inside a list: the text of a UUID and nothing else that could be read as one."""

    def to_internal_value(self, data: Any) -> UUID:
        found = parse_uuid(data)
        if found is None:
            self.fail("invalid")
        return found


class DistinctIdsField(serializers.ListField):
    """Ids in an order that counts, each once."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=IdField(), **kwargs)

    def to_internal_value(self, data: Any) -> list[UUID]:
        found: list[UUID] = super().to_internal_value(data)
        if len(set(found)) < len(found):
            raise serializers.ValidationError("Name each of them once.", code="invalid")
        return found


class MomentField(serializers.DateTimeField):
    """A time as RFC 3339 has it. Without an offset it would be a guess whose clock was meant."""

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            raise serializers.ValidationError("Send a time like 2026-11-21T16:30:00Z.", code="invalid")
        return super().to_internal_value(value)


def ids_field(**kwargs: Any) -> serializers.ListField:
    """Ids of people, not more than a room may have members."""
    return serializers.ListField(child=IdField(), max_length=settings.ROOM_MAX_MEMBERS, **kwargs)


def seq_field(lowest: int = 1, **kwargs: Any) -> serializers.IntegerField:
    """A number in a conversation; the upper bound is that of the databases."""
    return serializers.IntegerField(min_value=lowest, max_value=2**63 - 1, **kwargs)


def limit_field() -> serializers.IntegerField:
    return serializers.IntegerField(required=False, default=50, min_value=1, max_value=MOST_PER_PAGE)
