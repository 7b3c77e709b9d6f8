"""What is dear to find out is asked once in a while, however many look."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import OperationalError

T = TypeVar("T")


class Remembered(Generic[T]):
    """What `ask` said at most `fresh_for` seconds ago, for threads. Of those who come at once one asks.

    That the database did not answer is remembered too: who looks while it is busy must not make it busier.
    """

    def __init__(self, ask: Callable[[], T], fresh_for: float) -> None:
        self._ask, self._fresh_for = ask, fresh_for
        self._asking = threading.Lock()
        self._until = 0.0
        self._found: list[T] = []
        self._failure: OperationalError | None = None

    def get(self) -> T:
        """Raises OperationalError while the database does not answer."""
        with self._asking:
            if time.monotonic() >= self._until:
                self._refresh()
                self._until = time.monotonic() + self._fresh_for
            if self._failure is not None:
                raise self._failure
            return self._found[0]

    def _refresh(self) -> None:
        self._failure = None
        try:
            self._found = [self._ask()]
        except OperationalError as error:
            self._failure = error

    def forget(self) -> None:
        """The next one asks anew."""
        self._until = 0.0
