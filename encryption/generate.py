"""New keys. `python -m encryption.generate` prints one without settings, so also where there is no key yet."""

import base64
import secrets
import sys
from os import urandom

from encryption.checks import weakness
from encryption.formats import KEY_BYTES


def new_master_key() -> str:
    """A new master key in base64: what stands after `k1:` in MASTER_KEYS. From the random source of the system."""
    key = urandom(KEY_BYTES)
    while weakness(key):
        key = urandom(KEY_BYTES)
    return base64.b64encode(key).decode()


def new_secret(size: int = 32) -> str:
    """`size` random bytes (at least 32) as URL-safe text: for SECRET_KEY, the keys in JWT_KEYS and passwords."""
    if size < KEY_BYTES:
        raise ValueError(f"A secret has at least {KEY_BYTES} bytes.")
    return secrets.token_urlsafe(size)


if __name__ == "__main__":
    sys.stdout.write(new_master_key() + "\n")
