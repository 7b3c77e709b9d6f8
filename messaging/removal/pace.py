"""Removal takes its time, so that nobody who waits for a conversation notices."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

BATCH = 1000
"""Messages in one transaction."""

_REST = 1.0
"""How many times as long as a batch took is rested afterwards: half of the time belongs to everybody else."""

_LONGEST_REST = 1.0


class Pace:
    """`with pace.work(): …` for each batch; `pace.rest()` before the next."""

    def __init__(self) -> None:
        self._took = 0.0

    @contextmanager
    def work(self) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._took = time.monotonic() - began

    def rest(self) -> None:
        time.sleep(min(self._took * _REST, _LONGEST_REST))
        self._took = 0.0
