"""Crypto-shredding: keys of a conversation are destroyed, and what was sealed under them is lost wherever a copy lies.

    with audit.transaction():
        shred(conversation_id, None, reason=REQUESTED)          everything of it; or the numbers of some epochs

That is true of copies of the data as long as no copy of the vault with those keys is left: `docs/shredding.md`.

Each act is an entry of a ledger (`Shred`) in the vault. The data remember up to which entry they have carried out what
follows from it (`Installation.shreds_applied`). An older copy of the data that was restored beside the present vault
therefore knows that it is behind, and catches up before anybody is served (`replay`). Other packages say what follows:

    shredding.consequences.append(forget_it)        an entry → their rows; must bear a repeat

An entry's mac is HMAC-SHA256 under a key derived from the master key for this alone (HKDF-Expand, RFC 5869, info
"mx/shred/1") over the whole row: nobody who has only the database can have a server destroy what it should keep.
"""

import hmac
import logging
from collections.abc import Callable, Collection, Iterator
from functools import partial
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.models import Count, Max

from core.errors import KeyUnavailable
from core.time import now
from encryption import formats
from encryption.keyring import keyring
from encryption.models import DataKey, DataKeyState, Installation, Shred, installation
from encryption.providers import KeyProvider

log = logging.getLogger(__name__)

REQUESTED = "requested"
"""Somebody who may decided so."""

RETENTION = "retention"
"""Everything that was sealed under it has been removed."""

RESTORED = "restored"
"""It had been destroyed before, and an older copy of the vault brought it back."""

_MAC_INFO = b"mx/shred/1"
_WHOLE = 0
"""In the mac, for an entry about all epochs: none has that number."""

consequences: list[Callable[[Shred], None]] = []
"""What follows from an entry in the tables of other packages, each called in one transaction with the others. They hand
it over at start-up, and must bear a repeat."""

lost: list[Callable[[], Iterator[UUID]]] = []
"""Conversations that other packages know to be shredded, whatever the vault says."""


def _nobody(conversation_id: UUID) -> None:
    """There is only this process."""


tell_others: Callable[[UUID], None] = _nobody
"""Have the other processes drop the conversation's keys at once; they do within a minute anyway. By realtime."""


def shred(conversation_id: UUID, epochs: Collection[int] | None, *, reason: str) -> list[Shred]:
    """Destroy these epochs' keys of a conversation, None all of them; returns the entries, none for what was gone.

    In the caller's transaction, with the conversation's lock: from its commit on nothing sealed under them opens. The
    keys leave the memory of this process at once, of the others when they hear of it and within a minute at most.
    """
    keys = DataKey.objects.filter(conversation=conversation_id).exclude(state=DataKeyState.SHREDDED)
    if epochs is None:
        places: list[int | None] = [None]
        if not keys.exists() and Shred.objects.filter(conversation=conversation_id, epoch=None).exists():
            return []
    else:
        keys = keys.filter(epoch__in=epochs)
        places = [*keys.order_by("epoch").values_list("epoch", flat=True)]
    entries = _enter(conversation_id, places, reason)
    keys.update(state=DataKeyState.SHREDDED, blob=None)
    _forget_on_commit(conversation_id)
    return entries


def is_behind() -> bool:
    """Whether the ledger knows of something that this database has not carried out, or the other way round: then
    nobody is to be served before `replay`. One query."""
    applied = Installation.objects.values_list("shreds_applied", flat=True).first()
    return applied is not None and applied != _last_position()


def replay() -> int:
    """Carry out what this database has not; returns how many entries that were. A repeat does nothing.

    Raises ImproperlyConfigured when the ledger was altered: nobody may be served then.

    Where the ledger is the shorter one, the vault is older than the data, and keys that were destroyed may be back:
    those of conversations that are known to be shredded are destroyed again. Those of single epochs are by the next run
    of retention, which finds them without anything that they open.
    """
    done = 0
    while is_behind():
        with transaction.atomic():
            here = _locked()
            entry = Shred.objects.filter(position__gt=here.shreds_applied).order_by("position").first()
            if entry is None:
                _shred_again()
                _move(_last_position())
                break
            _require_genuine(entry, here.shreds_applied + 1)
            _carry_out(entry)
            _move(entry.position)
        done += 1
    return done


