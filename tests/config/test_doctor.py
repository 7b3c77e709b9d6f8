"""`manage.py doctor` turns red for each setting that is broken, and for no other: real processes with real settings.

What it finds in the database, in Redis and behind a proxy stands in `test_doctor_live` and `test_doctor_web`.
"""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.config.production import Production, Report, new_key

pytestmark = pytest.mark.no_database

Bad = dict[str, str]
ERROR, WARNING = "error", "warning"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"DEBUG": "true", "LOG_FORMAT": "json"}, {"exposure.debug": ERROR}),
        ({"ALLOWED_HOSTS": "*"}, {"exposure.hosts": ERROR}),
        ({"CORS_ORIGINS": "*"}, {"exposure.cors": ERROR}),
        ({"ALLOWED_ORIGINS": "*"}, {"exposure.origins": ERROR}),
        ({"TRUSTED_PROXIES": None}, {"exposure.proxies": WARNING}),
        ({"ADMIN_COOKIES_SECURE": "false"}, {"exposure.cookies": ERROR}),
        ({"LIMIT_TOTP_FAILURES": "1000/60"}, {"exposure.guessing": WARNING}),
        ({"SECRET_KEY": "only-a-few-characters"}, {"keys.signing": ERROR}),
        ({"ADMIN_REQUIRE_TOTP": "false"}, {"staff.second_factor": ERROR}),
        ({"DEMO_PASSWORD": "of nobody here"}, {"staff.demo": WARNING}),
        ({"METRICS_TOKEN": None}, {"watching.metrics": WARNING}),
        ({"METRICS_ENABLED": "false"}, {"watching.metrics": WARNING}),
        ({"LOG_FORMAT": "console"}, {"watching.logs": WARNING}),
        ({"LOG_LEVEL": "DEBUG"}, {"watching.level": WARNING}),
        ({"LOG_LEVEL": "ERROR"}, {"watching.level": WARNING}),
        ({"METRICS_SUMMARY": "7200"}, {"watching.summary": WARNING}),
        ({"DATABASE_THREADS": "150"}, {"database.connections": WARNING}),
        ({"DATABASE_THREADS": "500"}, {"database.connections": ERROR}),
        ({"KEY_EPOCH": "decade"}, {"settings.others": ERROR}),
        # The same disk: files are refused before it is full.
        ({"DATABASE_RESERVE": "0"}, {"database.room": WARNING}),
        ({"STORAGE_KEEP_FREE": str(10**18)}, {"machine.disk": ERROR, "storage.keeps": ERROR}),
    ],
    ids=lambda value: " ".join(f"{name}={state}" for name, state in value.items()),
)
def test_it_turns_red_for_a_setting(
    live: Production, calm: Report, changes: dict[str, str | None], expected: Bad
) -> None:
    report = live.doctor(**changes)
    assert report.beside(calm) == expected
    assert report.status == 1  # the scanner alone is an error


def test_it_turns_red_for_another_master_key(live: Production, calm: Report) -> None:
    """Whether what was signed under the right one is genuine is then not to be told."""
    report = live.doctor(MASTER_KEYS=f"k1:{new_key()}")
    assert report.beside(calm) == {"keys.vault": ERROR}
    assert report.states["audit.newest"] == "cannot_tell"
    assert "fingerprint" in report.found["keys.vault"]


def test_it_turns_red_for_keys_under_an_old_master_key(live: Production, calm: Report) -> None:
    keys = f"{live.environment['MASTER_KEYS']},k2:{new_key()}"
    report = live.doctor(MASTER_KEYS=keys, MASTER_KEY_ACTIVE="k2")
    assert report.beside(calm) == {"keys.vault": WARNING, "keys.rewrapped": WARNING}


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({resource.RLIMIT_NOFILE: 4096}, {"machine.open_files": WARNING}),
        ({resource.RLIMIT_NOFILE: 512}, {"machine.open_files": ERROR}),
        ({resource.RLIMIT_CORE: 1 << 20}, {"machine.core_dumps": WARNING}),
    ],
    ids=["some files", "few files", "core dumps"],
)
def test_it_turns_red_for_a_limit_of_the_system(
    live: Production, calm: Report, limits: dict[int, int], expected: Bad
) -> None:
    assert live.doctor_within(limits).beside(calm) == expected


def test_it_turns_red_for_files_that_others_can_read(live: Production, calm: Report, tmp_path: Path) -> None:
    secret = tmp_path / "master"
    secret.write_text(live.environment["MASTER_KEYS"])
    for mode, expected in ((0o604, {"keys.files": ERROR}), (0o640, {"keys.files": WARNING}), (0o400, {})):
        secret.chmod(mode)
        report = live.doctor(MASTER_KEYS=None, MASTER_KEYS_FILE=str(secret))
        assert report.beside(calm) == expected
        assert str(secret) not in report.output


def test_it_turns_red_for_keys_beside_the_data(live: Production, calm: Report) -> None:
    file = live.data / ".env"
    file.write_text(f"MASTER_KEYS={live.environment['MASTER_KEYS']}\n")
    try:
        file.chmod(0o600)
        assert live.doctor().beside(calm) == {"keys.apart": ERROR}
        file.write_text("PORT=8000\n")
        file.chmod(0o644)
        assert live.doctor().beside(calm) == {"keys.files": ERROR}
    finally:
        file.unlink()


