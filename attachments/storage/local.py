"""Files in a folder of this machine: the default, as Django's FileSystemStorage has it, with stronger promises.

    DATA_DIR/files/3f/3fa1…          an object; folders 0700, files 0600
    DATA_DIR/files/3f/3fa1….part     one that is being written, or was when the process died

FileSystemStorage writes under the final name, so that a crash leaves half a file that looks whole. Here an object gets
its name when all of it is on the disk (fsync), and the name is on the disk before `write` returns. Several processes
may use the folder, on several machines if it is a shared one.

The disk may be the database's as well: STORAGE_KEEP_FREE bytes of it stay free, so that files alone never fill it.
"""

import errno
import os
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from attachments.storage.arriving import Arriving
from attachments.storage.contract import PART
from attachments.storage.store import Store


class LocalStore(Store):
    """Makes its folder when the process first opens it, and never again: a folder that goes away while the server runs
    was unmounted, and files shall not go to the disk below it meanwhile."""

    failures = (OSError,)

    def __init__(self) -> None:
        self._root: Path = settings.DATA_DIR / "files"
        with self._understood():
            self._root.mkdir(mode=0o700, exist_ok=True)

    def _put(self, key: str, arriving: Arriving) -> None:
        final, part = self._path(key), self._part(key)
        self._make_folder(final.parent)
        with _new_file(part) as file:
            try:
                _write_through(file.fileno(), arriving)
                part.rename(final)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
        _sync_folder(final.parent)

    def _get(self, key: str, start: int, stop: int) -> bytes:
        with self._path(key).open("rb", buffering=0) as file:
            file.seek(start)
            return _read_up_to(file.fileno(), stop - start)

    def _size(self, key: str) -> int:
        return self._path(key).stat().st_size

    def _remove(self, key: str) -> None:
        self._part(key).unlink(missing_ok=True)
        self._path(key).unlink()

    def _says_missing(self, error: Exception) -> bool:
        return isinstance(error, FileNotFoundError)

    def _place_is_there(self) -> bool:
        return self._root.is_dir()

    def _reason(self, error: Exception) -> str:
        number = error.errno if isinstance(error, OSError) else None
        return errno.errorcode.get(number or 0, "")

    def _path(self, key: str) -> Path:
        # By the first two digits: 256 folders, so that none grows too long to be listed.
        return self._root / key[:2] / key

    def _part(self, key: str) -> Path:
        return self._path(key).with_suffix(".part")

    def _make_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
            _sync_folder(self._root)


def _new_file(path: Path) -> BinaryIO:
    """Nobody else's to read, and not one that somebody else is writing."""
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb", buffering=0)


def _write_through(descriptor: int, arriving: Arriving) -> None:
    while block := arriving.read(PART):
        _require_room(descriptor)
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)


def _require_room(descriptor: int) -> None:
    """Looked at before each part: several uploads fill the disk together."""
    disk = os.fstatvfs(descriptor)
    if disk.f_bavail * disk.f_frsize < settings.STORAGE_KEEP_FREE:
        raise OSError(errno.ENOSPC, "less than STORAGE_KEEP_FREE is left")


def _read_up_to(descriptor: int, count: int) -> bytes:
    read = bytearray()
    while len(read) < count and (data := os.read(descriptor, count - len(read))):
        read += data
    return bytes(read)


def _sync_folder(folder: Path) -> None:
    """A name is on the disk when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
