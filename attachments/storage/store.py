"""The frame of all stores: what does not depend on who keeps the objects."""

import contextlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import BinaryIO, ClassVar

from attachments.storage.arriving import Arriving
from attachments.storage.contract import WINDOW, ObjectGone, StorageUnavailable, checked
from core.errors import AppError

log = logging.getLogger(__name__)


class Store(ABC):
    """An ObjectStore whose provider needs to know only how to put, get, measure and remove one object.

    Those four raise the provider's own exceptions. Here they get their meaning.
    """

    failures: ClassVar[tuple[type[Exception], ...]]
    """Every exception that says something about the provider or the way there. Others are defects."""

    def write(self, key: str, source: BinaryIO) -> None:
        """See ObjectStore."""
        arriving = Arriving(source)
        try:
            with self._understood(writing=True):
                self._put(checked(key), arriving)
        finally:
            if arriving.error is not None:
                raise arriving.error

    def read(self, key: str, start: int, stop: int) -> Iterator[bytes]:
        """See ObjectStore."""
        checked(key)
        for begin in range(start, stop, WINDOW):
            end = min(begin + WINDOW, stop)
            with self._understood():
                window = self._get(key, begin, end)
            found = len(window)
            if found:
                yield window
            del window  # nothing is held for whoever takes the next one late
            if found < end - begin:
                return

    def size(self, key: str) -> int:
        """See ObjectStore."""
        with self._understood():
            return self._size(checked(key))

    def delete(self, key: str) -> None:
        """See ObjectStore."""
        with contextlib.suppress(ObjectGone), self._understood():
            self._remove(checked(key))

    @abstractmethod
    def _put(self, key: str, arriving: Arriving) -> None:
        """Write all of it, or leave nothing that could be read."""

    @abstractmethod
    def _get(self, key: str, start: int, stop: int) -> bytes:
        """The bytes [start, stop), as far as there are any; `start` is less than `stop`."""

    @abstractmethod
    def _size(self, key: str) -> int: ...

    @abstractmethod
    def _remove(self, key: str) -> None:
        """Also what an interrupted `_put` left. May complain that there is no such object."""

    @abstractmethod
    def _says_missing(self, error: Exception) -> bool:
        """Whether the provider says that there is no such object (or no such place: it need not tell them apart)."""

    @abstractmethod
    def _place_is_there(self) -> bool:
        """Whether the folder, bucket or container as a whole is there."""

    @abstractmethod
    def _reason(self, error: Exception) -> str:
        """The provider's own short name for what went wrong, for the operator's log; never a name of an object."""

    @contextlib.contextmanager
    def _understood(self, *, writing: bool = False) -> Iterator[None]:
        try:
            yield
        except self.failures as error:
            raise self._meaning(error, writing) from error

    def _meaning(self, error: Exception, writing: bool) -> AppError:
        # Without its folder or bucket every object seems to be gone. That is an outage, and not a damaged file.
        try:
            if not writing and self._says_missing(error) and self._place_is_there():
                return ObjectGone()
        except self.failures as another:
            error = another
        log.warning("the storage of files failed: %s (%s)", type(error).__name__, self._reason(error) or "no reason")
        return StorageUnavailable()
