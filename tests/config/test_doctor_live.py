"""`manage.py doctor` turns red for what is wrong in PostgreSQL and in Redis, asked of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from tests.config.production import PASSWORD, Production, Report
from tests.peers.relay import relay

pytestmark = pytest.mark.no_database

ERROR, WARNING = "error", "warning"

_AHEAD = """
    CREATE FUNCTION ahead.clock_timestamp() RETURNS timestamptz LANGUAGE sql
    AS $$ SELECT pg_catalog.clock_timestamp() + interval '1 hour' $$
"""
_FAILED_RUN = """
    INSERT INTO retention_run (id, started_at, finished_at, by, rule, state)
    VALUES (gen_random_uuid(), now(), now(), 'worker', '', 'failed')
"""
STATES: list[tuple[str, str, Sequence[str], Sequence[str]]] = [
    # The check, how bad it is, what breaks it, what mends it.
    (
        *("database.role", ERROR),
        ["GRANT UPDATE ON audit_entry TO parley_app"],
        ["REVOKE UPDATE ON audit_entry FROM parley_app"],
    ),
    (
        *("database.role", ERROR),
        ["GRANT parley_owner TO parley_app"],
        ["REVOKE parley_owner FROM parley_app"],
    ),
    (
        *("database.durable", ERROR),
        ["ALTER ROLE parley_app SET synchronous_commit = off"],
        ["ALTER ROLE parley_app RESET synchronous_commit"],
    ),
    (
        *("database.migrated", ERROR),
        ["UPDATE django_migrations SET name = 'x' WHERE app = 'sessions'"],
        ["UPDATE django_migrations SET name = '0001_initial' WHERE app = 'sessions'"],
    ),
    (
        *("database.room", ERROR),
        ["INSERT INTO audit_shortage (id, since, tried_at) VALUES (1, now(), now())"],
        ["DELETE FROM audit_shortage"],
    ),
    (
        # A clock that is an hour ahead stands before PostgreSQL's own.
        *("database.clock", ERROR),
        [
            "CREATE SCHEMA ahead",
            _AHEAD,
            "GRANT USAGE ON SCHEMA ahead TO parley_app",
            "ALTER ROLE parley_app SET search_path = ahead, pg_catalog, public",
        ],
        ["ALTER ROLE parley_app RESET search_path", "DROP SCHEMA ahead CASCADE"],
    ),
    (
        *("audit.guards", ERROR),
        ["ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_append_only"],
        ["ALTER TABLE audit_entry ENABLE TRIGGER audit_entry_append_only"],
    ),
    (
        *("audit.newest", ERROR),
        ["UPDATE audit_entry SET reason = 'changed' WHERE id = (SELECT entry FROM audit_seal ORDER BY n DESC LIMIT 1)"],
        ["UPDATE audit_entry SET reason = '' WHERE reason = 'changed'"],
    ),
    (
        *("worker.alive", ERROR),
        ["UPDATE core_task SET run_at = now() - interval '1 hour' WHERE name = 'audit.seal'"],
        [],
    ),
    (
        *("worker.behind", WARNING),
        ["UPDATE core_task SET run_at = now() - interval '1 hour' WHERE name = 'core.tidy_tasks'"],
        [],
    ),
    (
        *("worker.failed", WARNING),
        ["UPDATE core_task SET attempts = 9 WHERE name = 'core.tidy_tasks'"],
        ["UPDATE core_task SET attempts = 0 WHERE name = 'core.tidy_tasks'"],
    ),
    (
        *("retention.run", WARNING),
        ["UPDATE core_task SET created_at = now() - interval '3 days' WHERE name = 'retention.nightly'"],
        ["UPDATE core_task SET created_at = now() WHERE name = 'retention.nightly'"],
    ),
    (
        *("retention.run", ERROR),
        [
            _FAILED_RUN,
        ],
        ["DELETE FROM retention_run"],
    ),
    (
        *("retention.policies", ERROR),
        ["UPDATE retention_policy SET rule = 'gone.' || rule"],
        ["UPDATE retention_policy SET rule = replace(rule, 'gone.', '')"],
    ),
    (
        *("retention.holds", WARNING),
        ["UPDATE retention_legalhold SET placed_at = now() - interval '400 days'"],
        ["UPDATE retention_legalhold SET placed_at = now()"],
    ),
    (
        *("retention.shredded", ERROR),
        ["UPDATE parley_installation SET shreds_applied = 7"],
        ["UPDATE parley_installation SET shreds_applied = 0"],
    ),
    (
        *("staff.devices", WARNING),
        ["UPDATE accounts_totpdevice SET confirmed = false"],
        ["UPDATE accounts_totpdevice SET confirmed = true"],
    ),
    (
        *("staff.superusers", WARNING),
        ["UPDATE accounts_user SET is_superuser = false WHERE username = 'boss'"],
        ["UPDATE accounts_user SET is_superuser = true WHERE username = 'boss'"],
    ),
    (
        *("backups.newest", WARNING),
        ["UPDATE audit_entry SET ts = ts - interval '3 days' WHERE action = 'backup.made'"],
        ["UPDATE audit_entry SET ts = ts + interval '3 days' WHERE action = 'backup.made'"],
    ),
    (
        *("keys.vault", WARNING),
        ["CREATE TABLE kept AS SELECT * FROM vault_canary", "DELETE FROM vault_canary"],
        ["DELETE FROM vault_canary", "INSERT INTO vault_canary SELECT * FROM kept", "DROP TABLE kept"],
    ),
]
ALSO = {"backups.newest": {"audit.newest": ERROR}}
"""An entry that was made older is no longer genuine."""


@pytest.mark.parametrize(
    ("name", "state", "breaks", "mends"), STATES, ids=[f"{case} {row[0]}" for case, row in enumerate(STATES)]
)
def test_it_turns_red_for_what_the_database_says(
    live: Production, calm: Report, name: str, state: str, breaks: Sequence[str], mends: Sequence[str]
) -> None:
    with live.worker_paused():
        live.sql(*breaks)
        try:
            assert live.doctor().beside(calm) == {name: state, **ALSO.get(name, {})}
        finally:
            live.sql(*mends)
    live.settles()


def test_it_verifies_as_many_entries_as_it_is_told(live: Production, calm: Report) -> None:
    """What is wrong further back is for `verify_audit_log`."""
    with live.worker_paused():
        live.sql("UPDATE audit_entry SET reason = 'changed' WHERE id = (SELECT entry FROM audit_seal WHERE n = 1)")
        try:
            assert live.doctor("--newest", "2").beside(calm) == {}
            assert live.doctor("--newest", "2000").beside(calm) == {"audit.newest": ERROR}
        finally:
            live.sql("UPDATE audit_entry SET reason = '' WHERE reason = 'changed'")


def test_it_turns_red_for_entries_that_nobody_seals(live: Production, calm: Report) -> None:
    an_hour_ago = (
        "from datetime import timedelta; from uuid import uuid4; import audit; from core import time\n"
        "from core.actor import SYSTEM\n"
        "time.correct(-timedelta(hours=1))\n"
        "with audit.transaction():\n"
        "    audit.record('backup.made', actor=SYSTEM, object_id=uuid4())\n"
    )
    with live.worker_paused():
        done = live.run("shell", "--no-imports", "-c", an_hour_ago)
        assert done.returncode == 0, done.stderr
        try:
            assert live.doctor().beside(calm) == {"audit.sealed": ERROR}
        finally:
            live.sql(*_WITHOUT_UNSEALED)


_WITHOUT_UNSEALED = (
    "DELETE FROM audit_detail d WHERE NOT EXISTS (SELECT 1 FROM audit_seal s WHERE s.entry = d.entry)",
    "DELETE FROM audit_entry e WHERE NOT EXISTS (SELECT 1 FROM audit_seal s WHERE s.entry = e.id)",
)


def test_it_turns_red_for_people_of_the_demonstration(live: Production, calm: Report) -> None:
    live.sql("UPDATE accounts_user SET username = 'provider1' WHERE username = 'boss'")
    try:
        report = live.doctor(DEMO_PASSWORD=PASSWORD)
        assert report.beside(calm) == {"staff.demo": ERROR}
        assert PASSWORD not in report.output
    finally:
        live.sql("UPDATE accounts_user SET username = 'boss' WHERE username = 'provider1'")


# ---- The way to the database -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("disable", {"database.tls": ERROR}), ("require", {"database.tls": WARNING}), ("verify-ca", {})],
)
def test_it_turns_red_for_a_connection_in_the_clear(
    live: Production, calm: Report, mode: str, expected: dict[str, str]
) -> None:
    with relay(live.postgres_place) as elsewhere:
        verified = {"sslrootcert": str(live.certificate)} if mode == "verify-ca" else {}
        report = live.doctor(DATABASE_URL=live.at(elsewhere.host, elsewhere.port, sslmode=mode, **verified))
    assert report.beside(calm) == expected
    assert report.states["database.tls"] == expected.get("database.tls", "ok")


def test_it_turns_red_for_an_old_postgresql(live: Production, calm: Report) -> None:
    """One that says so when a client comes, as PostgreSQL 13 does."""
    [(version,)] = live.sql("SHOW server_version")
    older = "13" + version[2:]
    with relay(
        live.postgres_place, (f"server_version\0{version}".encode(), f"server_version\0{older}".encode())
    ) as old:
        report = live.doctor(DATABASE_URL=live.at(old.host, old.port, sslmode="disable"))
    # Whether that connection is encrypted is a question of its own.
    assert {**report.beside(calm), "database.tls": WARNING} == {"database.version": ERROR, "database.tls": WARNING}


# ---- Redis -----------------------------------------------------------------------------------------------------------


@contextmanager
def configured(live: Production, **values: str) -> Iterator[None]:
    """Redis with other settings of its own, for as long as the block runs."""
    with live.redis() as redis:
        before: dict[str, Any] = {name: redis.config_get(name.replace("_", "-")) for name in values}
        for name, value in values.items():
            redis.config_set(name.replace("_", "-"), value)
        try:
            yield
        finally:
            for settings in before.values():
                for name, value in settings.items():
                    redis.config_set(name, value)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"maxmemory": "1gb", "maxmemory_policy": "allkeys-lru"}, "redis.memory"),
        ({"save": "3600 1"}, "redis.disk"),
        ({"appendonly": "yes"}, "redis.disk"),
    ],
    ids=["evicts", "snapshots", "log"],
)
def test_it_turns_red_for_how_redis_is_set_up(
    live: Production, calm: Report, settings: dict[str, str], name: str
) -> None:
    with configured(live, **settings):
        assert live.doctor().beside(calm) == {name: WARNING}


def test_a_redis_that_refuses_when_it_is_full_is_all_right(live: Production, calm: Report) -> None:
    with configured(live, maxmemory="1gb", maxmemory_policy="noeviction"):
        assert live.doctor().beside(calm) == {}


def test_it_turns_red_for_a_redis_that_asks_nobody_for_a_password(live: Production, calm: Report) -> None:
    host, port = live.redis_place
    with configured(live, requirepass=""), relay(live.redis_place) as elsewhere:
        here = live.doctor(REDIS_URL=f"redis://{host}:{port}/0")
        there = live.doctor(REDIS_URL=f"redis://{elsewhere.host}:{elsewhere.port}/0")
    assert here.beside(calm) == {"redis.password": WARNING}
    assert there.beside(calm) == {"redis.password": ERROR, "redis.tls": WARNING}


def test_it_turns_red_for_a_redis_in_the_clear(live: Production, calm: Report) -> None:
    with relay(live.redis_place) as elsewhere:
        host, port = live.redis_place
        address = live.redis_url.replace(f"{host}:{port}", f"{elsewhere.host}:{elsewhere.port}")
        assert live.doctor(REDIS_URL=address).beside(calm) == {"redis.tls": WARNING}


@pytest.mark.parametrize(
    ("address", "state"), [("redis://127.0.0.1:1/0", ERROR), (None, WARNING)], ids=["away", "none"]
)
def test_it_turns_red_without_redis(live: Production, calm: Report, address: str | None, state: str) -> None:
    assert live.doctor(REDIS_URL=address).beside(calm) == {"redis.answers": state}
