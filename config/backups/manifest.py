"""The manifest of a backup: what is in it, of when, and which master keys open it.

Signed with HMAC-SHA256 under a key derived from the master key for this alone (HKDF-Expand, RFC 5869, info
"mx/backup/1"): whoever can write where backups lie cannot have somebody restore accounts and rights of their making.
"""

import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from config.backups.trouble import Trouble
from core.errors import KeyUnavailable
from encryption.keyring import keyring

NAME = "manifest.json"
FORMAT = "parley-backup/1"
_INFO = b"mx/backup/1"
_BLOCK = 1 << 20


@dataclass
class Dumped:
    """A file of the backup."""

    bytes: int
    sha256: str


@dataclass
class Objects:
    """Files in the storage that the rows know, as far as this backup has them. `copied` tells whether their contents
    are here, or only their names. `missing` were not in the storage."""

    provider: str
    copied: bool
    count: int = 0
    bytes: int = 0
    missing: int = 0


@dataclass
class MasterKey:
    """A master key that the vault knows. `needed` to open it or to follow its ledger; others only verify the log."""

    fingerprint: str
    needed: bool


@dataclass
class Manifest:
    """`shreds` is the last position of the ledger in the vault, `shreds_applied` how far the data had followed it.
    `erased` are people who had been erased, each with whether their medical record went as well."""

    id: str
    made_at: str
    engine: str
    versions: dict[str, str]
    org: str
    epoch: str
    shreds: int
    shreds_applied: int
    migrations: list[str]
    data: dict[str, int]
    vault: dict[str, int]
    files: dict[str, Dumped]
    objects: Objects
    master_keys: dict[str, MasterKey]
    erased: dict[str, bool]
    format: str = FORMAT
    signed: dict[str, str] = field(default_factory=dict)

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.made_at)

    @property
    def growth(self) -> tuple[int, int, int]:
        """What only ever grows between two restores, whatever the clock says: entries of the ledger, keys (a destroyed
        one keeps its row), people who were erased. Of two vaults with the same, either opens what the other does."""
        return self.shreds, self.vault.get("vault_data_key", 0), len(self.erased)

    def is_as_new_as(self, other: "Manifest") -> bool:
        """Whether it knows all that the other does. On the two sides of a restore, behind which things may have grown
        another way, the clock has to say so too."""
        return self.growth >= other.growth and (self.epoch == other.epoch or self.moment >= other.moment)

    @property
    def erased_people(self) -> dict[UUID, bool]:
        return {UUID(id_): with_records for id_, with_records in self.erased.items()}


def write(folder: Path, manifest: Manifest) -> None:
    """Sign it with the active master key and put it into the folder."""
    key_id = keyring().provider.active_id()
    manifest.signed = {"key": key_id, "mac": _mac(manifest, key_id)}
    with new_file(folder / NAME) as file:
        file.write(orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS))


def read(folder: Path) -> Manifest:
    """The manifest of this backup, as it stands there. Raises Trouble when there is none, or of another form."""
    try:
        found: dict[str, Any] = orjson.loads((folder / NAME).read_bytes())
        if found.get("format") != FORMAT:
            raise Trouble(f"{folder} is a backup of another form than this version reads.")
        return Manifest(
            **{
                **found,
                "files": {name: Dumped(**one) for name, one in found["files"].items()},
                "objects": Objects(**found["objects"]),
                "master_keys": {name: MasterKey(**one) for name, one in found["master_keys"].items()},
            }
        )
    except OSError as error:
        raise Trouble(f"{folder} holds no backup: {NAME} cannot be read ({error.strerror}).") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Trouble(f"{NAME} in {folder} is damaged.") from error


def require_genuine(folder: Path, manifest: Manifest, *, trusted: bool = False) -> None:
    """Raises Trouble unless one of our master keys signed it. `trusted` passes over a key that is not here any more,
    and never over a wrong signature."""
    key_id, mac = manifest.signed.get("key", ""), manifest.signed.get("mac", "")
    try:
        genuine = hmac.compare_digest(_mac(manifest, key_id), mac)
    except KeyUnavailable:
        if trusted:
            return
        raise Trouble(
            f"The manifest in {folder} is signed under the master key {key_id!a}, which is not in MASTER_KEYS. Add it,"
            " or pass --trust-manifest if you are certain where this backup comes from."
        ) from None
    if not genuine:
        raise Trouble(f"The manifest in {folder} is not what was written: it was changed, or another key signed it.")


def require_whole(folder: Path, manifest: Manifest, names: list[str]) -> None:
    """Raises Trouble unless these files of the backup are there, byte for byte."""
    for name in names:
        expected = manifest.files.get(name)
        if expected is None:
            raise Trouble(f"The backup in {folder} has no {name}.")
        try:
            found = measured(folder / name)
        except OSError as error:
            raise Trouble(f"{folder / name} cannot be read ({error.strerror}).") from error
        if found != expected:
            raise Trouble(f"{folder / name} is not what was written: its SHA-256 or its length is another.")


def measured(path: Path) -> Dumped:
    digest, length = sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            length += len(block)
    return Dumped(length, digest.hexdigest())


@contextmanager
def new_file(path: Path) -> Iterator[Any]:
    """A file that its owner alone can read, on the disk when the block ends."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _mac(manifest: Manifest, key_id: str) -> str:
    key = keyring().provider.derive(key_id, _INFO)
    covered = orjson.dumps({**asdict(manifest), "signed": {}}, option=orjson.OPT_SORT_KEYS)
    return hmac.digest(key, covered, "sha256").hex()
