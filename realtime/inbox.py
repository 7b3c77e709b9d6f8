"""How threads hand something to an event loop without waiting, and without one wake-up for each."""

import asyncio
from collections import deque
from collections.abc import Callable


class Inbox:
    """Actions for one loop, carried out in the order in which they came in."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._actions: deque[Callable[[], None]] = deque()
        self._called = False

    def bind(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Actions go to this loop; None drops them."""
        self._loop = loop
        self._actions.clear()
        self._called = False

    def put(self, action: Callable[[], None]) -> None:
        """Have the loop carry this out soon. From any thread; does nothing when there is no loop."""
        loop = self._loop
        if loop is None:
            return
        # Appended before the flag is read, and the flag is cleared before they are taken: none is left lying.
        self._actions.append(action)
        if not self._called:
            self._called = True
            try:
                loop.call_soon_threadsafe(self._carry_out)
            except RuntimeError:
                # The loop was closed a moment ago: the server is gone, and its sockets with it.
                self.bind(None)

    def _carry_out(self) -> None:
        self._called = False
        while self._actions:
            self._actions.popleft()()
