"""Codes by time, as authenticator apps show them (TOTP, RFC 6238: HMAC-SHA1, 6 digits, 30 s), and recovery codes.

The arithmetic is django-otp's. What is secret stays with `accounts.models.TotpDevice`, encrypted.
"""

import base64
import re
import secrets
from urllib.parse import quote, urlencode

import segno
from django_otp.oath import TOTP

from core.time import now
from encryption.keyring import keyring

STEP = 30
TOLERANCE = 1
"""Steps by which a clock may be wrong, in either direction."""

RECOVERY_CODES = 10

LONGEST_TYPED = 64
"""Of either kind, with whatever gaps somebody types."""

_ISSUER = "Parley"
_SECRET_BYTES = 20  # What RFC 4226 recommends, the length of SHA-1.
_RECOVERY_BYTES = 10
_PURPOSE = "accounts.recovery_code"
_SETUP = "accounts.totp_setup"
_CODE = re.compile(r"[0-9]{6}")
_RECOVERY_CODE = re.compile(r"[A-Z2-7]{16}")


def new_secret() -> str:
    """160 random bits in base32, as people can type them."""
    return base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def matching_step(secret: str, code: str, used: int) -> int | None:
    """The time step that `code` is of, when it is of this moment or one step beside it and later than step `used`;
    else None."""
    plain = _without_gaps(code)
    if not _CODE.fullmatch(plain):
        return None
    totp = TOTP(base64.b32decode(secret), step=STEP)
    totp.time = now().timestamp()
    # `int`: the library compares numbers. What the time it takes tells is worth less than one of the tries it costs.
    return totp.t() if totp.verify(int(plain), TOLERANCE, used + 1) else None


def address(secret: str, username: str) -> str:
    """What the QR code says: `otpauth://totp/…`, the Key Uri Format of Google Authenticator."""
    facts = {"secret": secret, "issuer": _ISSUER, "algorithm": "SHA1", "digits": 6, "period": STEP}
    return f"otpauth://totp/{quote(f'{_ISSUER}:{username}')}?{urlencode(facts)}"


def picture(text: str) -> str:
    """A QR code of `text` as an `<svg>` to stand in a page: no style, no script, black on white in every theme."""
    return segno.make_qr(text, error="m").svg_inline(
        scale=5, dark="#000", light="#fff", title="QR code for the authenticator app", svgclass="qr", lineclass=None
    )


def in_groups(secret: str) -> str:
    """The same in groups of four."""
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))


def new_recovery_codes() -> list[str]:
    """`ABCD-EFGH-IJKL-MNOP`: 80 random bits each."""
    return [_dashed(base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode()) for _ in range(RECOVERY_CODES)]


def recovery_hash(code: str) -> bytes | None:
    """What is stored of a recovery code, however it is typed; None for what cannot be one."""
    plain = _without_gaps(code).upper()
    return keyring().keyed_hash(_PURPOSE, plain.encode()) if _RECOVERY_CODE.fullmatch(plain) else None


def session_hash(key: str) -> bytes:
    """What is stored of the session in which an app is set up: the key itself signs in."""
    return keyring().keyed_hash(_SETUP, key.encode())


def _dashed(code: str) -> str:
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))


def _without_gaps(code: str) -> str:
    return re.sub(r"[\s-]", "", code)
