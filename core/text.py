"""Which text can be stored at all, decided once for every door.

PostgreSQL refuses NUL and UTF-8 has no lone surrogates; other C0 controls have no place in a message and make
terminals and logs misbehave. Everything else is kept byte for byte.
"""

import re
import unicodedata

from core.errors import InvalidText

# Tab, line feed and carriage return are text; the other C0 controls and lone surrogates are not.
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_MOST_MARKS = 4


def storable(text: str) -> bool:
    """Whether `text` has only characters that both databases and UTF-8 can hold."""
    return _UNSTORABLE.search(text) is None


def require_storable(text: str) -> str:
    """`text` unchanged; raises InvalidText when it cannot be stored."""
    if not storable(text):
        raise InvalidText("The text has control characters or half of a surrogate pair.")
    return text


def is_plain_name(text: str) -> bool:
    """Whether `text` can stand as a name on one line.

    Refused: controls and line breaks, bidirectional and zero-width characters (they make one name look like another),
    and more combining marks on one letter than any script uses.
    """
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        if category in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            return False
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if marks > _MOST_MARKS:
            return False
    return bool(text.strip())
