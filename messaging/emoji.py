"""Which texts are one emoji: those that Unicode's own list has as fully-qualified (emoji-test.txt of UTS #51).

That is each emoji in the one form in which keyboards send it, with its variation selector, skin tones, joiners and flag
letters: two ways to write the same picture would be two reactions. The list comes with the package `emoji`.
"""

import unicodedata

from emoji import EMOJI_DATA, STATUS

MOST_BYTES = 32
"""In UTF-8. It leaves out some ninety of the list, couples of two skin tones that kiss."""

_QUALIFIED = STATUS["fully_qualified"]


def as_emoji(text: str) -> str | None:
    """`text` in NFC when it is one emoji, else None. `text` has no lone surrogates."""
    if len(text) > MOST_BYTES:
        return None
    normal = unicodedata.normalize("NFC", text)
    known = EMOJI_DATA.get(normal, {}).get("status") == _QUALIFIED
    return normal if known and len(normal.encode()) <= MOST_BYTES else None
