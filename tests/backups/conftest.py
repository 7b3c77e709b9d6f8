"""Another place to restore into, and the programs to get there."""

import json
import os
import secrets
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from encryption.keyring import reset_keyring
from tests.attachments.conftest import shelf
from tests.everyday import first_stands_for_others
from tests.forked import run
from tests.messaging.conftest import c1, c2, doctor, patient, stranger, student, teacher
from tests.servers import ServerMissing, _postgres_programs

__all__ = ["c1", "c2", "doctor", "patient", "shelf", "stranger", "student", "teacher"]

POSTGRESQL = connection.vendor == "postgresql"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each has another database filled by several programs: everyday the first of each file stands for the others."""
    first_stands_for_others(items, Path(__file__).parent.glob("test_*.py"))


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's own of the server that the suite has started."""
    if POSTGRESQL:
        try:
            monkeypatch.setenv("PG_BINDIR", str(_postgres_programs()[1]))
        except ServerMissing:
            monkeypatch.delenv("PG_BINDIR", raising=False)  # a server that was there; so are its programs


@pytest.fixture(autouse=True)
def fresh_keys() -> Iterator[None]:
    """Keys that were destroyed stay in no memory that other tests use."""
    yield
    reset_keyring()


@dataclass(frozen=True)
class Elsewhere:
    """A machine that has nothing yet but the settings: an empty database, an empty DATA_DIR."""

    environment: dict[str, str]
    data_dir: Path

    def run(self, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """A command there until its end."""
        return self._process(["manage.py", *arguments], more)

    def ran(self, *arguments: str, **more: str) -> str:
        """What a command says that must succeed."""
        done = self.run(*arguments, **more)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout

    def ask(self, program: str, **more: str) -> Any:
        """What a program finds there: it assigns it to `found`."""
        whole = (
            f"import json, django\ndjango.setup()\n{textwrap.dedent(program)}\nprint(json.dumps(found, default=str))"
        )
        done = self._process(["-c", whole], more)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return json.loads(done.stdout)

    def _process(self, arguments: list[str], more: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        return run(*arguments, environment={**os.environ, **self.environment, **more}, timeout=180)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Elsewhere]:
    with _elsewhere(tmp_path / "elsewhere") as made:
        yield made


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Elsewhere]:
    with _elsewhere(tmp_path / "another") as made:
        yield made


@contextmanager
def _elsewhere(data_dir: Path) -> Iterator[Elsewhere]:
    data_dir.mkdir()
    common = {"DATA_DIR": str(data_dir), "REDIS_URL": "", "LOG_LEVEL": "WARNING"}
    if not POSTGRESQL:
        yield Elsewhere({**common, "DATABASE_URL": f"sqlite:///{data_dir}/there.sqlite3"}, data_dir)
        return
    name = f"parley_elsewhere_{secrets.token_hex(4)}"
    with empty_database(name):
        urls = {key: _moved(os.environ[key], name) for key in ("DATABASE_URL", "DATABASE_OWNER_URL")}
        yield Elsewhere({**common, **urls}, data_dir)


@contextmanager
def empty_database(name: str) -> Iterator[str]:
    """A new database of the owner's; its address for the superuser."""
    superuser = os.environ["TEST_SUPERUSER_URL"]
    owner = urlsplit(os.environ["DATABASE_OWNER_URL"]).username or ""
    with psycopg.connect(superuser, autocommit=True) as here:
        make = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'")
        here.execute(make.format(sql.Identifier(name), sql.Identifier(owner)))
    try:
        with psycopg.connect(_moved(superuser, name), autocommit=True) as there:
            there.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(owner)))
        yield _moved(superuser, name)
    finally:
        with psycopg.connect(superuser, autocommit=True) as here:
            here.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _moved(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def backed_up(place: Path, *options: str) -> Path:
    """The folder of a new backup."""
    return Path(backup_report(place, *options)["folder"])


def backup_report(place: Path, *options: str) -> Any:
    out = StringIO()
    call_command("backup", "--to", str(place), "--json", *options, stdout=out)
    return json.loads(out.getvalue())
