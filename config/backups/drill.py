"""A drill: the backup is restored into a scratch database by another process, checked, and taken away again.

In another process, because one process has one database: what is checked there is what a server would find.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config import env
from config.backups.postgres import PostgresEngine
from config.backups.trouble import Trouble

Report = dict[str, Any]


def drill(backup: Path, into: str, *, with_files: bool) -> Report:
    """What `manage.py restore --check --json` reports of this backup. `into` is the address of an empty PostgreSQL
    database, without a password (PGPASSWORD or PGPASSFILE have it), or an empty folder for SQLite. Nothing is left
    there. Raises Trouble."""
    with _scratch(into, backup.absolute().parent) as environment:
        command = [sys.executable, "manage.py", "restore", "--from", str(backup.absolute()), "--check", "--json"]
        done = subprocess.run(  # noqa: S603 - this program once more
            [*command, *([] if with_files else ["--without-files"])],
            cwd=settings.BASE_DIR,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            report: Report = json.loads(done.stdout)
        except ValueError:
            said = [line for line in done.stderr.splitlines() if line.startswith("CommandError:")]
            raise Trouble(said[-1] if said else "The drill could not be carried out.") from None
        return report


def require_usable(into: str) -> None:
    """Returns when a drill can be carried out there: an empty database that answers, or an empty folder. Changes
    nothing. Raises Trouble."""
    if "://" in into:
        _empty_database(into)
    else:
        _require_empty(Path(into))


@contextmanager
def _scratch(into: str, beside: Path) -> Iterator[Mapping[str, str]]:
    """The settings of the other process. Its files are links to those of the backup, where that can be."""
    with tempfile.TemporaryDirectory(prefix=".drill-", dir=beside) as data_dir:
        database = _postgres_scratch(into) if "://" in into else _sqlite_scratch(Path(into))
        with database as url:
            yield {
                "DATA_DIR": data_dir,
                "DATABASE_URL": url,
                "DATABASE_OWNER_URL": "",
                "DATABASE_URL_FILE": "",
                "DATABASE_OWNER_URL_FILE": "",
                "REDIS_URL": "",
                "REDIS_URL_FILE": "",
                # Whatever the real one is, a drill keeps away from it.
                "STORAGE_PROVIDER": "local",
                "STORAGE_BUCKET": "",
                "LOG_LEVEL": "CRITICAL",
                **_keys(),
            }


def _keys() -> dict[str, str]:
    """Those of this process: its own `.env` is not in the other DATA_DIR."""
    names = ("MASTER_KEYS", "MASTER_KEY_ACTIVE", "SECRET_KEY", "JWT_KEYS", "KEY_EPOCH")
    return {name: str(getattr(settings, name)) for name in names}


@contextmanager
def _postgres_scratch(address: str) -> Iterator[str]:
    engine = _empty_database(address)
    try:
        yield address
    finally:
        engine.clear()
    if not engine.is_empty():
        raise Trouble("Something is left in the database of the drill: look, and make it anew.")


def _empty_database(address: str) -> PostgresEngine:
    parts = urlsplit(address)
    if parts.scheme not in ("postgres", "postgresql"):
        raise Trouble("--verify-into names an empty folder, or a database as postgres://name@host/database.")
    if parts.password:
        raise Trouble("A password on a command line is everybody's to see: put it into PGPASSWORD or PGPASSFILE.")
    try:
        engine = PostgresEngine(env.database("--verify-into", address))
    except ImproperlyConfigured:
        raise Trouble("--verify-into is not understood: postgres://name@host/database.") from None
    if not engine.is_empty():
        raise Trouble("The database for the drill is not empty. Nothing was changed.")
    return engine


def _require_empty(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Trouble(f"{folder} is no empty folder. Nothing was changed.")


@contextmanager
def _sqlite_scratch(folder: Path) -> Iterator[str]:
    was_there = folder.is_dir()
    _require_empty(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        yield f"sqlite:///{quote(str(folder.absolute() / 'drill.sqlite3'))}"
    finally:
        for path in folder.iterdir():
            path.unlink()
        if not was_there:
            shutil.rmtree(folder)
