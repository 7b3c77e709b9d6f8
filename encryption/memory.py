"""Unwrapped keys in memory: few, not for long, gone at once when told so, and never one that is not committed.

A key made in a transaction that has not committed must not enter the memory of the process. If the transaction rolls
back, its row is gone, another key may take its place, and what was sealed meanwhile under the remembered one could
never be opened again. Yet the rest of the same transaction needs it. So it hangs on the connection as a commit hook:
Django runs the hooks after COMMIT and drops them on a rollback, also of the savepoint they belong to. Other threads
have other connections and never see it.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import Generic, TypeVar

from django.db import connection, transaction

K = TypeVar("K")
V = TypeVar("V")


class KeyMemory(Generic[K, V]):
    """At most `size` keys, the least recently used leaving first, each for at most `seconds`. Safe between threads.

    Values are never None.
    """

    def __init__(self, size: int, seconds: float) -> None:
        self._size, self._seconds = size, seconds
        self._entries: OrderedDict[K, tuple[V, float]] = OrderedDict()
        self._lock = threading.Lock()
        self._generation = 0

    @property
    def generation(self) -> int:
        """Changes with every `forget`: take it before a read, hand it to `remember` with what was read."""
        return self._generation

    def get(self, key: K) -> V | None:
        """The value remembered, or made in the present transaction; None when there is neither."""
        value = self._committed(key)
        return self._made_here(key) if value is None else value

    def missing(self, keys: Iterable[K]) -> list[K]:
        """Those of `keys`, each once and in their order, that `get` does not find."""
        return [key for key in dict.fromkeys(keys) if self.get(key) is None]

    def remember(self, entries: Mapping[K, V], generation: int) -> None:
        """Keep what was read at `generation`, but for what was made in the present transaction and may still go.

        Nothing is kept if something was forgotten since: the read may be older than the reason to forget.
        """
        until = monotonic() + self._seconds
        committed = {key: value for key, value in entries.items() if self._made_here(key) is None}
        with self._lock:
            if generation != self._generation:
                return
            for key, value in committed.items():
                self._entries[key] = (value, until)
                self._entries.move_to_end(key)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def remember_on_commit(self, entries: Mapping[K, V]) -> None:
        """Keep what was made in the present transaction: until it ends for this transaction only, after COMMIT for all.
        Outside a transaction it is committed already, and kept at once."""
        transaction.on_commit(_Made(self, entries))

    def forget(self, concerns: Callable[[K], bool]) -> None:
        """Drop every key that `concerns` is true of."""
        with self._lock:
            self._generation += 1
            for key in [key for key in self._entries if concerns(key)]:
                del self._entries[key]

    def _committed(self, key: K) -> V | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            value, until = entry
            if monotonic() >= until:
                del self._entries[key]
                return None
            self._entries.move_to_end(key)
            return value

    def _made_here(self, key: K) -> V | None:
        for _, hook, *_ in reversed(connection.run_on_commit):
            if isinstance(hook, _Made) and hook.memory is self and key in hook.entries:
                value: V = hook.entries[key]
                return value
        return None


class _Made(Generic[K, V]):
    """The commit hook that carries keys of a transaction."""

    def __init__(self, memory: KeyMemory[K, V], entries: Mapping[K, V]) -> None:
        self.memory, self.entries = memory, entries
        self._generation = memory.generation

    def __call__(self) -> None:
        self.memory.remember(self.entries, self._generation)
