"""Medical record numbers (MRN): which spellings are the same number, and how one is found that is stored encrypted.

`mrn_h` is HMAC-SHA256 of the number under a key of the organisation for this purpose alone (`Keyring.keyed_hash`).
Numbers are short, so without the key a hash would be guessed by trying all of them; with it whoever has the database
only sees that no two records have the same number, which is a rule anyway.
"""

import unicodedata

from django.core.exceptions import ValidationError

from core.text import is_plain_name
from encryption.keyring import keyring

_PURPOSE = "mrn"


def number_hash(number: str) -> bytes:
    """32 bytes by which a number is found."""
    return keyring().keyed_hash(_PURPOSE, normalised(number).encode())


def normalised(number: str) -> str:
    """What is the same in all spellings of one number: neither spaces, case nor width of letters count.

    Leading zeros and punctuation do: there are systems in which `0012` and `12`, or `1-23` and `12-3`, are two
    patients.
    """
    return "".join(unicodedata.normalize("NFKC", number).split()).casefold()


def validate_number(number: str) -> None:
    """One line of characters that can be seen."""
    if not (is_plain_name(number) and normalised(number)):
        raise ValidationError("A number has one line, and no control or invisible characters.", "invalid")
