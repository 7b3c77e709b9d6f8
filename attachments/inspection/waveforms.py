"""The waveform of a voice message: computed by the client that records it, for the eye only, and checked here."""

import json

from core.errors import FieldError, Invalid

MOST_VALUES = 64
HIGHEST = 100
_MOST_CHARACTERS = 1024


def read_waveform(text: str) -> tuple[int, ...]:
    """The numbers of a form's field: a JSON array of 1 to 64 integers from 0 to 100, as in `[0, 35, 100]`.

    Raises Invalid, naming the field, for anything else.
    """
    try:
        given = json.loads(text) if len(text) <= _MOST_CHARACTERS else None
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_VALUES or not all(map(_is_height, given)):
        message = f"Give 1 to {MOST_VALUES} integers from 0 to {HIGHEST}, as a JSON array."
        raise Invalid(errors=[FieldError("waveform", "invalid", message)])
    return tuple(given)


def _is_height(value: object) -> bool:
    # True and False are integers to Python, and not to anybody who draws them.
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= HIGHEST
