"""Backups that lie beside each other in one folder."""

import re
import shutil
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from config.backups.manifest import Manifest, read, require_genuine
from config.backups.trouble import Trouble
from core.time import now

LONGEST_VAULT = 30
"""Days that a copy of the vault is kept at most: with it and the master key of its time, what was shredded since opens
again."""

_NAME = re.compile(r"parley-\d{8}T\d{6}Z-[0-9a-f]{8}")
_PART = re.compile(rf"\.{_NAME.pattern}\.part")
_DEAD_AFTER = 24 * 3600.0


def name_of(moment: datetime, random: str) -> str:
    return f"parley-{moment:%Y%m%dT%H%M%SZ}-{random}"


def part_of(name: str) -> str:
    """What it is called until all of it is there."""
    return f".{name}.part"


def beside(folder: Path) -> Iterator[tuple[Path, Manifest]]:
    """Every backup in the folder, the newest first. What is none is passed over."""
    found = []
    for path in folder.iterdir():
        if _NAME.fullmatch(path.name):
            try:
                found.append((path, read(path)))
            except Trouble:
                continue
    yield from sorted(found, key=lambda one: (one[1].growth, one[1].moment), reverse=True)


def newest_vault(of: Path, manifest: Manifest, vault_file: str, *, trusted: bool) -> Path:
    """The newest backup beside this one, or itself, that still has its vault and is of the same installation: by what
    it knows, and by the clock only among those that know as much. Raises Trouble when there is none."""
    for path, other in beside(of.parent):
        if other.org == manifest.org and other.is_as_new_as(manifest) and (path / vault_file).exists():
            require_genuine(path, other, trusted=trusted)
            return path
    if (of / vault_file).exists():
        return of
    raise Trouble(f"No backup in {of.parent} has a vault as new as these data: name one with --vault.")


def forget_vaults(made: Path, org: str, days: int) -> list[Path]:
    """Remove the vaults of backups of this installation beside the one just made, that are older than so many days;
    their data stay. Which they were."""
    before, gone = now() - timedelta(days=days), []
    for path, manifest in beside(made.parent):
        if path != made and manifest.org == org and manifest.moment < before:
            for vault in path.glob("vault.*"):
                vault.unlink()
                gone.append(path)
    return gone


def forget_parts(folder: Path) -> None:
    """Remove what is left of backups whose process died more than a day ago."""
    for path in folder.iterdir():
        if _PART.fullmatch(path.name) and path.stat().st_mtime < time.time() - _DEAD_AFTER:
            shutil.rmtree(path)
