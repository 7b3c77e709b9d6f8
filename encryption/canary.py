"""The canary: whether the master keys of this process are those that the vault was made with.

A wrong key under a right id is the mistake that destroys: everything new is sealed under it, nothing old opens, and by
the time somebody notices there are two halves. So the vault remembers a fingerprint of each master key from its first
use on, and a process that holds another one does not start.
"""

from collections.abc import Iterable, Mapping
from hmac import compare_digest

from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connection

from core import sql
from core.errors import KeyUnavailable
from encryption import formats
from encryption.models import (
    FINGERPRINT_BYTES,
    Canary,
    DataKey,
    OrganisationKey,
    installation,
    is_there,
    wrapping_key_ids,
)
from encryption.providers import KeyProvider
from encryption.records import VaultRow, open_record


def fingerprint(provider: KeyProvider, key_id: str) -> bytes:
    """8 bytes that are the same for the same key everywhere, and tell nothing of it (HKDF-Expand, RFC 5869)."""
    return provider.derive(key_id, formats.FINGERPRINT_INFO)[:FINGERPRINT_BYTES]


def shown(print_: bytes | memoryview) -> str:
    """A fingerprint as people compare it: `3f2a-91bc-77d0-1e42`."""
    return bytes(print_).hex("-", 2)


def require_known_keys(provider: KeyProvider) -> None:
    """Returns when every key of `provider` is the one the vault knows by its id, and none that it needs is missing.
    Raises ImproperlyConfigured that names the ids, with the fingerprint expected and the one found.

    The active key gets its canary here if it has none, and so do keys that wrapped before there were canaries: these
    first have to open what stands under their id. A refused process leaves nothing behind. Before the vault is migrated
    there is nothing to compare with.
    """
    if not is_there(Canary):
        return
    _refuse(flaws(provider))
    if new := (wrapping_key_ids() | {provider.active_id()}) - canaries().keys():
        # Another process may be doing the same at this moment, maybe with another key: the first stays.
        Canary.objects.bulk_create([_canary(provider, key_id) for key_id in sorted(new)], ignore_conflicts=True)
        _refuse(flaws(provider))


def _refuse(found: list[str]) -> None:
    if found:
        raise ImproperlyConfigured(" ".join(found))


def flaws(provider: KeyProvider, database: str = DEFAULT_DB_ALIAS) -> list[str]:
    """What is wrong with the keys of `provider` for the vault of `database`, in sentences. Changes nothing."""
    known, used = canaries(database), wrapping_key_ids(database)
    found = [_missing(used - {*provider.key_ids()}, known)]
    for key_id in provider.key_ids():
        if key_id in known:
            found.append(_another(provider, known[key_id]))
        elif key_id in used and not _opens_what_it_wrapped(provider, key_id, database):
            found.append(
                f"MASTER_KEYS: {key_id} (fingerprint {shown(fingerprint(provider, key_id))}) does not open what the"
                f" vault holds under that id. Put back the key that was {key_id}."
            )
    active = known.get(provider.active_id())
    if active is not None and active.retired_at is not None:
        found.append(f"MASTER_KEY_ACTIVE names {active.key_id}, which was retired: name another, or make one.")
    return [sentence for sentence in found if sentence]


def require_in_service(key_id: str) -> None:
    """Returns when this master key may wrap and sign what is new, and then it may until the present transaction ends:
    whoever retires it waits so long. Raises KeyUnavailable when somebody has, while this process went on with it.
    """
    locks = connection.vendor == "postgresql"  # on SQLite whoever writes is alone
    if sql.fetch(_LOCKED, key_id) == [(True,)] if locks else is_retired(key_id):
        raise KeyUnavailable("The master key that this process wraps with was retired.")


_LOCKED = "SELECT retired_at IS NOT NULL FROM vault_canary WHERE key_id = %s FOR SHARE"


def is_retired(key_id: str) -> bool:
    """Whether this master key may wrap nothing any more."""
    return Canary.objects.filter(key_id=key_id, retired_at__isnull=False).exists()


def canaries(database: str = DEFAULT_DB_ALIAS) -> dict[str, Canary]:
    """What the vault knows of master keys, by their ids; nothing before its table exists."""
    return Canary.objects.using(database).in_bulk() if is_there(Canary, database) else {}


def _canary(provider: KeyProvider, key_id: str) -> Canary:
    sealed = provider.wrap(key_id, formats.CANARY, formats.canary_aad(installation().org, key_id))
    return Canary(key_id=key_id, fingerprint=fingerprint(provider, key_id), sealed=sealed)


def _missing(ids: Iterable[str], known: Mapping[str, Canary]) -> str:
    if not ids:
        return ""
    named = ", ".join(
        f"{key_id} (fingerprint {shown(known[key_id].fingerprint)})" if key_id in known else key_id
        for key_id in sorted(ids)
    )
    return (
        f"The vault holds keys wrapped under {named}, which MASTER_KEYS does not have. Put the key back:"
        " without it what was sealed under it cannot be read."
    )


def _another(provider: KeyProvider, canary: Canary) -> str:
    here = fingerprint(provider, canary.key_id)
    if not compare_digest(here, bytes(canary.fingerprint)):
        return (
            f"MASTER_KEYS: {canary.key_id} is not the key that this vault knows by that id: its fingerprint is"
            f" {shown(here)}, expected is {shown(canary.fingerprint)}. Put back the key with that fingerprint."
        )
    try:
        aad = formats.canary_aad(installation().org, canary.key_id)
        if provider.unwrap(canary.key_id, bytes(canary.sealed), aad) == formats.CANARY:
            return ""
    except formats.Undecryptable:
        pass  # The same as any other answer than the constant.
    return (
        f"MASTER_KEYS: {canary.key_id} has the fingerprint {shown(here)}, as expected, but does not open the vault's"
        " canary: the vault was changed, or belongs to another installation than the data."
    )


def _opens_what_it_wrapped(provider: KeyProvider, key_id: str, database: str) -> bool:
    """Tried on one organisation key, or a few data keys: one of those could be damaged by itself."""
    rows: list[VaultRow] = [
        *OrganisationKey.objects.using(database).filter(kek_id=key_id),
        *DataKey.objects.using(database).filter(kek_id=key_id).exclude(blob=None).order_by("id")[:_TRIED],
    ]
    return any(_opens(provider, row) for row in rows)


_TRIED = 10


def _opens(provider: KeyProvider, row: VaultRow) -> bool:
    try:
        open_record(provider, row)
    except (formats.Undecryptable, KeyUnavailable):
        return False
    return True