def catch_up() -> None:
    """The same before a process serves or works, said in the log."""
    if done := replay():
        log.warning("%d entries of the shred ledger were carried out again", done)


def flaws() -> Iterator[str]:
    """What is wrong with the ledger, each in a sentence; nothing while it is whole."""
    expected = 0
    for entry in Shred.objects.order_by("position").iterator():
        expected += 1
        if entry.position != expected:
            yield f"The shred ledger has a gap before entry {entry.position}."
            expected = entry.position
        if not _is_genuine(entry):
            yield f"Entry {entry.position} of the shred ledger is not what was written."
        elif _opens(entry):
            yield f"Entry {entry.position} of the shred ledger names a key that is still there."


def signed_under() -> dict[str, int]:
    """How many entries there are under each master key: that one is needed to tell that they are genuine."""
    counted = Shred.objects.values_list("kek_id").annotate(n=Count("*")).order_by("kek_id")
    return dict(counted)


def _enter(conversation_id: UUID, epochs: Collection[int | None], reason: str) -> list[Shred]:
    """Entries at the end of the ledger, whose consequences the caller carries out in the same transaction."""
    if not epochs:
        return []
    here, last, moment = _locked(), _last_position(), now()
    entries = [
        Shred(
            position=last + number,
            conversation=conversation_id,
            epoch=epoch,
            reason=reason,
            at=moment,
            kek_id=_provider().active_id(),
        )
        for number, epoch in enumerate(epochs, start=1)
    ]
    for entry in entries:
        entry.mac = _mac(entry)
    Shred.objects.bulk_create(entries)
    if here.shreds_applied == last:  # else the replay comes to these as well
        _move(entries[-1].position)
    return entries


def _carry_out(entry: Shred) -> None:
    """Once more: the keys first, because an older vault may have brought them back."""
    keys = DataKey.objects.filter(conversation=entry.conversation)
    if entry.epoch is not None:
        keys = keys.filter(epoch=entry.epoch)
    keys.filter(created_at__lte=entry.at).update(state=DataKeyState.SHREDDED, blob=None)
    _forget_on_commit(entry.conversation)
    for follow in consequences:
        follow(entry)


def _shred_again() -> None:
    for find in lost:
        for conversation_id in find():
            if DataKey.objects.filter(conversation=conversation_id).exclude(blob=None).exists():
                shred(conversation_id, None, reason=RESTORED)


def _locked() -> Installation:
    """The one row, locked until the end of the transaction: entries are made and carried out one after the other."""
    if not connection.in_atomic_block:
        raise RuntimeError("keys are destroyed in the transaction that says why")
    return Installation.objects.select_for_update().get()


def _last_position() -> int:
    return Shred.objects.aggregate(last=Max("position"))["last"] or 0


def _move(position: int) -> None:
    Installation.objects.update(shreds_applied=position)


def _forget_on_commit(conversation_id: UUID) -> None:
    transaction.on_commit(partial(keyring().forget, conversation_id), robust=True)
    transaction.on_commit(lambda: tell_others(conversation_id), robust=True)


def _require_genuine(entry: Shred, position: int) -> None:
    if entry.position != position:
        raise ImproperlyConfigured(
            f"The shred ledger has no entry {position}: restore the newest copy of the vault, whole."
        )
    if not _is_genuine(entry):
        raise ImproperlyConfigured(
            f"Entry {entry.position} of the shred ledger is not what was written: restore the newest copy of the vault."
        )


def _is_genuine(entry: Shred) -> bool:
    """An entry under a master key that is gone cannot be judged, and counts: what it can do is destroy."""
    try:
        return hmac.compare_digest(bytes(entry.mac), _mac(entry))
    except KeyUnavailable:
        log.warning("entry %d of the shred ledger is under a master key that is not here", entry.position)
        return True


def _opens(entry: Shred) -> bool:
    keys = DataKey.objects.filter(conversation=entry.conversation, created_at__lte=entry.at).exclude(blob=None)
    return (keys if entry.epoch is None else keys.filter(epoch=entry.epoch)).exists()


def _mac(entry: Shred) -> bytes:
    key = _provider().derive(entry.kek_id, _MAC_INFO)
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


def _provider() -> KeyProvider:
    return keyring().provider
