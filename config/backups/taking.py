"""Making a backup: in a folder of another name, which gets its own when all of it is on the disk."""

import os
import platform
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import django
from django.conf import settings
from django.db import DatabaseError

import audit
from config.backups import keeping, objects
from config.backups.engines import Engine, Snapshot, engine_of, in_data, in_vault, owners_alias
from config.backups.manifest import Manifest, MasterKey, Objects, measured, write
from config.backups.trouble import Trouble
from core.actor import SYSTEM
from core.errors import AppError
from core.ids import uuid7
from core.time import now
from encryption.canary import fingerprint, shown
from encryption.keyring import keyring


def take(place: Path, *, with_files: bool) -> Path:
    """Make a backup in the folder `place`, which is made if it is not there (0700); returns the backup's own folder.

    Whole or not at all. The server may run and write meanwhile: everything is of one moment, and files are those that
    the rows of that moment know. Recorded as `backup.made` before it gets its name. Raises Trouble.
    """
    backup_id, moment = uuid7(), now()
    name = keeping.name_of(moment, secrets.token_hex(4))
    engine = engine_of(owners_alias())
    with _drafted(place, name) as folder:
        with engine.snapshot(folder) as snapshot:
            told = _told(str(backup_id), moment.isoformat(), engine, snapshot)
            told.objects = objects.keep(folder, snapshot, copied=with_files)
            snapshot.dump()
        for file in (engine.data_file, engine.vault_file, objects.LIST):
            told.files[file] = measured(folder / file)
        write(folder, told)
        _record(backup_id, told)
    return place / name


def is_copied_here() -> bool:
    """Whether files are copied unless somebody says otherwise: of a folder yes, of a bucket no."""
    return bool(settings.STORAGE_PROVIDER == "local")


@contextmanager
def _drafted(place: Path, name: str) -> Iterator[Path]:
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        keeping.forget_parts(place)
        draft = place / keeping.part_of(name)
        draft.mkdir(mode=0o700)
    except OSError as error:
        raise Trouble(f"{place} cannot be written to ({error.strerror}).") from error
    try:
        yield draft
        _sync(draft)
        draft.rename(place / name)
        _sync(place)
    except BaseException as error:
        shutil.rmtree(draft, ignore_errors=True)
        if isinstance(error, OSError):
            raise Trouble(f"The backup cannot be written ({error.strerror}).") from error
        if isinstance(error, DatabaseError | AppError):
            raise Trouble(f"The backup could not be made ({type(error).__name__}).") from error
        raise


def _record(backup_id: UUID, told: Manifest) -> None:
    details = {
        "data": told.files[_data_file(told)].sha256,
        "shreds": told.shreds,
        "objects": told.objects.count,
        "missing": told.objects.missing,
    }
    with audit.transaction():
        audit.record("backup.made", actor=SYSTEM, object_id=backup_id, details=details)


def _data_file(told: Manifest) -> str:
    return next(name for name in told.files if name.startswith("data."))


def _told(backup_id: str, made_at: str, engine: Engine, snapshot: Snapshot) -> Manifest:
    """Everything about this moment but the files, which are not written yet."""
    tables = {table: _count(snapshot, table) for table in snapshot.tables()}
    [(org, epoch, applied)] = snapshot.rows("SELECT org, epoch, shreds_applied FROM parley_installation")
    [(last,)] = snapshot.rows("SELECT max(position) FROM vault_shred")
    erased = snapshot.rows("SELECT id, records_erased FROM accounts_user WHERE erased_at IS NOT NULL ORDER BY id")
    return Manifest(
        id=backup_id,
        made_at=made_at,
        engine=engine.name,
        versions={**engine.versions(), "django": django.get_version(), "python": platform.python_version()},
        org=_id(org),
        epoch=_id(epoch),
        shreds=last or 0,
        shreds_applied=applied,
        migrations=[f"{a}.{n}" for a, n in snapshot.rows("SELECT app, name FROM django_migrations ORDER BY app, name")],
        data={table: tables[table] for table in in_data([*tables])},
        vault={table: tables[table] for table in in_vault([*tables])},
        files={},
        objects=Objects(settings.STORAGE_PROVIDER, copied=False),
        master_keys=_master_keys(snapshot),
        erased={_id(id_): bool(with_records) for id_, with_records in erased},
    )


def _count(snapshot: Snapshot, table: str) -> int:
    [(count,)] = snapshot.rows(f'SELECT count(*) FROM "{table}"')  # noqa: S608 - a name from the schema
    return int(count)


def _master_keys(snapshot: Snapshot) -> dict[str, MasterKey]:
    """Those that open this vault, or verify its ledger, and those that it knows besides."""
    needed = {
        kek_id
        for statement in (
            "SELECT DISTINCT kek_id FROM vault_data_key WHERE blob IS NOT NULL",
            "SELECT DISTINCT kek_id FROM vault_organisation_key",
            "SELECT DISTINCT kek_id FROM vault_shred",
        )
        for (kek_id,) in snapshot.rows(statement)
    }
    known = dict(snapshot.rows("SELECT key_id, fingerprint FROM vault_canary"))
    provider = keyring().provider
    # One that nobody knows is named by an entry of the ledger that nobody follows: `verify_audit_log` says so.
    here = needed & {*provider.key_ids()}
    prints = {**{id_: fingerprint(provider, id_) for id_ in here - known.keys()}, **known}
    return {id_: MasterKey(shown(bytes(print_)), id_ in needed) for id_, print_ in sorted(prints.items())}


def _id(value: object) -> str:
    """PostgreSQL has ids, SQLite their 32 digits."""
    return str(UUID(str(value)))


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
