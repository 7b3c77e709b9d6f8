"""Finding people by the words of an encrypted name.

Each word of a display name is kept as a truncated keyed hash. Whoever has the database but no key learns which people
share a word and how often each word occurs; with a list of how common names are, that tells something about frequent
ones. It is the price of a directory that does not read every name for every search. Whole words only: hashes of
beginnings would let names be found while they are typed, and would give away the tree of all names besides.
"""

import re
from collections.abc import Iterable
from uuid import UUID

from accounts.display_names import folded
from accounts.models import NameToken
from encryption.keyring import keyring

_WORD = re.compile(r"[^\W_]+")
_TOKEN_BYTES = 8
_MOST_WORDS = 16


def words(text: str) -> list[str]:
    """The distinct words of a name or a search, as they are compared: `José O'Neill` → `["jose", "o", "neill"]`.

    Case and accents do not count, because people leave them out when they search. At most 16 words.
    """
    return list(dict.fromkeys(_WORD.findall(folded(text))))[:_MOST_WORDS]


def tokens(text: str) -> list[bytes]:
    """The token of each of these words."""
    return [keyring().keyed_hash("accounts.name", word.encode())[:_TOKEN_BYTES] for word in words(text)]


def index(user_id: UUID, display_name: str | None) -> None:
    """Make this person findable by exactly these words; inside the transaction that stores the name."""
    NameToken.objects.filter(user=user_id).delete()
    _insert(user_id, tokens(display_name or ""))


def _insert(user_id: UUID, found: Iterable[bytes]) -> None:
    NameToken.objects.bulk_create([NameToken(user_id=user_id, token=token) for token in found])
