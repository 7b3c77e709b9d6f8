"""T095 and its kin: with wrong settings nothing starts, and the reason names the setting, never its value."""

import base64
import functools
import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection
from dotenv import dotenv_values

from tests.forked import run
from tests.peers.clamd import Clamd
from tests.reset import Reset

pytestmark = pytest.mark.no_database
postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL has roles")

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
    return run("manage.py", "check", environment=environment(**changes))


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
        ("SECRET_KEY", "{master key}"),
        ("JWT_KEYS", None),
        ("JWT_KEYS", "j1:short"),
        ("JWT_KEYS", "j1:{master key}"),
    ],
)
def test_without_sound_keys_nothing_starts(name: str, value: str | None) -> None:
    if value is not None:
        value = value.replace("{master key}", os.environ["MASTER_KEYS"].removeprefix("k1:"))
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
        ("HEARTBEAT", "0"),
        ("HEARTBEAT", "-1"),
        ("HEARTBEAT_TIMEOUT", "inf"),
        ("DATABASE_THREADS", "0"),
        ("POKE_SHARDS", "0"),
        ("TRUSTED_PROXIES", "-1"),
        ("LOG_LEVEL", "LOUD"),
        ("DATABASE_URL", "mysql://parley:hunter22@db.invalid/parley"),
        ("DATABASE_URL", "postgresql://parley:hunter22@db.invalid:port/parley"),
        ("DATABASE_OWNER_URL", "parley:hunter22@db.invalid"),
        ("REDIS_URL", "hunter22@cache.invalid:6379"),
        ("ATTACHMENT_SCANNER", "maybe"),
        ("CLAMD_URL", "/run/clamav/clamd.ctl"),
        ("CLAMD_URL", "http://hunter22:3310"),
        ("CLAMD_URL", "tcp://scanner"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(name: str, value: str) -> None:
    """By name only: addresses hold passwords."""
    ended = start(**{name: value})
    assert ended.returncode != 0
    assert ended.stderr.startswith(f"Parley does not start: {name} ")
    assert "Traceback" not in ended.stderr
    assert "hunter22" not in ended.stderr


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "master"
    secret.write_text(f"k1:{KEY}\n")
    assert start(MASTER_KEYS=None, MASTER_KEYS_FILE=str(secret)).returncode == 0


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    ended = start(MASTER_KEYS=None, MASTER_KEYS_FILE=str(tmp_path / "missing"))
    assert ended.returncode != 0
    assert "MASTER_KEYS_FILE" in ended.stderr


def test_a_secret_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    secret = tmp_path / "master"
    secret.write_bytes(b"k1:\xff\xfe")
    ended = start(MASTER_KEYS=None, MASTER_KEYS_FILE=str(secret))
    assert ended.stderr.startswith("Parley does not start: MASTER_KEYS_FILE ")


def test_an_environment_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"MASTER_KEYS=\xff\xfe")
    ended = start(DATA_DIR=str(tmp_path))
    assert ended.stderr.startswith("Parley does not start: ")
    assert ".env cannot be read" in ended.stderr
    assert "Traceback" not in ended.stderr


def shown(expression: str, **changes: str | None) -> str:
    """What an expression over the settings comes to, with these changes in the environment."""
    code = f"from config import settings; print({expression})"
    ended = run("-c", code, environment=environment(**changes))
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_the_process_s_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=7001\nHEARTBEAT=7\n")
    assert shown("settings.PORT, settings.HEARTBEAT", DATA_DIR=str(tmp_path), PORT="7002") == "7002 7.0"


def test_a_data_directory_may_have_any_name(tmp_path: Path) -> None:
    data = tmp_path / "a b%20c#d?e"
    data.mkdir()
    assert shown("settings.DATABASES['default']['NAME']", DATA_DIR=str(data)) == f"{data}/parley.sqlite3"


def test_the_example_holds_a_value_of_the_right_kind_for_each_setting(tmp_path: Path) -> None:
    """Whoever copies it has only the keys to fill in."""
    (tmp_path / ".env").write_text(Path(".env.example").read_text())
    keys = {name: os.environ[name] for name in ("MASTER_KEYS", "MASTER_KEY_ACTIVE", "SECRET_KEY", "JWT_KEYS")}
    example = dotenv_values(tmp_path / ".env")
    defaults = shown("settings.LIMITS, settings.ALLOWED_HOSTS, settings.IDLE_TIMEOUT", DATA_DIR=str(tmp_path / "none"))
    assert (
        shown("settings.LIMITS, settings.ALLOWED_HOSTS, settings.IDLE_TIMEOUT", DATA_DIR=str(tmp_path), **keys)
        == defaults
    )
    assert len(example) > 30


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "True channels.layers.InMemoryChannelLayer False"),
        (
            {"DATABASE_URL": "postgresql://app@db.invalid/parley", "REDIS_URL": "redis://cache.invalid/0"},
            "False channels_redis.pubsub.RedisPubSubChannelLayer False",
        ),
        (
            {
                "DATABASE_URL": "postgresql://app@db.invalid/parley",
                "DATABASE_OWNER_URL": "postgresql://owner@db.invalid/parley",
            },
            "False channels.layers.InMemoryChannelLayer True",
        ),
        (
            {
                "DATABASE_URL": "postgresql://app@db.invalid/parley",
                "DATABASE_OWNER_URL": "postgresql://app@db.invalid/parley",
            },
            "False channels.layers.InMemoryChannelLayer False",
        ),
    ],
)
def test_the_parts_follow_from_where_the_data_is(changes: dict[str, str], expected: str) -> None:
    parts = "settings.EMBEDDED, settings.CHANNEL_LAYERS['default']['BACKEND'], 'owner' in settings.DATABASES"
    assert shown(parts, **changes) == expected


