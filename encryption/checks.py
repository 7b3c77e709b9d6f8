"""Refusals at start-up. No sound key, no start: serve, work, migrate and every other command load the settings, and
the settings call `require_sound_keys`.

Every sentence names the setting and never its value.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from encryption.periods import KEY_EPOCHS
from encryption.providers import MAKE_A_KEY, parse_master_keys

_LONGEST_PERIOD = 16
_FEWEST_DISTINCT = 16


def require_sound_keys(
    master_keys: str, active: str, secret_key: str, jwt_keys: str | Mapping[str, str | bytes]
) -> None:
    """Returns when the keys can be trusted with real data; raises ImproperlyConfigured with the first reason not to.

    `master_keys` is `id:base64,…`, `active` one of its ids, `jwt_keys` the same form or a mapping of id to key. A
    master key must be 32 random bytes and nobody else's key: who may see another secret may not thereby see messages.
    """
    keys = parse_master_keys(master_keys)
    if not active:
        raise ImproperlyConfigured("MASTER_KEY_ACTIVE is missing: name the id of the key in MASTER_KEYS for new data.")
    if active not in keys:
        raise ImproperlyConfigured("MASTER_KEY_ACTIVE is not the id of a key in MASTER_KEYS.")
    for key_id, key in keys.items():
        if reason := weakness(key):
            raise ImproperlyConfigured(f"MASTER_KEYS: {key_id} {reason}. Make another with `{MAKE_A_KEY}`.")
    if len(set(keys.values())) < len(keys):
        raise ImproperlyConfigured("MASTER_KEYS has the same key under two ids.")
    _require_separate(keys, secret_key, _jwt_values(jwt_keys))


def weakness(key: bytes) -> str | None:
    """Why `key` cannot be 32 random bytes, else None. Refuses a truly random key less than once in 10^13."""
    if not any(key):
        return "is all zeros"
    if any(key == (key[:period] * len(key))[: len(key)] for period in range(1, _LONGEST_PERIOD + 1)):
        return "repeats itself"
    if len({(after - before) % 256 for before, after in pairwise(key)}) == 1:
        return "counts up or down, like a key from an example"
    if all(0x20 <= byte < 0x7F for byte in key):
        return "is text, not random bytes"
    if len(set(key)) < _FEWEST_DISTINCT:
        return "has too few different bytes to be random"
    return None


def _require_separate(master: Mapping[str, bytes], secret_key: str, jwt: Iterable[str | bytes]) -> None:
    secret_forms = _forms(secret_key)
    master_forms: set[bytes] = set()
    for key in master.values():
        master_forms |= _forms(base64.b64encode(key)) | _forms(base64.urlsafe_b64encode(key))
    if master_forms & secret_forms:
        raise ImproperlyConfigured("MASTER_KEYS has the same key as SECRET_KEY; every key has one purpose.")
    for value in jwt:
        forms = _forms(value)
        if master_forms & forms:
            raise ImproperlyConfigured("MASTER_KEYS has the same key as JWT_KEYS; every key has one purpose.")
        if secret_forms & forms:
            raise ImproperlyConfigured("JWT_KEYS has the same key as SECRET_KEY; every key has one purpose.")


def _jwt_values(jwt_keys: str | Mapping[str, str | bytes]) -> list[str | bytes]:
    if isinstance(jwt_keys, Mapping):
        return list(jwt_keys.values())
    return [entry.partition(":")[2] or entry for entry in jwt_keys.split(",") if entry.strip()]


def _forms(value: str | bytes) -> set[bytes]:
    """The byte strings `value` may stand for: itself, and what it says in base64 or hexadecimal."""
    raw = value.strip().encode() if isinstance(value, str) else value
    decoders: tuple[Callable[[bytes], bytes], ...] = (_from_base64, binascii.unhexlify)
    forms = {raw, raw.rstrip(b"=")}
    for decode in decoders:
        try:
            forms.add(decode(raw))
        except (binascii.Error, ValueError):
            continue
    return forms - {b""}


def _from_base64(raw: bytes) -> bytes:
    bare = raw.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    return base64.b64decode(bare + b"=" * (-len(bare) % 4), validate=True)


@checks.register(checks.Tags.security)
def check_key_epoch(**kwargs: Any) -> list[checks.CheckMessage]:
    """KEY_EPOCH names a period."""
    if settings.KEY_EPOCH in KEY_EPOCHS:
        return []
    return [checks.Error(f"KEY_EPOCH must be one of {', '.join(KEY_EPOCHS)}.", id="encryption.E001")]


@checks.register(checks.Tags.database)
def check_vault_can_be_opened(databases: Iterable[str] | None = None, **kwargs: Any) -> list[checks.CheckMessage]:
    """The master keys are those that the vault was made with, and all of them.

    Runs with `migrate` and with `check --database`; a server and a worker make sure of it by themselves.
    """
    from encryption.canary import flaws
    from encryption.providers import EnvironmentProvider

    provider = EnvironmentProvider.from_settings()
    return [
        checks.Error(sentence, hint="`manage.py keys status` shows all keys.", id="encryption.E002")
        for database in databases or ()
        for sentence in flaws(provider, database)
    ]
