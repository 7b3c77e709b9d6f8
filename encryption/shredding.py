"""Crypto-shredding: keys of a conversation are destroyed, and what was sealed under them is lost wherever a copy lies.

    with audit.transaction():
        shred(conversation_id, None, reason=REQUESTED)          everything of it; or the numbers of some epochs

That is true of copies of the data as long as no copy of the vault with those keys is left: `docs/shredding.md`.

Each act is an entry of a ledger (`Shred`) in the vault. The data remember up to which entry they have carried out what
follows from it (`Installation.shreds_applied`). An older copy of the data that was restored beside the present vault
therefore knows that it is behind, and catches up before anybody is served (`replay`). Other packages say what follows:

    shredding.consequences.append(forget_it)        an entry → their rows; must bear a repeat

Only a genuine entry is carried out (`encryption.ledger`).
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction
from django.db.models import Max

from core.time import now
from encryption import ledger
from encryption.canary import require_in_service
from encryption.keyring import keyring
from encryption.models import DataKey, DataKeyState, Installation, Shred
from encryption.providers import KeyProvider

log = logging.getLogger(__name__)

REQUESTED = "requested"
"""Somebody who may decided so."""

RETENTION = "retention"
"""Everything that was sealed under it has been removed."""

RESTORED = "restored"
"""It had been destroyed before, and an older copy of the vault brought it back."""

consequences: list[Callable[[Shred], None]] = []
"""What follows from an entry in the tables of other packages, each called in one transaction with the others. They hand
it over at start-up, and must bear a repeat."""

lost: list[Callable[[], Iterable[UUID]]] = []
"""Conversations that other packages know to be shredded, whatever the vault says."""

came_back: list[Callable[[], None]] = []
"""What other packages note when an older vault may have brought keys of single epochs back, so that those which open
nothing are destroyed again. Each called in one transaction with the others."""


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

    Raises ImproperlyConfigured when the ledger was altered, or an entry to be carried out is under a master key that is
    not here: nobody may be served then.

    Where the ledger is the shorter one, the vault is older than the data, and keys that were destroyed may be back:
    those of conversations that are known to be shredded, or are no more, are destroyed again. Those of single epochs
    are by the next run of retention, which looks for keys that open nothing.
    """
    done = 0
    while is_behind():
        with transaction.atomic():
            here = _locked()
            entry = Shred.objects.filter(position__gt=here.shreds_applied).order_by("position").first()
            if entry is None:
                log.warning("the shred ledger ends before entry %d, which was carried out here", here.shreds_applied)
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
    applied = Installation.objects.get().shreds_applied  # first: meanwhile both may grow
    if (last := _last_position()) < applied:
        yield (
            f"The shred ledger ends with entry {last}, and the data have followed it to entry {applied}: entries were"
            " taken away, or the vault is older than the data."
        )
    for entry in Shred.objects.order_by("position").iterator():
        expected += 1
        if entry.position != expected:
            yield f"The shred ledger has a gap before entry {entry.position}."
            expected = entry.position
        if flaw := ledger.flaw_of(_provider(), entry):
            yield flaw
        elif _opens(entry):
            yield f"Entry {entry.position} of the shred ledger names a key that is still there."


def _enter(conversation_id: UUID, epochs: Collection[int | None], reason: str) -> list[Shred]:
    """Entries at the end of the ledger, whose consequences the caller carries out in the same transaction."""
    if not epochs:
        return []
    here, last, moment = _locked(), _last_position(), now()
    _require_sound_end(here)
    require_in_service(_provider().active_id())
    entries = [
        Shred(position=last + number, conversation=conversation_id, epoch=epoch, reason=reason, at=moment)
        for number, epoch in enumerate(epochs, start=1)
    ]
    for entry in entries:
        ledger.sign(_provider(), entry)
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
            shred(conversation_id, None, reason=RESTORED)  # also when its key is not back: its entry is gone
    for note in came_back:
        note()


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
    if flaw := ledger.flaw_of(_provider(), entry):
        raise ImproperlyConfigured(
            f"{flaw} Nothing is destroyed on its word: put the key back if one is missing, else restore the newest copy"
            " of the vault."
        )


def _require_sound_end(here: Installation) -> None:
    """Behind what somebody else wrote nothing is entered: it can be taken away as long as it is the last."""
    last = Shred.objects.filter(position__gt=here.shreds_applied).order_by("position").last()
    if last is not None:
        _require_genuine(last, last.position)


def _opens(entry: Shred) -> bool:
    keys = DataKey.objects.filter(conversation=entry.conversation, created_at__lte=entry.at).exclude(blob=None)
    return (keys if entry.epoch is None else keys.filter(epoch=entry.epoch)).exists()


def _provider() -> KeyProvider:
    return keyring().provider
