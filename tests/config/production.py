"""A whole installation as docs/operations.md sets it up, for `manage.py doctor` to look at: PostgreSQL that waits for
the disk and has a certificate, two roles, Redis with a password, migrations, a superuser with an authenticator app, a
backup, and a worker. The tests break one thing at a time."""

import base64
import json
import os
import resource
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis

from tests.deploy.certificate import made_out_to_localhost
from tests.deploy.supervised import becomes_true
from tests.forked import Forked, run
from tests.servers import _folder, _unprivileged, start_postgres, start_redis
from tests.services import _create_role, _named, _url

PASSWORD = "correct horse battery staple"
BAD = ("error", "warning")

_PEOPLE = f"""
from uuid import uuid4
import audit
from accounts.models import TotpDevice, User
from core.actor import SYSTEM
from core.retention import Scope
from retention import services
boss = User.objects.create_superuser("boss", "{PASSWORD}")
TotpDevice.objects.create(user=boss, confirmed=True, secret="A" * 32)
services.create_policy(actor=SYSTEM, rule="messaging.messages", days=3000)
services.place_hold(actor=SYSTEM, target_kind="user", target_id=boss.id, reason="a case")
with audit.transaction():
    audit.record("backup.made", actor=SYSTEM, object_id=uuid4())
"""


@dataclass(frozen=True)
class Report:
    """What the doctor said: its exit status, and of each check the state and the sentence."""

    status: int
    states: dict[str, str]
    found: dict[str, str]
    output: str

    @property
    def bad(self) -> dict[str, str]:
        return {name: state for name, state in self.states.items() if state in BAD}

    def beside(self, calm: "Report") -> dict[str, str]:
        """What is bad now and was not so then."""
        return {name: state for name, state in self.bad.items() if calm.states[name] != state}


