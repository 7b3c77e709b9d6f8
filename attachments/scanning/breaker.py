"""A circuit breaker: a clamd that does not answer is left alone for a while, and nobody waits for it meanwhile."""

import threading
import time

FAILURES = 3
PAUSE = 15.0


class Breaker:
    """Opens after FAILURES failures in a row. Then one attempt is let through every PAUSE seconds; the first that
    succeeds closes it. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self._failures = 0
            self._open_until = 0.0

    def allows(self) -> bool:
        """Whether to try now. While it is open this is the leave for one attempt, gone once it is given."""
        with self._lock:
            if self._failures < FAILURES:
                return True
            if time.monotonic() < self._open_until:
                return False
            self._open_until = time.monotonic() + PAUSE
            return True

    def succeeded(self) -> None:
        self.reset()

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            self._open_until = time.monotonic() + PAUSE


breaker = Breaker()
"""This process's."""
