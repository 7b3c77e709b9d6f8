"""Reading a picture's structure while it streams by, and passing on what may stay.

A format is written down as a generator that takes, copies and skips bytes as if the whole file lay before it, and
stops by itself wherever the bytes end for now. Memory holds what arrived last and what was taken, never a file.
"""

from collections.abc import Generator
from typing import TypeVar

from attachments.inspection.passage import Passage
from attachments.inspection.refusals import Damaged, ImageTooLarge

T = TypeVar("T")
Steps = Generator[None, None, T]
"""Yields whenever it needs more bytes; returns a T."""

MOST_PIXELS = 100_000_000
"""Phones take 12 to 50 million unless they are asked for more; a browser holds 4 bytes for each while it shows them."""

MOST_STEPS = 250_000
"""Parts of a structure in one file. A picture of 50 MiB has about 200,000; one of four-byte comments, 12 million, each
of which would cost as much time as a kilobyte of pixels."""


class Cleaner(Passage):
    """A picture on its way: `update` and `finish` give what of it is stored. Subclasses write `_picture`.

    Nothing after the picture's own end is passed on. `width` and `height`, in pixels as stored, are known when the
    head has passed. Raises Damaged where the structure is broken or ends too early, ImageTooLarge.
    """

    def __init__(self) -> None:
        super().__init__()
        self._buffer = b""
        self._at = 0
        self._out: list[bytes] = []
        self._steps_left = MOST_STEPS
        self._ended = False
        self._done = False
        self._work = self._picture()

    def update(self, data: bytes) -> bytes:
        """What can be stored now of `data` and of what came before it."""
        if not self._done:
            self._buffer = self._buffer[self._at :] + data
            self._at = 0
            self._go_on()
        out = b"".join(self._out)
        self._out.clear()
        return out

    def finish(self) -> bytes:
        """The rest. Raises Damaged when the picture is not complete."""
        self._ended = True
        return self.update(b"")

    def _go_on(self) -> None:
        try:
            next(self._work)
        except StopIteration:
            self._done = True
            self._buffer = b""
            self._at = 0

    def _picture(self) -> Steps[None]:
        raise NotImplementedError

    # What a format's generator is written with.

    def _more(self) -> Steps[None]:
        """Waits for bytes; at the end of the file there are none to wait for."""
        if self._ended:
            raise Damaged
        yield

    def _in_hand(self) -> int:
        return len(self._buffer) - self._at

    def _take(self, count: int) -> Steps[bytes]:
        """The next `count` bytes, in memory: a small number that no file decides alone."""
        while self._in_hand() < count:
            yield from self._more()
        taken = self._buffer[self._at : self._at + count]
        self._at += count
        return taken

    def _copy(self, count: int) -> Steps[None]:
        """Passes `count` bytes on as they come."""
        yield from self._pass_by(count, kept=True)

    def _skip(self, count: int) -> Steps[None]:
        """Lets `count` bytes go."""
        yield from self._pass_by(count, kept=False)

    def _pass_by(self, count: int, *, kept: bool) -> Steps[None]:
        while count:
            if not self._in_hand():
                yield from self._more()
                continue
            part = self._buffer[self._at : self._at + count]
            self._at += len(part)
            count -= len(part)
            if kept:
                self._put(part)

    def _put(self, data: bytes) -> None:
        self._out.append(data)

    def _step(self) -> None:
        """One more part of the structure begins."""
        self._steps_left -= 1
        if self._steps_left < 0:
            raise Damaged("The picture is made of too many parts.")

    def _measure(self, width: int, height: int) -> None:
        """The size as the format's head tells it; raises Damaged, ImageTooLarge."""
        if not width or not height:
            raise Damaged
        self._bound(width, height)
        self.width, self.height = width, height

    def _bound(self, width: int, height: int) -> None:
        if width * height > MOST_PIXELS:
            raise ImageTooLarge(f"The picture has more than {MOST_PIXELS // 1_000_000} million pixels.")
