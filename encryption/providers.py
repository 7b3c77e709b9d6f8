"""Where master keys live. A provider wraps and unwraps; what it wraps with never leaves it.

`EnvironmentProvider` keeps the keys of MASTER_KEYS in the memory of the process. A key service is another class with
the same methods.
"""

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from core.errors import KeyUnavailable
from encryption import formats

MAKE_A_KEY = "python -m encryption.generate"
"""What a person types to get a master key where there is none yet."""

_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
# What Fernet makes: version byte 0x80 and a time stamp whose first bytes are zero until the year 2106.
_FERNET_PREFIX = "gAAAA"


class KeyNotDestroyed(Exception):
    """The provider still has the key; the text says who has to remove it, and where."""


class KeyProvider(Protocol):
    """A keeper of master keys, each with an id that is stored beside what it wrapped.

    Every method raises `core.errors.KeyUnavailable` when the key is unknown or the provider does not answer.
    """

    def active_id(self) -> str:
        """Id of the key that wraps new records."""
        ...

    def key_ids(self) -> Collection[str]:
        """Ids of all the keys there are."""
        ...

    def wrap(self, key_id: str, plaintext: bytes, aad: bytes) -> bytes:
        """Nonce, ciphertext and tag: `plaintext` and 28 bytes."""
        ...

    def unwrap(self, key_id: str, blob: bytes, aad: bytes) -> bytes:
        """What `wrap` was given with the same id and aad; else raises `formats.Undecryptable`."""
        ...

    def derive(self, key_id: str, info: bytes) -> bytes:
        """32 bytes by HKDF-Expand of the master key: a key for one purpose, named by `info` (`mx/audit/mac/1`).

        Raises ValueError for the `info` of the wrap key, which nobody outside may have.
        """
        ...

    def destroy(self, key_id: str) -> None:
        """Returns when the key is gone for good, also if it was before; else raises KeyNotDestroyed."""
        ...

    def health(self) -> None:
        """Returns when the active key wraps and unwraps now; else raises KeyUnavailable."""
        ...


def parse_master_keys(text: str) -> dict[str, bytes]:
    """The keys in `k1:<base64>,k2:<base64>`, each 32 bytes, in their order.

    Raises ImproperlyConfigured, naming the setting and the id but never a value: the sentence ends up in logs.
    """
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    if not entries:
        raise ImproperlyConfigured(
            "MASTER_KEYS is missing or empty: there is no start without a master key, and none is made up."
            f" Make one with `{MAKE_A_KEY}` and keep it outside the database."
        )
    keys: dict[str, bytes] = {}
    for position, entry in enumerate(entries, start=1):
        key_id, key = _parse_entry(entry, position)
        if key_id in keys:
            raise ImproperlyConfigured(f"MASTER_KEYS has the id {key_id} twice.")
        keys[key_id] = key
    return keys


def _parse_entry(entry: str, position: int) -> tuple[str, bytes]:
    key_id, colon, encoded = entry.partition(":")
    _refuse_fernet_token(encoded.strip() if colon else entry, position)
    if not colon or not _KEY_ID.fullmatch(key_id):
        raise ImproperlyConfigured(
            f"MASTER_KEYS: entry {position} is not of the form id:base64, with an id of letters, digits, - and _."
        )
    return key_id, _decode_key(key_id, encoded.strip())


def _refuse_fernet_token(encoded: str, position: int) -> None:
    if encoded.startswith(_FERNET_PREFIX):
        raise ImproperlyConfigured(
            f"MASTER_KEYS: entry {position} is a Fernet token: something that was encrypted, not a key."
            f" Make a key with `{MAKE_A_KEY}`."
        )


def _decode_key(key_id: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise ImproperlyConfigured(f"MASTER_KEYS: {key_id} is not valid base64.") from None
    if len(key) != formats.KEY_BYTES:
        raise ImproperlyConfigured(f"MASTER_KEYS: {key_id} has {len(key)} bytes; a master key has 32.")
    return key


class EnvironmentProvider:
    """Master keys from the settings MASTER_KEYS (`k1:<base64>,k2:<base64>`) and MASTER_KEY_ACTIVE (`k2`)."""

    def __init__(self, keys: Mapping[str, bytes], active: str) -> None:
        if active not in keys:
            raise ImproperlyConfigured("MASTER_KEY_ACTIVE is not the id of a key in MASTER_KEYS.")
        self._keys = dict(keys)
        self._wrap_keys = {
            key_id: AESGCM(formats.expand(key, formats.WRAP_KEY_INFO)) for key_id, key in self._keys.items()
        }
        self._active = active

    @classmethod
    def from_settings(cls) -> "EnvironmentProvider":
        """The provider of this process; raises ImproperlyConfigured when the settings hold no usable keys."""
        return cls(parse_master_keys(settings.MASTER_KEYS), settings.MASTER_KEY_ACTIVE)

    def __repr__(self) -> str:
        return f"<EnvironmentProvider {', '.join(self._keys)}; active {self._active}>"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("Master keys are not pickled.")

    def active_id(self) -> str:
        return self._active

    def key_ids(self) -> Collection[str]:
        return self._keys.keys()

    def wrap(self, key_id: str, plaintext: bytes, aad: bytes) -> bytes:
        return formats.wrap(self._wrap_key(key_id), plaintext, aad)

    def unwrap(self, key_id: str, blob: bytes, aad: bytes) -> bytes:
        return formats.unwrap(self._wrap_key(key_id), blob, aad)

    def derive(self, key_id: str, info: bytes) -> bytes:
        if info == formats.WRAP_KEY_INFO:
            raise ValueError("The wrap key stays inside the provider.")
        self._wrap_key(key_id)
        return formats.expand(self._keys[key_id], info)

    def destroy(self, key_id: str) -> None:
        if key_id in self._keys:
            raise KeyNotDestroyed(
                f"A process cannot take {key_id} out of its environment: remove it from MASTER_KEYS wherever it is"
                " kept, and restart every process."
            )

    def health(self) -> None:
        probe = formats.lp("mx/health/1", self._active)
        if self.unwrap(self._active, self.wrap(self._active, probe, b""), b"") != probe:
            raise KeyUnavailable("The active master key does not unwrap what it wrapped.")

    def _wrap_key(self, key_id: str) -> AESGCM:
        try:
            return self._wrap_keys[key_id]
        except KeyError:
            raise KeyUnavailable("A record is wrapped under a master key that MASTER_KEYS does not have.") from None
