"""From what was recorded to the rows of the log: ids, times, macs, sealed details."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, TypedDict
from uuid import UUID

from audit import canonical
from audit.canonical import Fields
from audit.verbs import verbs
from core.actor import Actor
from core.ids import uuid7
from core.sql import Row, insert
from core.time import now
from encryption.keyring import Keyring, keyring

Outcome = Literal["allow", "deny"]

_HASH_BYTES = 32
_SALT_BYTES = 16
_LONGEST_REASON = 100


class Particulars(TypedDict, total=False):
    """What an entry can say beyond who did what.

    - `object_id`, `conversation_id`: what it was done to, and where.
    - `object_hash`: SHA-256 of the stored blob, 32 bytes.
    - `outcome`: "allow", or "deny" for what was refused.
    - `reason`: a short code, readable by everybody who may read the log.
    - `details`: JSON values and UUIDs, encrypted. Still no text of people belongs there.
    """

    object_id: UUID | None
    conversation_id: UUID | None
    object_hash: bytes | None
    outcome: Outcome
    reason: str
    details: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Note:
    """An entry that has no id and no time yet. Raises ValueError for what must not get as far as the log."""

    action: str
    actor: Actor
    object_id: UUID | None = None
    conversation_id: UUID | None = None
    object_hash: bytes | None = None
    outcome: Outcome = "allow"
    reason: str = ""
    details: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.action not in verbs:
            raise ValueError(f"there is no audit verb {self.action!r}: add it to audit/verbs.py")
        if self.object_hash is not None and len(self.object_hash) != _HASH_BYTES:
            raise ValueError("object_hash is a SHA-256: 32 bytes")
        if len(self.reason) > _LONGEST_REASON:
            raise ValueError("the reason of an entry is a short code")


def write(notes: Sequence[Note]) -> None:
    """Insert the entries of these notes, with ids in their order, and their details: one statement for each table."""
    if not notes:
        return
    moment, kid = now(), keyring().provider.active_id()
    entries: list[Row] = []
    details: list[Row] = []
    for note in notes:
        entry_id = uuid7()
        detail = _sealed_detail(entry_id, note.details)
        entries.append(_entry(note, entry_id, moment, kid, detail and canonical.detail_hash(*detail)))
        if detail:
            details.append({"entry": entry_id, "salt": detail[0], "ciphertext": detail[1]})
    insert("audit_entry", entries)
    insert("audit_detail", details)


def mac_key(kid: str) -> bytes:
    """The key of the macs under master key `kid`; raises KeyUnavailable when this process does not have that one."""
    return _mac_key(keyring(), kid)


@lru_cache(maxsize=64)
def _mac_key(ring: Keyring, kid: str) -> bytes:
    return ring.provider.derive(kid, canonical.MAC_INFO)


def _sealed_detail(entry_id: UUID, details: Mapping[str, Any] | None) -> tuple[bytes, bytes] | None:
    """Salt and ciphertext."""
    if not details:
        return None
    return os.urandom(_SALT_BYTES), keyring().seal_audit_detail(entry_id, dict(details))


def _entry(note: Note, entry_id: UUID, moment: datetime, kid: str, detail_hash: bytes | None) -> Row:
    actor = note.actor
    row = {
        "v": canonical.VERSION,
        "id": entry_id,
        "ts": moment,
        "actor": actor.id,
        "actor_role": actor.role,
        "session": actor.session_id,
        "ip_h": _address_hash(actor.address, f"{moment:%Y-%m}") if actor.address else None,
        "action": note.action,
        "object": note.object_id,
        "object_h": note.object_hash,
        "conv": note.conversation_id,
        "outcome": note.outcome,
        "reason": note.reason,
        "detail_h": detail_hash,
        "kid": kid,
    }
    return {**row, "mac": canonical.mac(mac_key(kid), canonical.canonical(_fields(row)))}


def _fields(row: Row) -> Fields:
    """The row as it stands in its canonical text."""
    return Fields(
        action=row["action"],
        actor=row["actor"],
        actor_role=row["actor_role"],
        conv=row["conv"],
        detail_h=_hex(row["detail_h"]),
        id=row["id"],
        ip_h=_hex(row["ip_h"]),
        kid=row["kid"],
        object=row["object"],
        object_h=_hex(row["object_h"]),
        outcome=row["outcome"],
        reason=row["reason"],
        session=row["session"],
        ts=canonical.timestamp(row["ts"]),
        v=row["v"],
    )


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


@lru_cache(maxsize=4096)
def _address_hash(address: str, month: str) -> bytes:
    """Equal addresses are equal within a month and cannot be followed over the months, nor guessed without the key."""
    return keyring().keyed_hash(f"audit.address/{month}", address.encode())
