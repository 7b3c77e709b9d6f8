"""Rows of the vault: a key wrapped by a master key, and bound to the row it stands in."""

from encryption import formats
from encryption.models import DataKey, OrganisationKey
from encryption.providers import KeyProvider

VaultRow = DataKey | OrganisationKey


def open_record(provider: KeyProvider, row: VaultRow) -> bytes:
    """The key in `row`. Raises Undecryptable when the record was altered, moved here from elsewhere, or wrapped by
    another key than the one its id names now; KeyUnavailable when that one cannot be had."""
    wrapped = formats.wrapped_in_record(row.record_type, bytes(row.blob or b""))
    return provider.unwrap(row.kek_id, wrapped, row.bound_to(row.kek_id))


def make_record(provider: KeyProvider, row: VaultRow, key: bytes, kek_id: str) -> bytes:
    """What `row` stores, together with `kek_id`, to hold `key`."""
    return row.record_type + provider.wrap(kek_id, key, row.bound_to(kek_id))
