"""T095 and its kin: with wrong settings nothing starts, and the reason names the setting, never its value."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.no_database

KEY = base64.b64encode(os.urandom(32)).decode()


def environment(**changes: str | None) -> dict[str, str]:
    good: dict[str, str | None] = {
        "PATH": os.environ["PATH"],
        "DATA_DIR": os.environ["DATA_DIR"],
        "MASTER_KEYS": os.environ["MASTER_KEYS"],
        "MASTER_KEY_ACTIVE": os.environ["MASTER_KEY_ACTIVE"],
        "SECRET_KEY": os.environ["SECRET_KEY"],
        "JWT_KEYS": os.environ["JWT_KEYS"],
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def start(**changes: str | None) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "manage.py", "check"]
    return subprocess.run(command, env=environment(**changes), capture_output=True, text=True, timeout=60)


def test_with_sound_keys_it_starts() -> None:
    assert start().returncode == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MASTER_KEYS", None),
        ("MASTER_KEYS", ""),
        ("MASTER_KEYS", "k1:" + base64.b64encode(bytes(range(31))).decode()),
        ("MASTER_KEYS", "k1:" + base64.b64encode(bytes(32)).decode()),
        ("MASTER_KEYS", "k1:gAAAAABnTokenThatSomebodyPastedInsteadOfAKey"),
        ("MASTER_KEYS", "no colon"),
        ("MASTER_KEY_ACTIVE", "k9"),
        ("MASTER_KEY_ACTIVE", None),
        ("SECRET_KEY", None),
        ("SECRET_KEY", os.environ.get("MASTER_KEYS", "").removeprefix("k1:")),
        ("JWT_KEYS", None),
        ("JWT_KEYS", "j1:short"),
        ("JWT_KEYS", "j1:" + os.environ.get("MASTER_KEYS", "").removeprefix("k1:")),
    ],
)
def test_without_sound_keys_nothing_starts(name: str, value: str | None) -> None:
    ended = start(**{name: value})
    assert ended.returncode != 0
    assert ended.stderr.startswith("Parley does not start: ")
    assert "Traceback" not in ended.stderr
    if value and len(value) > 20:
        assert value not in ended.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("DEBUG", "perhaps"),
        ("LIMIT_MESSAGE_NEW", "often"),
        ("LIMIT_SEARCH", "0/60"),
        ("HEARTBEAT", "x"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(name: str, value: str) -> None:
    ended = start(**{name: value})
    assert ended.returncode != 0
    assert name in ended.stderr


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "master"
    secret.write_text(f"k1:{KEY}\n")
    assert start(MASTER_KEYS=None, MASTER_KEYS_FILE=str(secret)).returncode == 0


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    ended = start(MASTER_KEYS=None, MASTER_KEYS_FILE=str(tmp_path / "missing"))
    assert ended.returncode != 0
    assert "MASTER_KEYS_FILE" in ended.stderr


def deploy_check(**changes: str | None) -> str:
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "ERROR"]
    ended = subprocess.run(command, env=environment(**changes), capture_output=True, text=True, timeout=60)
    return ended.stderr + ended.stdout


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"DEBUG": "true"}, "parley.E001"),
        ({"ALLOWED_HOSTS": "*"}, "parley.E002"),
        ({"CORS_ORIGINS": "*"}, "parley.E003"),
        ({"ALLOWED_ORIGINS": "*"}, "parley.E004"),
        ({"DATABASE_URL": "postgresql://app@db.invalid/parley"}, "parley.E005"),
        ({}, "parley.W001"),
        ({"DATABASE_URL": "postgresql://app@db.invalid/parley"}, "parley.W002"),
    ],
)
def test_what_must_not_reach_production_is_said(changes: dict[str, str], found: str) -> None:
    assert found in deploy_check(**changes)


def test_a_sound_production_has_nothing_to_fear() -> None:
    report = deploy_check(
        ALLOWED_HOSTS="chat.example.org",
        DATABASE_OWNER_URL="postgresql://owner@db.invalid/parley?sslmode=verify-full",
        DATABASE_URL="postgresql://app@db.invalid/parley?sslmode=verify-full",
        REDIS_URL="rediss://cache.invalid/0",
        TRUSTED_PROXIES="1",
    )
    assert "parley." not in report
