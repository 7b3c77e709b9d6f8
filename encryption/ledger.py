"""Entries of the shred ledger (`Shred`): who signed them, and whether they are what was written.

An entry's mac is HMAC-SHA256 under a key derived from a master key for this alone (HKDF-Expand, RFC 5869, info
"mx/shred/1") over the whole row: nobody who has only the database can have a server destroy what it should keep. That
is why an entry under a master key that is not here is not followed: whoever can write a row can name a key that nobody
has. And why entries are signed anew (`sign`) under the active key as long as the one that signed them is here.
"""

import hmac
from collections.abc import Iterator, Sequence

from django.db.models import Count

from core.errors import KeyUnavailable
from encryption import formats
from encryption.models import Shred, installation
from encryption.providers import KeyProvider

NAME = "entries of the shred ledger"
"""As people are told of them (`encryption.wiring.signatures`)."""

_MAC_INFO = b"mx/shred/1"
_WHOLE = 0
"""In the mac, for an entry about all epochs: none has that number."""


def sign(provider: KeyProvider, entry: Shred) -> None:
    """Put the active master key's mac on the entry; the caller stores it."""
    entry.kek_id = provider.active_id()
    entry.mac = _mac(provider, entry)


def flaw_of(provider: KeyProvider, entry: Shred) -> str | None:
    """Why nobody may rely on this entry, in a sentence; None for a genuine one."""
    try:
        if hmac.compare_digest(bytes(entry.mac), _mac(provider, entry)):
            return None
    except KeyUnavailable:
        return (
            f"Entry {entry.position} of the shred ledger names the master key {entry.kek_id!a}, which is not here:"
            " whether it is genuine cannot be known."
        )
    return f"Entry {entry.position} of the shred ledger is not what was written."


def signed_under() -> dict[str, int]:
    """How many entries there are under each master key: that one is needed to tell that they are genuine."""
    counted = Shred.objects.values_list("kek_id").annotate(n=Count("*")).order_by("kek_id")
    return dict(counted)


def signed_by(key_id: str, batch: int) -> Iterator[Sequence[Shred]]:
    """The entries under this master key, in their order, at most `batch` at a time."""
    last = -1
    # Forwards by position: entries that stay as they are must not come again.
    while entries := [*Shred.objects.filter(kek_id=key_id, position__gt=last).order_by("position")[:batch]]:
        last = entries[-1].position
        yield entries


def count_genuine(provider: KeyProvider, key_id: str) -> int:
    """How many entries under this master key could be followed with it, and never without."""
    return sum(flaw_of(provider, entry) is None for entry in Shred.objects.filter(kek_id=key_id).iterator())


def _mac(provider: KeyProvider, entry: Shred) -> bytes:
    key = provider.derive(entry.kek_id, _MAC_INFO)
    return hmac.digest(key, _covered(entry), "sha256")


def _covered(entry: Shred) -> bytes:
    return formats.lp(
        "mx/shred/1",
        installation().org,
        entry.id,
        _u32(entry.position),
        entry.conversation,
        _u32(_WHOLE if entry.epoch is None else entry.epoch),
        entry.reason,
        entry.at.isoformat(),
        entry.kek_id,
    )


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "big")
