"""Hashing and checking passwords, a few at a time.

One argon2 hash takes 100 MB and the better part of a second on a small machine (RFC 9106), on purpose. Without a bound,
a hundred people who sign in at once, or one attacker, would take 10 GB.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.hashers import make_password, verify_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from accounts import names
from accounts.display_names import folded
from accounts.models import User
from core.errors import FieldError, Invalid, RateLimited

LONGEST = 1024
"""Characters of the longest password; a longer one is refused before anything is computed."""

AT_ONCE = 2
"""Hashes computed at the same time in this process."""

_NO_PASSWORD = "!"  # noqa: S105  what Django stores for somebody without one

_slots = threading.BoundedSemaphore(AT_ONCE)
_waiting = 0
_lock = threading.Lock()


@contextmanager
def hashing() -> Iterator[None]:
    """A turn to compute hashes. Not to be entered twice by one thread.

    Waiting requests each hold a thread that others need for the database, so no more than half of those threads may be
    in here; raises RateLimited for whoever comes after that.
    """
    _queue_up()
    try:
        with _slots:
            yield
    finally:
        _leave()


def _queue_up() -> None:
    global _waiting
    with _lock:
        if _waiting >= max(settings.DATABASE_THREADS // 2, AT_ONCE):
            raise RateLimited("Many people are signing in right now; try again.", retry_after_ms=1000)
        _waiting += 1


def _leave() -> None:
    global _waiting
    with _lock:
        _waiting -= 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password is right, and whether its stored hash is weaker than today's settings make them."""

    correct: bool
    outdated: bool


def check(password: str, encoded: str | None) -> Verdict:
    """Compare, within `hashing()`. Exactly one hash is computed, also for nobody (None) and for who has no password, so
    that the time does not tell them apart."""
    return Verdict(*verify_password(password, encoded or _NO_PASSWORD))


def encode(password: str | None) -> str:
    """What is stored for a password; None is stored as something no password matches. Within `hashing()`."""
    return make_password(password)


def require_usable(password: str, field: str) -> None:
    """Raises Invalid for a password that could never be entered. `field` is its name on the wire."""
    if len(password) > LONGEST:
        message = f"A password has at most {LONGEST} characters."
        raise Invalid(message, errors=[FieldError(field, "max_length", message)])


class MostlyNameValidator:
    """For AUTH_PASSWORD_VALIDATORS: refuses a password of which half or more is the person's own names, however often
    they are repeated (`student1student1`), and one that is anything short repeated. Django's validator of similarity
    compares with a name only once."""

    def validate(self, password: str, user: User | None = None) -> None:
        left = bare = folded(password)
        for name in sorted(_own_names(user), key=len, reverse=True):
            left = left.replace(name, "")
        if len(left) * 2 <= len(bare):
            raise ValidationError("The password is little more than your name.", "password_is_name")
        if len(_repeated(bare)) * 2 <= len(bare):
            raise ValidationError("The password is something short, repeated.", "password_repeats")

    def get_help_text(self) -> str:
        return "Your password cannot be your name, repeated or with little added, nor anything else repeated."


def _repeated(text: str) -> str:
    """The shortest part that gives `text` when it is repeated, its last time perhaps cut short: `abc` of `abcabcab`."""
    size = next((n for n in range(1, len(text)) if text.startswith(text[n:])), len(text))
    return text[:size]


def _own_names(user: User | None) -> set[str]:
    if user is None:
        return set()
    given = (user.username, user.display_name or "", user.email or "")
    return {folded(user.username), *(word for text in given for word in names.words(text))} - {""}


def require_strong(password: str, user: User, field: str) -> None:
    """Raises Invalid when AUTH_PASSWORD_VALIDATORS refuse `password` for `user`, with one entry for each reason."""
    try:
        validate_password(password, user)
    except ValidationError as refused:
        errors = [FieldError(field, error.code or "invalid", error.messages[0]) for error in refused.error_list]
        raise Invalid("This password is too weak.", errors=errors) from None
