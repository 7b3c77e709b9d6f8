"""The last events of one stream, encoded: what every socket that lags reads from, so that none needs a queue."""

from collections import deque

MOST_EVENTS = 512
MOST_BYTES = 1 << 20


class Window:
    """Frames of the consecutive events `first` … `last`; empty while nothing happens, so that quiet streams cost
    little."""

    __slots__ = ("_bytes", "_frames", "last")

    def __init__(self, last: int) -> None:
        self.last = last
        self._frames: deque[bytes] = deque()
        self._bytes = 0

    @property
    def first(self) -> int:
        """The oldest seq it holds; `last + 1` when it holds none."""
        return self.last - len(self._frames) + 1

    def push(self, frame: bytes) -> None:
        """Take the frame of event `last + 1`, and let go of the oldest beyond 512 events or 1 MiB."""
        self._frames.append(frame)
        self._bytes += len(frame)
        self.last += 1
        while len(self._frames) > MOST_EVENTS or (self._bytes > MOST_BYTES and len(self._frames) > 1):
            self._bytes -= len(self._frames.popleft())

    def after(self, seq: int, up_to: int, most_bytes: int) -> tuple[bytes, int]:
        """The joined frames of `seq + 1` … at most `up_to`, and the seq of the last of them; at least one of them, and
        no more than fit in `most_bytes`. Raises LookupError when the window begins later."""
        skip = seq + 1 - self.first
        if skip < 0:
            raise LookupError(seq)
        taken: list[bytes] = []
        size = 0
        # By place: those asked for are nearly always the newest, and a deque is entered from its nearer end.
        for place in range(skip, min(skip + up_to - seq, len(self._frames))):
            frame = self._frames[place]
            size += len(frame)
            if taken and size > most_bytes:
                break
            taken.append(frame)
        return (taken[0] if len(taken) == 1 else b"".join(taken)), seq + len(taken)

    def clear(self) -> None:
        """Forget the frames; who needs them reads the database."""
        self._frames.clear()
        self._bytes = 0
