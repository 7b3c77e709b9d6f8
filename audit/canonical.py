"""The bytes that audit entries are made of, and the chain over them. Pure functions, nothing else.

Canonical text: the fields of an entry as JSON with sorted keys, no spaces, UTF-8; absent fields are left out, never
null; only strings and small integers; ids in 36 characters, hashes in lower-case hexadecimal, `ts` always with six
decimals and `Z`. That is a subset of RFC 8785, so every implementation of it writes the same bytes.

    {"action":"message.created","actor":"3333…","conv":"1111…","id":"4444…","kid":"k1",…,"ts":"2026-01-02T03:04:05.678901Z","v":1}

    mac(e)  = HMAC-SHA256(HKDF-Expand(master key, "mx/audit/mac/1"), canonical(e))
    leaf(e) = SHA-256(0x00 || canonical(e) || mac(e))                               a leaf of RFC 6962
    h(0)    = SHA-256("mx/audit/genesis/1" || org)
    h(n)    = SHA-256("mx/audit/chain/1" || h(n-1) || u64(n) || leaf(n))

Integers are big-endian, `org` is 16 raw bytes.
"""

import hmac
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

import orjson

MAC_INFO = b"mx/audit/mac/1"
VERSION = 1

Id = UUID | str


class Fields(NamedTuple):
    """An entry as it stands in its canonical text; None or "" for what is absent. In alphabetical order.

    Ids may be UUIDs or their 36 characters: the text is the same.
    """

    action: str
    actor: Id
    actor_role: str | None
    conv: Id | None
    detail_h: str | None
    id: Id
    ip_h: str | None
    kid: str
    object: Id | None
    object_h: str | None
    outcome: str
    reason: str | None
    session: Id | None
    ts: str
    v: int


def canonical(fields: Fields) -> bytes:
    """The canonical text of an entry. The order of `Fields` is the order of the keys."""
    return orjson.dumps({name: value for name, value in zip(Fields._fields, fields, strict=True) if value})


def timestamp(moment: datetime) -> str:
    """`2026-01-02T03:04:05.678901Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def mac(key: bytes, text: bytes) -> bytes:
    """32 bytes that only the holder of `key` can make for this canonical text."""
    return hmac.digest(key, text, "sha256")


def leaf(text: bytes, text_mac: bytes) -> bytes:
    return sha256(b"\x00" + text + text_mac).digest()


def genesis(org: UUID) -> bytes:
    """h(0): where the chain of this organisation begins."""
    return sha256(b"mx/audit/genesis/1" + org.bytes).digest()


def link(previous: bytes, n: int, n_leaf: bytes) -> bytes:
    """h(n), given h(n-1) and the n-th leaf. Entries are counted from 1."""
    return sha256(b"mx/audit/chain/1" + previous + n.to_bytes(8, "big") + n_leaf).digest()


def detail_hash(salt: bytes, ciphertext: bytes) -> bytes:
    """What an entry says about its details. Once they are erased it tells nothing about them."""
    return sha256(salt + ciphertext).digest()
