"""Ids: UUID version 7 (RFC 9562), so that new rows stand together in every index."""

from uuid import UUID

from uuid_utils.compat import uuid7 as _uuid7


def uuid7() -> UUID:
    """A new id; ids made by one process ascend."""
    return _uuid7()


def parse_uuid(text: object) -> UUID | None:
    """The UUID that `text` spells in its 36 characters, else None; braces, URNs and bare hex do not count."""
    if not isinstance(text, str) or len(text) != 36:
        return None
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None
