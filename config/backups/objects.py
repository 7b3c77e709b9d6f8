"""Files in the storage: what the rows of a backup know, and nothing else that lies there.

The local storage's objects are copied; on the same file system they are linked, which costs nothing, and is right
because an object is never changed once it has its name. Of a bucket there is a list of names and lengths: its provider
copies buckets better than anything here could (versioning, replication, `rclone`).
"""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import orjson
from django.conf import settings

from attachments.storage import ObjectGone, object_store
from attachments.storage.contract import PART, checked
from config.backups.engines import Snapshot
from config.backups.manifest import Objects, measured, new_file
from config.backups.trouble import Trouble

LIST, FOLDER = "objects.jsonl", "files"
_AT_ONCE = 8
_KNOWN = """
    SELECT storage_key, thumbnail_key FROM attachments_attachment
    WHERE gone_at IS NULL AND status NOT IN ('uploading', 'failed') ORDER BY id
"""


@dataclass
class Kept:
    """One object; without `sha256` its contents are not in the backup."""

    key: str
    bytes: int
    sha256: str = ""


def keep(folder: Path, snapshot: Snapshot, *, copied: bool) -> Objects:
    """Write the list of what the rows know, and with `copied` their contents beside it."""
    told = Objects(settings.STORAGE_PROVIDER, copied)
    if copied:
        (folder / FOLDER).mkdir(mode=0o700)
    look: Callable[[str], Kept | None] = (lambda key: _copied(folder, key)) if copied else _looked_at
    with new_file(folder / LIST) as file, ThreadPoolExecutor(1 if copied else _AT_ONCE) as pool:
        for (_, is_thumbnail), kept in _each(pool, look, _known(snapshot)):
            if kept is not None:
                file.write(orjson.dumps(asdict(kept), option=orjson.OPT_APPEND_NEWLINE))
                told.count += 1
                told.bytes += kept.bytes
            elif not is_thumbnail:  # of those there are not as many as there may be
                told.missing += 1
    return told


def listed(folder: Path) -> Iterator[Kept]:
    with (folder / LIST).open("rb") as file:
        for line in file:
            yield Kept(**orjson.loads(line))


def require_whole(folder: Path) -> None:
    """Raises Trouble unless every object that was copied is there, byte for byte."""
    for kept in listed(folder):
        path = _in(folder / FOLDER, kept.key)
        if not path.is_file() or measured(path).sha256 != kept.sha256:
            raise Trouble(f"{path} is missing, or not what was written.")


def restore(folder: Path) -> None:
    """Put the objects of a backup into the storage. Those that are there with the same length stay."""
    for kept in listed(folder):
        if settings.STORAGE_PROVIDER == "local":
            target = _in(_root(), kept.key)
            if not (target.exists() and target.stat().st_size == kept.bytes):
                _link(_in(folder / FOLDER, kept.key), target)
        elif _looked_at(kept.key) != Kept(kept.key, kept.bytes):
            with _in(folder / FOLDER, kept.key).open("rb") as source:
                object_store().write(kept.key, source)


def missing(folder: Path) -> int:
    """How many of the objects on the list are not in the storage now, or have another length."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda kept: _looked_at(kept.key) == Kept(kept.key, kept.bytes), listed(folder))
        return sum(not is_there for is_there in found)


def _known(snapshot: Snapshot) -> Iterator[tuple[str, bool]]:
    for storage_key, thumbnail_key in snapshot.rows(_KNOWN):
        yield storage_key, False
        if thumbnail_key is not None:
            yield thumbnail_key, True


def _each(
    pool: ThreadPoolExecutor, look: Callable[[str], Kept | None], known: Iterator[tuple[str, bool]]
) -> Iterator[tuple[tuple[str, bool], Kept | None]]:
    wanted = list(known)
    return zip(wanted, pool.map(lambda one: look(one[0]), wanted), strict=True)


def _looked_at(key: str) -> Kept | None:
    try:
        return Kept(key, object_store().size(key))
    except ObjectGone:
        return None


def _copied(folder: Path, key: str) -> Kept | None:
    """None for one that is not there: removed since the snapshot, or lost."""
    if settings.STORAGE_PROVIDER != "local":
        return _fetched(folder, key)
    target = _in(folder / FOLDER, key)
    try:
        _link(_in(_root(), key), target)
    except FileNotFoundError:
        return None
    found = measured(target)
    return Kept(key, found.bytes, found.sha256)


def _fetched(folder: Path, key: str) -> Kept | None:
    """One of a bucket, read through the storage."""
    target = _in(folder / FOLDER, key)
    target.parent.mkdir(mode=0o700, exist_ok=True)
    store, digest = object_store(), sha256()
    try:
        length = store.size(key)
        with new_file(target) as file:
            for part in store.read(key, 0, length):
                file.write(part)
                digest.update(part)
    except ObjectGone:
        return None
    return Kept(key, length, digest.hexdigest())


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without links
        with source.open("rb") as old, new_file(target) as new:
            shutil.copyfileobj(old, new, PART)


def _root() -> Path:
    return Path(settings.DATA_DIR) / FOLDER


def _in(root: Path, key: str) -> Path:
    """Where `attachments.storage.local` puts it."""
    return root / checked(key)[:2] / key
