"""The four places where files can lie, each as a test sees it: from Parley's side, and from a thief's."""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import BinaryIO, cast

import pytest
from pytest_django import Settings

from attachments.storage import forget_store
from tests.peers.storage import StoragePeer

AGAIN = [pytest.param(provider, marks=pytest.mark.thorough) for provider in ("azure", "gcs")]
"""The stores for which everyday's two others speak: they keep the same promises through the same code."""

PROVIDERS = ["local", "s3", *AGAIN]


class Place(ABC):
    @abstractmethod
    def contents(self) -> dict[str, bytes]:
        """Every object that is there, by its name."""

    @abstractmethod
    def unfinished(self) -> list[str]:
        """What was begun and is kept without being an object."""

    @abstractmethod
    def vanish(self) -> None:
        """The folder, bucket or container is gone, with all that is in it."""


class Folder(Place):
    def __init__(self, path: Path) -> None:
        self.path = path

    def contents(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.path.glob("*/*") if path.suffix != ".part"}

    def unfinished(self) -> list[str]:
        return [path.name for path in self.path.rglob("*.part")]

    def vanish(self) -> None:
        rmtree(self.path)


class Bucket(Place):
    def __init__(self, peer: StoragePeer) -> None:
        self.peer, self.name = peer, f"files-{secrets.token_hex(4)}"
        peer.make_bucket(self.name)

    def contents(self) -> dict[str, bytes]:
        return self.peer.names_and_bytes(self.name)

    def unfinished(self) -> list[str]:
        return self.peer.unfinished(self.name)

    def vanish(self) -> None:
        self.peer.remove_bucket(self.name)


@contextmanager
def stored_there(changes: dict[str, str], settings: Settings) -> Iterator[None]:
    """Files go where these settings say."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in changes.items():
            if hasattr(settings, name):
                setattr(settings, name, value)
            else:  # a variable of a provider's own library
                patch.setenv(name, value)
        forget_store()
        yield
        forget_store()


@contextmanager
def place_of(provider: str, settings: Settings, folder: Path, peers: Callable[[str], StoragePeer]) -> Iterator[Place]:
    if provider == "local":
        settings.DATA_DIR = folder
        with stored_there({"STORAGE_PROVIDER": "local"}, settings):
            yield Folder(folder / "files")
    else:
        bucket = Bucket(peers(provider))
        with stored_there(bucket.peer.settings(bucket.name), settings):
            yield bucket


class Stream:
    """A source that has nothing but `read`, and gives a little at a time."""

    def __init__(self, content: bytes, *, at_once: int = 65_521, then: Callable[[], object] | None = None) -> None:
        self._content, self._at_once, self._then = content, at_once, then
        self._place = 0

    def read(self, size: int = -1, /) -> bytes:
        end = self._place + (self._at_once if size < 0 else min(size, self._at_once))
        data, self._place = self._content[self._place : end], end
        if not data and self._then is not None:
            self._then()
        return data


def stream(content: bytes, *, at_once: int = 65_521, then: Callable[[], object] | None = None) -> BinaryIO:
    """`then` happens when all of `content` has been read: it may raise."""
    return cast(BinaryIO, Stream(content, at_once=at_once, then=then))