@dataclass
class Production:
    """`environment` is all that its processes have. `postgres` and `owner` are the addresses of its database
    for the superuser and for the owner of the tables."""

    environment: dict[str, str]
    postgres: str
    redis_url: str
    certificate: Path
    owner: str
    worker: Forked

    @property
    def data(self) -> Path:
        return Path(self.environment["DATA_DIR"])

    def run(self, *arguments: str, **changes: str | None) -> "subprocess.CompletedProcess[str]":
        """A command of manage.py with these changes in its environment."""
        return self._run(arguments, changes, {})

    def doctor(self, *arguments: str, **changes: str | None) -> Report:
        return _read(self._run(("doctor", "--json", *arguments), changes, {}))

    def doctor_within(self, limits: Mapping[int, int]) -> Report:
        """Under these soft limits of the system's (setrlimit(2))."""
        return _read(self._run(("doctor", "--json"), {}, limits))

    def _run(
        self, arguments: Sequence[str], changes: Mapping[str, str | None], limits: Mapping[int, int]
    ) -> "subprocess.CompletedProcess[str]":
        given = {name: value for name, value in {**self.environment, **changes}.items() if value is not None}
        return run("-c", _WITHIN, json.dumps(_limits(limits)), *arguments, environment=given, timeout=180)

    def at(self, host: str, port: int, **options: str) -> str:
        """DATABASE_URL by another way."""
        parts = urlsplit(self.environment["DATABASE_URL"])
        login = parts.netloc.rpartition("@")[0]
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return urlunsplit(parts._replace(netloc=f"{login}@{host}:{port}", query=query))

    @property
    def postgres_place(self) -> tuple[str, int]:
        parts = urlsplit(self.postgres)
        return str(parts.hostname), int(parts.port or 0)

    @property
    def redis_place(self) -> tuple[str, int]:
        parts = urlsplit(self.redis_url)
        return str(parts.hostname), int(parts.port or 0)

    def redis(self) -> "redis.Redis":
        return redis.Redis.from_url(self.redis_url)

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """As the superuser, with the triggers off. Returns the rows of the last one that has some."""
        rows: list[tuple[Any, ...]] = []
        with psycopg.connect(self.postgres, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute("SET lock_timeout = '30s'")
            for statement in statements:
                done = connection.execute(statement)
                rows = done.fetchall() if done.description else rows
        return rows

    @contextmanager
    def worker_paused(self) -> Iterator[None]:
        """It would put right what a test has just broken. Stopped where it holds no lock that a test would wait for."""
        becomes_true(self._stopped_outside_of_transactions)
        try:
            yield
        finally:
            self.worker.send_signal(signal.SIGCONT)

    def _stopped_outside_of_transactions(self) -> bool:
        self.worker.send_signal(signal.SIGSTOP)
        # Twice: what it had sent when it was stopped may be on its way still.
        if all(self.sql(_AT_WORK) == [(0,)] for _ in range(2)):
            return True
        self.worker.send_signal(signal.SIGCONT)
        return False

    def settles(self) -> None:
        """Waits until the worker has sealed everything, and has done each of its periodic jobs."""
        becomes_true(lambda: self.sql(_SETTLED) == [(True,)])


_WITHIN = """
import json, resource, runpy, sys
for which, soft in json.loads(sys.argv[1]):
    resource.setrlimit(which, (soft, resource.getrlimit(which)[1]))
sys.argv[:] = ["manage.py", *sys.argv[2:]]
runpy.run_path("manage.py", run_name="__main__")
"""
"""`manage.py …` under soft limits: the first argument, pairs of a limit and its value."""

_AT_WORK = """
    SELECT count(*) FROM pg_stat_activity
    WHERE usename = 'parley_app' AND (state <> 'idle' OR state_change > now() - interval '100 milliseconds')
"""
_SETTLED = """
    SELECT NOT EXISTS (SELECT 1 FROM audit_entry e WHERE NOT EXISTS (SELECT 1 FROM audit_seal s WHERE s.entry = e.id))
        AND EXISTS (SELECT 1 FROM core_task WHERE name = 'audit.seal')
        AND NOT EXISTS (SELECT 1 FROM core_task WHERE periodic AND run_at < now() - interval '5 seconds')
"""


def _read(done: "subprocess.CompletedProcess[str]") -> Report:
    assert done.stdout, done.stderr
    checks: list[dict[str, Any]] = json.loads(done.stdout)["checks"]
    return Report(
        done.returncode,
        {one["id"]: one["state"] for one in checks},
        {one["id"]: one["found"] for one in checks},
        done.stdout + done.stderr,
    )


def _limits(limits: Mapping[int, int]) -> list[tuple[int, int]]:
    """What the shell of the tests allows is not what is tested."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return [*{resource.RLIMIT_NOFILE: files, resource.RLIMIT_CORE: 0, **limits}.items()]


@contextmanager
def production() -> Iterator[Production]:
    """All of it, ended and removed afterwards."""
    with ExitStack() as stack:
        folder = _own_folder(stack)
        certificate, key = _certificate(folder)
        # Only what the doctor insists on is not as the tests have it elsewhere.
        postgres = start_postgres(
            fsync="on",
            synchronous_commit="on",
            full_page_writes="on",
            ssl="on",
            ssl_cert_file=str(certificate),
            ssl_key_file=str(key),
        )
        stack.callback(postgres.stop)
        cache = start_redis()
        stack.callback(cache.stop)
        environment = {**_settings(), "DATA_DIR": str(_data_dir(stack)), "REDIS_URL": cache.url}
        owner, environment["DATABASE_URL"] = _roles(postgres.url)
        worker = _prepared(stack, environment, owner)
        made = Production(environment, _url(postgres.url, "parley"), cache.url, certificate, owner, worker)
        made.settles()
        yield made


def _own_folder(stack: ExitStack) -> Path:
    folder = _folder("parley-test-production-", _unprivileged())
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _certificate(folder: Path) -> tuple[Path, Path]:
    """For PostgreSQL, which wants the key to be its own."""
    certificate, key = made_out_to_localhost(folder, timedelta(days=60))
    key.chmod(0o600)
    if (user := _unprivileged().uid) is not None:
        for path in (certificate, key):
            os.chown(path, user, -1)
    return certificate, key


def _data_dir(stack: ExitStack) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="parley-test-data-"))  # mode 0700
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _settings() -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "ADMIN_REQUIRE_TOTP": "true",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "ATTACHMENT_SCANNER": "none",
        "JWT_KEYS": f"j1:{new_key()}",
        "MASTER_KEYS": f"k1:{new_key()}",
        "MASTER_KEY_ACTIVE": "k1",
        "METRICS_TOKEN": secrets.token_urlsafe(32),
        "SECRET_KEY": secrets.token_urlsafe(48),
        # What the machine of the tests has free is not what is tested.
        "STORAGE_KEEP_FREE": "1",
        "TRUSTED_PROXIES": "1",
        **{name: os.environ[name] for name in ("PYTHONPYCACHEPREFIX", "COVERAGE_PROCESS_CONFIG") if name in os.environ},
    }


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _roles(superuser: str) -> tuple[str, str]:
    """The database, and the addresses of its owner and of the application."""
    with psycopg.connect(superuser, autocommit=True) as connection:
        owner, app = _create_role(connection, "parley_owner"), _create_role(connection, "parley_app")
        connection.execute(
            _named("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'", "parley", "parley_owner")
        )
    return _url(superuser, "parley", "parley_owner", owner), _url(superuser, "parley", "parley_app", app)


def _prepared(stack: ExitStack, environment: dict[str, str], owner: str) -> Forked:
    """Migrated, with people; returns its worker."""
    for command, more in (
        (["migrate", "--verbosity", "0"], {"DATABASE_OWNER_URL": owner}),
        (["shell", "--no-imports", "-c", _PEOPLE], {}),
    ):
        done = run("manage.py", *command, environment={**environment, **more}, timeout=300)
        assert done.returncode == 0, done.stderr
    worker = Forked("manage.py", "work", environment=environment)
    stack.callback(_end, worker)
    return worker


def _end(process: Forked) -> None:
    process.kill()
    process.wait(10)
