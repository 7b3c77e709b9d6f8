"""Data keys: one per conversation and period, wrapped in the vault, unwrapped in memory for a minute."""

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from core.errors import AppError, KeyUnavailable, Shredded
from encryption import formats
from encryption.canary import require_in_service
from encryption.memory import KeyMemory
from encryption.models import DataKey, DataKeyState
from encryption.periods import current_period
from encryption.providers import KeyProvider
from encryption.records import make_record, open_record

KEYS_IN_MEMORY = 1024
SECONDS_IN_MEMORY = 60.0

Unwrapped = bytes | type[AppError]
"""A key, or the error that using it raises. One damaged key must not spoil the page or the group it is loaded with."""


class CurrentKey(NamedTuple):
    """The key for new values of a conversation, as long as the period is not later than `period`."""

    epoch: int
    period: str
    key: Unwrapped


class DataKeys:
    """The data keys of all conversations.

    Unwrapped keys are in the memory of this process only, at most 1,024 and for at most 60 s, so that a destroyed key
    is gone from every process within a minute, told or not. What is not in memory is read from the database: not to be
    called on an event loop.
    """

    def __init__(self, provider: KeyProvider) -> None:
        self._provider = provider
        self._keys: KeyMemory[tuple[UUID, int], Unwrapped] = KeyMemory(KEYS_IN_MEMORY, SECONDS_IN_MEMORY)
        self._current: KeyMemory[UUID, CurrentKey] = KeyMemory(KEYS_IN_MEMORY, SECONDS_IN_MEMORY)

    def current(self, conversation: UUID) -> tuple[int, bytes]:
        """Epoch and key for new values now; made when this is the conversation's first of the period.

        Making one needs the conversation's lock in the caller's transaction. Without it two may be made at once; the
        database then refuses the second with IntegrityError. Raises Undecryptable when the present key is damaged: no
        other takes its place unnoticed.
        """
        known = self._known_current(conversation, current_period()) or self.prepare([conversation])[conversation]
        return known.epoch, _usable(known.key)

    def of_epoch(self, conversation: UUID, epoch: int) -> bytes:
        """The key of an epoch. Raises Shredded when it was destroyed, Undecryptable when it is damaged or never was."""
        place = (conversation, epoch)
        key = self._keys.get(place)
        if key is None:
            key = self._load([place]).get(place, formats.Undecryptable)
        return _usable(key)

    def preload(self, epochs: Iterable[tuple[UUID, int]]) -> None:
        """Bring the keys of these conversations and epochs into memory: one query, none when they are there."""
        if missing := self._keys.missing(epochs):
            self._load(missing)

    def preload_newest(self, conversations: Iterable[UUID]) -> None:
        """Bring the newest key of each conversation into memory: one query, none when they are there."""
        if missing := self._current.missing(conversations):
            self._load_newest(missing)

    def prepare(self, conversations: Iterable[UUID]) -> dict[UUID, CurrentKey]:
        """The key for new values now of each conversation, made where there is none yet.

        No query when all are in memory, one when they exist, three when some are made: then the caller holds the locks
        of those conversations in a transaction. Raises KeyUnavailable when one is to be made, and the active master key
        was retired.
        """
        period = current_period()
        known = {conversation: self._known_current(conversation, period) for conversation in conversations}
        ready = {conversation: key for conversation, key in known.items() if key is not None}
        if len(ready) < len(known):
            newest = self._load_newest([conversation for conversation in known if conversation not in ready])
            ready |= {row.conversation: key for row, key in newest.values() if row.seals_in(period)}
            latest = {conversation: row.epoch for conversation, (row, _) in newest.items()}
            due = {conversation: latest.get(conversation, 0) + 1 for conversation in known if conversation not in ready}
            ready |= self._make(due, period)
        return ready

    def forget(self, conversation: UUID) -> None:
        """Drop every key of the conversation from memory, also what another thread is just reading."""
        self._keys.forget(lambda place: place[0] == conversation)
        self._current.forget(lambda key: key == conversation)

    def _known_current(self, conversation: UUID, period: str) -> CurrentKey | None:
        known = self._current.get(conversation)
        return known if known is not None and period <= known.period else None

    def _load(self, epochs: Iterable[tuple[UUID, int]]) -> dict[tuple[UUID, int], Unwrapped]:
        generation = self._keys.generation
        rows = DataKey.objects.of_epochs(epochs)
        keys = {(row.conversation, row.epoch): self._unwrap(row) for row in rows}
        self._keys.remember(_lasting(keys), generation)
        return keys

    def _load_newest(self, conversations: Iterable[UUID]) -> dict[UUID, tuple[DataKey, CurrentKey]]:
        generations = self._keys.generation, self._current.generation
        newest = {
            row.conversation: (row, CurrentKey(row.epoch, row.period, self._unwrap(row)))
            for row in DataKey.objects.newest_of(conversations)
        }
        keys = _lasting({(row.conversation, row.epoch): current.key for row, current in newest.values()})
        self._keys.remember(keys, generations[0])
        usable = {
            row.conversation: current
            for row, current in newest.values()
            if row.state == DataKeyState.ACTIVE and (row.conversation, row.epoch) in keys
        }
        self._current.remember(usable, generations[1])
        return newest

    def _make(self, epochs: Mapping[UUID, int], period: str) -> dict[UUID, CurrentKey]:
        keys = {(conversation, epoch): os.urandom(formats.KEY_BYTES) for conversation, epoch in epochs.items()}
        if not keys:
            return {}
        require_in_service(self._provider.active_id())
        DataKey.objects.bulk_create(self._row(*place, period, key) for place, key in keys.items())
        current = {conversation: CurrentKey(epoch, period, key) for (conversation, epoch), key in keys.items()}
        self._keys.remember_on_commit(keys)
        self._current.remember_on_commit(current)
        return current

    def _row(self, conversation: UUID, epoch: int, period: str, key: bytes) -> DataKey:
        kek_id = self._provider.active_id()
        row = DataKey(conversation=conversation, epoch=epoch, period=period, kek_id=kek_id)
        row.blob = make_record(self._provider, row, key, kek_id)
        return row

    def _unwrap(self, row: DataKey) -> Unwrapped:
        if row.blob is None:
            return Shredded
        try:
            return open_record(self._provider, row)
        except (formats.Undecryptable, KeyUnavailable) as error:
            return type(error)


def _usable(key: Unwrapped) -> bytes:
    if isinstance(key, bytes):
        return key
    raise key


def _lasting(keys: Mapping[tuple[UUID, int], Unwrapped]) -> dict[tuple[UUID, int], Unwrapped]:
    """Without those that may be there a moment later: an unreachable key service is asked again."""
    return {place: key for place, key in keys.items() if key is not KeyUnavailable}
