"""What stands between an upload and the storage for one kind of file. The plainest lets everything through."""

from collections.abc import Sequence

from attachments.inspection.kinds import Kind
from attachments.inspection.orientation import FIRST_SIDEWAYS, UPRIGHT


class Passage:
    """`update` and `finish` give what is to be stored of what came in; they raise UnsupportedFile as soon as they see
    why. `width` and `height` are those of a picture as it is stored, in pixels, None for everything else; `turned` is
    how it is to be shown (`orientation`)."""

    def __init__(self) -> None:
        self.width: int | None = None
        self.height: int | None = None
        self.turned = UPRIGHT

    def update(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""

    def shown_size(self) -> tuple[int | None, int | None]:
        """Width and height as people see it: half of the eight ways a picture can be stored lie on their side."""
        return (self.height, self.width) if self.turned >= FIRST_SIDEWAYS else (self.width, self.height)

    def narrow(self, kinds: Sequence[Kind]) -> Sequence[Kind]:
        """Which of `kinds` the whole file turned out to be, once it has passed; none of them is a refusal."""
        return kinds