def test_it_turns_red_for_a_file_with_keys_beside_the_data(live: Production, calm: Report) -> None:
    file = live.data / "master"
    file.write_text(live.environment["MASTER_KEYS"])
    file.chmod(0o400)
    try:
        assert live.doctor(MASTER_KEYS=None, MASTER_KEYS_FILE=str(file)).beside(calm) == {"keys.apart": ERROR}
    finally:
        file.unlink()


@pytest.mark.parametrize(("folder", "expected"), [("", "machine.data_dir"), ("files", "storage.private")])
def test_it_turns_red_for_a_folder_that_others_can_enter(
    live: Production, calm: Report, folder: str, expected: str
) -> None:
    with mode(live.data / folder, 0o755):
        assert live.doctor().beside(calm) == {expected: ERROR}


def test_it_turns_red_for_a_folder_that_keeps_nothing(live: Production, calm: Report) -> None:
    """Somebody has put a file in its place."""
    folder = live.data / "files"
    folder.rename(live.data / "elsewhere")
    folder.touch(mode=0o600)
    try:
        assert live.doctor().beside(calm) == {"storage.keeps": ERROR}
    finally:
        folder.unlink()
        (live.data / "elsewhere").rename(folder)


@contextmanager
def mode(path: Path, mode: int) -> Iterator[None]:
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


# ---- How it tells ----------------------------------------------------------------------------------------------------


def test_without_sound_keys_not_even_the_doctor_starts(live: Production) -> None:
    for changes in ({"MASTER_KEYS": None}, {"JWT_KEYS": "j1:short"}, {"METRICS_TOKEN": "guessable"}):
        done = live.run("doctor", "--json", **changes)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("Parley does not start: ")


def test_what_cannot_be_asked_is_said_and_hinders_nothing_else(live: Production, calm: Report) -> None:
    """A database that is away: whatever has to be asked of it is unknown, everything else is as it was."""
    report = live.doctor(DATABASE_URL="postgresql://app:hunter22@127.0.0.1:1/parley")
    assert report.beside(calm) == {"database.answers": ERROR}
    unknown = {name for name, state in report.states.items() if state == "cannot_tell"}
    assert {"database.role", "audit.newest", "worker.alive", "staff.demo", "backups.newest"} <= unknown
    assert {name.partition(".")[0] for name in unknown} <= {
        *("keys", "database", "staff", "retention", "worker", "audit", "backups")
    }
    assert "hunter22" not in report.output


def test_the_embedded_default_is_not_for_many_people(live: Production, tmp_path: Path) -> None:
    report = live.doctor(DATABASE_URL=None, DATA_DIR=str(tmp_path))
    assert report.states["database.kind"] == WARNING
    assert report.states["database.tls"] == report.states["database.role"] == "not_applicable"


def test_no_secret_is_told(live: Production) -> None:
    """Not even of what is broken."""
    broken = {"SECRET_KEY": "short-secret-value", "DEMO_PASSWORD": "demo-secret-value"}
    told = live.doctor(**broken, REDIS_URL="redis://:redis-secret@127.0.0.1:1/0").output + live.run("doctor").stdout
    addresses = [live.environment[name] for name in ("DATABASE_URL", "REDIS_URL")]
    secrets = [live.environment[name] for name in ("MASTER_KEYS", "JWT_KEYS", "METRICS_TOKEN", "SECRET_KEY")]
    for secret in (*secrets, *(str(urlsplit(address).password) for address in addresses), "-secret"):
        assert secret not in told


def test_people_read_the_same_as_programs(live: Production, calm: Report) -> None:
    text = live.run("doctor")
    assert text.returncode == 1
    for name, sentence in calm.found.items():
        assert name in text.stdout
        assert calm.states[name] == "ok" or sentence in text.stdout
    assert "-> Set ATTACHMENT_SCANNER=clamd" in text.stdout
    assert text.stdout.splitlines()[-1].startswith("1 error, ")


def test_the_shape_for_programs(live: Production) -> None:
    told = json.loads(live.run("doctor", "--json").stdout)
    assert set(told) == {"ok", "strict", "checked_at", "counts", "checks"}
    assert set(told["counts"]) == {"error", "warning", "cannot_tell", "ok", "not_applicable"}
    assert sum(told["counts"].values()) == len(told["checks"])
    for one in told["checks"]:
        assert set(one) == {"id", "group", "title", "state", "found", "remedy"}
        assert one["id"].startswith(one["group"] + ".")
        assert bool(one["remedy"]) == (one["state"] in {"error", "warning", "cannot_tell"}), one


@pytest.mark.parametrize(
    "arguments", [["--url", "http://chat.example.org"], ["--url", "https://chat.example.org/x"], ["--newest", "0"]]
)
def test_an_argument_that_makes_no_sense_is_refused(live: Production, arguments: list[str]) -> None:
    assert live.run("doctor", *arguments).returncode == 2