@functools.cache
def deploy_check(**changes: str | None) -> str:
    """What it reports of these settings; of the same settings always the same."""
    ended = run("manage.py", "check", "--deploy", "--fail-level", "ERROR", environment=environment(**changes))
    return ended.stderr + ended.stdout


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"DEBUG": "true"}, "parley.E001"),
        ({"ALLOWED_HOSTS": "*"}, "parley.E002"),
        ({"CORS_ORIGINS": "*"}, "parley.E003"),
        ({"ALLOWED_ORIGINS": "*"}, "parley.E004"),
        ({"DATABASE_URL": "postgresql://app@db.invalid/parley"}, "parley.W006"),
        ({}, "parley.W001"),
        ({"DATABASE_URL": "postgresql://app@db.invalid/parley"}, "parley.W002"),
        ({"DATABASE_URL": "postgresql://app@db.invalid/parley"}, "parley.W003"),
        ({"DATABASE_URL": "postgresql://app@db.invalid/parley", "REDIS_URL": "redis://cache.invalid/0"}, "parley.W005"),
        ({}, "parley.W004"),
        ({"SECRET_KEY": "only-a-few-characters"}, "parley.E006"),
        ({"SECRET_KEY": "abc" * 20}, "parley.E006"),
        ({}, "parley.E007"),
        ({}, "accounts.E002"),
        ({"ATTACHMENT_SCANNER": "clamd", "CLAMD_URL": "tcp://127.0.0.1:1"}, "parley.W008"),
        ({"ATTACHMENT_SCANNER": "clamd", "CLAMD_URL": "tcp://clamd.invalid:3310"}, "parley.W013"),
    ],
)
def test_what_must_not_reach_production_is_said(changes: dict[str, str], found: str) -> None:
    assert found in deploy_check(**changes)


@postgresql
def test_a_sound_production_has_nothing_to_fear(reset: Reset, session_clamd: Clamd) -> None:
    """Whether or not it knows how the owner connects: the services run without that."""
    sound = {
        "ALLOWED_HOSTS": "chat.example.org",
        "DATABASE_URL": os.environ["DATABASE_URL"],
        "REDIS_URL": "rediss://cache.invalid/0",
        "TRUSTED_PROXIES": "1",
        "ADMIN_REQUIRE_TOTP": "true",
        "ATTACHMENT_SCANNER": "clamd",
        "CLAMD_URL": session_clamd.url,
    }
    assert "System check identified no issues" in deploy_check(**sound)
    assert "no issues" in deploy_check(**sound, DATABASE_OWNER_URL=os.environ["DATABASE_OWNER_URL"])


@postgresql
@pytest.mark.parametrize("powerful", ["DATABASE_OWNER_URL", "TEST_SUPERUSER_URL"])
def test_a_server_that_can_change_the_audit_log_is_refused(reset: Reset, powerful: str) -> None:
    """Whatever the settings say: the database is asked."""
    address = urlsplit(os.environ[powerful])._replace(path=urlsplit(os.environ["DATABASE_URL"]).path).geturl()
    report = deploy_check(DATABASE_URL=address, DATABASE_OWNER_URL="postgresql://somebody_else@db.invalid/parley")
    assert "parley.E005" in report


@postgresql
def test_a_database_without_tables_is_to_be_migrated_first() -> None:
    address = urlsplit(os.environ["TEST_SUPERUSER_URL"])._replace(path="/template1").geturl()
    assert "parley.W007" in deploy_check(DATABASE_URL=address)


def test_connections_that_stay_on_the_machine_need_no_certificates() -> None:
    report = deploy_check(
        DATABASE_OWNER_URL="postgresql://owner@localhost/parley",
        DATABASE_URL="postgresql://app@%2Frun%2Fpostgresql/parley",
        REDIS_URL="redis://127.0.0.1/0",
        ATTACHMENT_SCANNER="clamd",
        CLAMD_URL="tcp://[::1]:1",
    )
    assert "parley.W003" not in report
    assert "parley.W005" not in report
    assert "parley.W013" not in report
    assert "parley.W013" not in deploy_check(ATTACHMENT_SCANNER="clamd", CLAMD_URL="unix:/nowhere/clamd.ctl")
