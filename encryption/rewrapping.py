"""Every key of the vault under the active master key: so that an old one can be taken out of service.

Messages and files are not touched, only what wraps their keys. The keys stay what they are: servers that hold them in
memory notice nothing, and whoever reads a record finds it whole, under one master key or the other. Entries of the
shred ledger are signed anew: without the key that signed them nobody could follow them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from core import sql
from encryption import ledger, wiring
from encryption.canary import require_in_service
from encryption.formats import Undecryptable
from encryption.models import DataKey, DataKeyQuerySet, OrganisationKey, Shred, wrapping_key_ids
from encryption.providers import KeyProvider
from encryption.records import VaultRow, make_record, open_record

BATCH = 1000


@dataclass
class Rewrapped:
    """What a run has done: keys that were wrapped, entries of the ledger that were signed. `damaged` names the rows
    whose record does not open, `doubtful` what is wrong with entries that are not genuine: those are left as they are.
    """

    records: int = 0
    entries: int = 0
    damaged: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)


class _Change(NamedTuple):
    """A row as it was read, and what shall stand in its place."""

    row: VaultRow
    new: bytes


def rewrap(provider: KeyProvider, *, batch: int = BATCH) -> Iterator[Rewrapped]:
    """Wrap what is under any other master key under the active one, and sign what it signed in the ledger, at most
    `batch` rows at a time; what has been done so far, after each batch.

    A batch is one transaction with its audit entry (`keys.rewrapped`). The run may be killed at any moment: what was
    committed is done, and another run does the rest. Where there is nothing to do nothing is written. Servers and other
    runs may work meanwhile: a row that changed since it was read is left to whoever changed it.

    Raises KeyUnavailable when the master key of a row is not here, or the active one was retired.
    """
    done, target = Rewrapped(), provider.active_id()
    for source in sorted(wrapping_key_ids() - {target}):
        for rows in _wrapped_under(source, batch):
            done.records += _move(provider, rows, source, target, done.damaged)
            yield done
    for source in sorted(ledger.signed_under().keys() - {target}):
        for entries in ledger.signed_by(source, batch):
            done.entries += _sign(provider, entries, source, target, done.doubtful)
            yield done


def _wrapped_under(source: str, batch: int) -> Iterator[Sequence[VaultRow]]:
    if organisation := [*OrganisationKey.objects.filter(kek_id=source)]:
        yield organisation
    last = UUID(int=0)
    # Forwards by id: rows that stay as they are must not come again.
    while rows := [*_data_keys(source, last)[:batch]]:
        last = rows[-1].id
        yield rows


def _data_keys(source: str, after: UUID) -> DataKeyQuerySet:
    return DataKey.objects.filter(kek_id=source, id__gt=after).exclude(blob=None).order_by("id")


def _move(provider: KeyProvider, rows: Sequence[VaultRow], source: str, target: str, damaged: list[str]) -> int:
    changes = [*_changes(provider, rows, target, damaged)]
    if not changes:
        return 0
    with wiring.transaction():
        require_in_service(target)
        moved = _write(changes, target)
        if moved:
            wiring.record("keys.rewrapped", {"from": source, "to": target, "records": moved})
    return moved


def _changes(provider: KeyProvider, rows: Sequence[VaultRow], target: str, damaged: list[str]) -> Iterator[_Change]:
    for row in rows:
        try:
            yield _Change(row, make_record(provider, row, open_record(provider, row), target))
        except Undecryptable:
            damaged.append(str(row.pk))


def _sign(provider: KeyProvider, entries: Sequence[Shred], source: str, target: str, doubtful: list[str]) -> int:
    """Whoever signs the same entries at this moment writes the same."""
    flaws = {entry.position: ledger.flaw_of(provider, entry) for entry in entries}
    doubtful += [flaw for flaw in flaws.values() if flaw is not None]
    genuine = [entry for entry in entries if flaws[entry.position] is None]
    if not genuine:
        return 0
    for entry in genuine:
        ledger.sign(provider, entry)
    with wiring.transaction():
        require_in_service(target)
        Shred.objects.bulk_update(genuine, ["kek_id", "mac"])
        wiring.record("keys.rewrapped", {"from": source, "to": target, "records": 0, "entries": len(genuine)})
    return len(genuine)


def _write(changes: Sequence[_Change], target: str) -> int:
    """Compare and set: a row that was shredded meanwhile, or wrapped by another run, stays as it is."""
    data_keys = [change for change in changes if isinstance(change.row, DataKey)]
    if data_keys and connection.vendor == "postgresql":
        return _write_at_once(data_keys, target)
    return sum(
        type(change.row)
        ._default_manager.filter(pk=change.row.pk, blob=change.row.blob)
        .update(blob=change.new, kek_id=target)
        for change in changes
    )


_AT_ONCE = """
    UPDATE vault_data_key SET kek_id = %s, blob = change.new
    FROM unnest(%s::uuid[], %s::bytea[], %s::bytea[]) AS change (id, old, new)
    WHERE vault_data_key.id = change.id AND vault_data_key.blob = change.old
    RETURNING 1
"""


def _write_at_once(changes: Sequence[_Change], target: str) -> int:
    ids = [change.row.pk for change in changes]
    old, new = [bytes(change.row.blob or b"") for change in changes], [change.new for change in changes]
    return len(sql.fetch(_AT_ONCE, target, ids, old, new))
