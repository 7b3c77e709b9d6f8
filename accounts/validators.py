"""What names, languages and time zones may look like. For model fields, shapes and forms alike."""

import re
from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError

from accounts.display_names import has_something_to_read, mixes_scripts, poses_as_server, without_joiners
from core.text import is_plain_name, storable

_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]", re.ASCII)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII)

RESERVED = frozenset(
    {
        *("all", "anonymous", "bot", "channel", "deleted", "everybody", "everyone", "here", "me", "nobody", "none"),
        *("null", "parley", "server", "support", "system", "undefined", "unknown", "users"),
    }
)
"""Names that would be taken for the server itself, for everybody, or for nobody."""


def validate_username(name: str) -> None:
    """A login name: ASCII letters and digits, with `.`, `_` and `-` inside. ASCII, so that no two look alike."""
    if not _USERNAME.fullmatch(name):
        raise ValidationError("Use ASCII letters and digits, with dots, dashes and underscores inside.", "invalid")
    if name.lower() in RESERVED:
        raise ValidationError("This name is reserved.", "reserved")


def validate_plain_name(name: str) -> None:
    """A name on one line that shows what it is: no characters that hide or reorder others, no mixture of alphabets in
    a word, and not a name of the server's own."""
    if not (is_plain_name(without_joiners(name)) and has_something_to_read(name)):
        raise ValidationError("A name has one line, letters, and no control or invisible characters.", "invalid")
    if mixes_scripts(name):
        raise ValidationError("A word of a name is written in one alphabet.", "mixed_scripts")
    if poses_as_server(name):
        raise ValidationError("This name is reserved.", "reserved")


def validate_storable(text: str) -> None:
    if not storable(text):
        raise ValidationError("The text has characters that cannot be stored.", "invalid")


def validate_time_zone(name: str) -> None:
    """A name of the IANA time zone database, in its spelling."""
    if name not in time_zones():
        raise ValidationError("This is not the name of a time zone.", "invalid")


def validate_language(tag: str) -> None:
    """A language tag (RFC 5646): `de`, `pt-BR`, `zh-Hant-TW`. Well-formed, not necessarily registered."""
    if not _LANGUAGE.fullmatch(tag):
        raise ValidationError("This is not a language tag.", "invalid")


@cache
def time_zones() -> frozenset[str]:
    """All names there are on this machine. Reading them takes a walk through the database's files, so once."""
    return frozenset(available_timezones())
