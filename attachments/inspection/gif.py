"""GIF (87a, 89a) without what was told about it: pictures, their timing and the number of loops stay.

Comments, plain texts, XMP and what other programs put into application blocks go, and so does what follows the end:
a file that is a picture and a script at once keeps its script there.
"""

from attachments.inspection.flow import Cleaner, Steps
from attachments.inspection.refusals import Damaged

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_CONTROL, _APPLICATION = 0xF9, 0xFF
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_CONTROL_BYTES, _LOOPS_BYTES = 4, 3


class GifCleaner(Cleaner):
    def __init__(self) -> None:
        super().__init__()
        self._has_image = False

    def _picture(self) -> Steps[None]:
        yield from self._head()
        while (kind := (yield from self._introducer())) != _TRAILER:
            self._step()
            if kind == _IMAGE:
                yield from self._image()
            elif kind == _EXTENSION:
                yield from self._extension()
            else:
                raise Damaged
        if not self._has_image:
            raise Damaged
        self._put(bytes([_TRAILER]))

    def _introducer(self) -> Steps[int]:
        """What comes next. Many files lack the trailer: an end between two blocks is taken for it."""
        while not self._in_hand():
            if self._ended:
                return _TRAILER
            yield
        return (yield from self._take(1))[0]

    def _head(self) -> Steps[None]:
        head = yield from self._take(13)
        if head[:6] not in (b"GIF87a", b"GIF89a"):
            raise Damaged
        self._measure(int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little"))
        self._put(head)
        yield from self._colours(head[10])

    def _colours(self, flags: int) -> Steps[None]:
        if flags & 0x80:
            yield from self._copy(3 << ((flags & 7) + 1))

    def _image(self) -> Steps[None]:
        descriptor = yield from self._take(9)
        left, top, width, height = (int.from_bytes(descriptor[at : at + 2], "little") for at in range(0, 8, 2))
        self._bound(left + width, top + height)  # decoders enlarge the screen for a picture that lies outside of it
        self._put(bytes([_IMAGE]) + descriptor)
        yield from self._colours(descriptor[8])
        yield from self._copy(1)  # how many bits a code begins with
        yield from self._blocks(kept=True)
        self._has_image = True

    def _extension(self) -> Steps[None]:
        label = (yield from self._take(1))[0]
        if label == _CONTROL:
            yield from self._one_block(bytes([_EXTENSION, label]), _CONTROL_BYTES)
        elif label == _APPLICATION:
            yield from self._application()
        else:
            yield from self._blocks(kept=False)

    def _application(self) -> Steps[None]:
        size = (yield from self._take(1))[0]
        name = yield from self._take(size)
        if name in _LOOPS:
            yield from self._one_block(bytes([_EXTENSION, _APPLICATION, size]) + name, _LOOPS_BYTES)
        elif size:
            yield from self._blocks(kept=False)

    def _one_block(self, before: bytes, size: int) -> Steps[None]:
        """`before` and the one block of `size` bytes that belongs behind it; in another, or in a further one, anything
        could be written."""
        found = (yield from self._take(1))[0]
        block = yield from self._take(found)
        if found == size:
            self._put(before + bytes([size]) + block + b"\0")
        if found:
            yield from self._blocks(kept=False)

    def _blocks(self, *, kept: bool) -> Steps[None]:
        """Data in blocks of up to 255 bytes, each with its length before it, and one of length 0 at the end."""
        while True:
            self._run_of_blocks(kept=kept)
            self._step()
            size = (yield from self._take(1))[0]
            if kept:
                self._put(bytes([size]))
            if not size:
                return
            yield from self._pass_by(size, kept=kept)

    def _run_of_blocks(self, *, kept: bool) -> None:
        """The same for those that are there completely, without a generator for each: there are 4,000 in a MiB."""
        buffer, at = self._buffer, self._at
        while at < len(buffer) and (size := buffer[at]) and at + size < len(buffer):
            self._step()
            at += size + 1
        if kept and at > self._at:
            self._put(buffer[self._at : at])
        self._at = at
