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
from typing import NamedTuple

import orjson
from django.conf import settings

from attachments.models import Attachment
from attachments.storage import ObjectGone, object_store
from attachments.storage.contract import PART, checked
from config.backups.engines import Snapshot
from config.backups.manifest import Objects, measured, new_file
from config.backups.trouble import Trouble

LIST, FOLDER = "objects.jsonl", "files"
_AT_ONCE = 8
_KNOWN = """
    SELECT storage_key, thumbnail_key, gone_at IS NOT NULL FROM attachments_attachment
    WHERE status NOT IN ('uploading', 'failed') ORDER BY id
"""


@dataclass
class Kept:
    """One object; without `sha256` its contents are not in the backup. `gone` is one that nobody can open any more and
    that is still there: because it will be removed in a moment, or because a legal hold keeps it."""

    key: str
    bytes: int
    sha256: str = ""
    gone: bool = False


class _Named(NamedTuple):
    """One that the rows name. Of thumbnails there are not as many as there may be, and what is gone may be removed."""

    key: str
    is_thumbnail: bool
    is_gone: bool


def keep(folder: Path, snapshot: Snapshot, *, copied: bool) -> Objects:
    """Write the list of what the rows know, and with `copied` their contents beside it."""
    told = Objects(settings.STORAGE_PROVIDER, copied)
    if copied:
        (folder / FOLDER).mkdir(mode=0o700)
    look: Callable[[str], Kept | None] = (lambda key: _copied(folder, key)) if copied else _looked_at
    with new_file(folder / LIST) as file, ThreadPoolExecutor(1 if copied else _AT_ONCE) as pool:
        for named, kept in _each(pool, look, _known(snapshot)):
            if kept is not None:
                kept.gone = named.is_gone
                file.write(orjson.dumps(asdict(kept), option=orjson.OPT_APPEND_NEWLINE))
                told.count += 1
                told.bytes += kept.bytes
            elif not (named.is_thumbnail or named.is_gone) and _is_named_still(named.key):
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
    """Put the objects of a backup into the storage. Those that are there stay, byte for byte as they were kept: one
    that was damaged has its length still."""
    for kept in listed(folder):
        source = _in(folder / FOLDER, kept.key)
        if _is_stored(kept):
            continue
        if settings.STORAGE_PROVIDER == "local":
            _link(source, _in(_root(), kept.key))
        else:
            with source.open("rb") as file:
                object_store().write(kept.key, file)


def missing(folder: Path) -> int:
    """How many of the objects on the list are not in the storage now, or have another length. What had gone is none of
    them: it may have been removed since."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        expected = (kept for kept in listed(folder) if not kept.gone)
        found = pool.map(lambda kept: _looked_at(kept.key) == Kept(kept.key, kept.bytes), expected)
        return sum(not is_there for is_there in found)


def unnamed() -> list[str]:
    """Names of objects in the folder of this machine that belong to no row: after a restore, those of files that came
    behind the backup. Nobody will ever open them, and nothing removes them."""
    if settings.STORAGE_PROVIDER != "local":
        return []
    known = Attachment.objects.values_list("storage_key", "thumbnail_key")
    return sorted({path.name for path in _root().glob("??/*")} - {key for keys in known.iterator() for key in keys})


def _is_named_still(key: str) -> bool:
    """Somebody may have deleted the file since the snapshot."""
    return Attachment.objects.filter(storage_key=key, gone_at=None).exists()


def _is_stored(kept: Kept) -> bool:
    if _looked_at(kept.key) != Kept(kept.key, kept.bytes):
        return False
    digest = sha256()
    for part in object_store().read(kept.key, 0, kept.bytes):
        digest.update(part)
    return digest.hexdigest() == kept.sha256


def _known(snapshot: Snapshot) -> Iterator[_Named]:
    for storage_key, thumbnail_key, is_gone in snapshot.rows(_KNOWN):
        yield _Named(storage_key, False, bool(is_gone))
        if thumbnail_key is not None:
            yield _Named(thumbnail_key, True, bool(is_gone))


def _each(
    pool: ThreadPoolExecutor, look: Callable[[str], Kept | None], known: Iterator[_Named]
) -> Iterator[tuple[_Named, Kept | None]]:
    wanted = list(known)
    return zip(wanted, pool.map(lambda named: look(named.key), wanted), strict=True)


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
