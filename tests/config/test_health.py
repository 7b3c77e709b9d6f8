"""Health: what an operator's probes see, and nothing else."""

from collections.abc import Callable

import httpx
import pytest
from django.db.migrations.loader import MigrationLoader
from pytest_django import Settings

from config import health
from realtime import draining
from tests.live import Server
from tests.people import Person
from tests.sockets import connect

pytestmark = pytest.mark.core


def test_health_counts_the_sockets(server: Server, pat1: Person) -> None:
    with connect(server, pat1.token):
        answer = httpx.get(server.url + "/health").json()
    assert answer["status"] == "healthy"
    assert answer["connections"]["active"] >= 1
    assert answer["connections"]["peak"] >= answer["connections"]["active"]
    assert answer["connections"]["total"] >= 1
    assert answer["uptime"] >= 0
    assert answer["timestamp"].endswith("Z")


def test_a_process_that_serves_is_live_and_ready(server: Server) -> None:
    assert httpx.get(server.url + "/health/live").json() == {"status": "live"}
    answer = httpx.get(server.url + "/health/ready")
    assert answer.json() == {"status": "ready", "cache": "available", "scanner": "none"}


def test_a_process_that_is_about_to_stop_is_live_and_not_ready(server: Server) -> None:
    draining.begin()
    try:
        answer = httpx.get(server.url + "/health/ready")
        assert (answer.status_code, answer.json()["code"]) == (503, "draining")
        assert httpx.get(server.url + "/health").json()["status"] == "draining"
        assert httpx.get(server.url + "/health/live").status_code == 200
    finally:
        draining.reset()
    assert httpx.get(server.url + "/health/ready").status_code == 200


def test_a_process_is_not_ready_before_the_database_has_its_tables(
    server: Server, tamper: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_known_as_migrated", False)
    [last] = MigrationLoader(None).graph.leaf_nodes("accounts")
    assert tamper("DELETE FROM django_migrations WHERE app = %s AND name = %s", last) == 1
    try:
        answer = httpx.get(server.url + "/health/ready")
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    finally:
        tamper("INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, CURRENT_TIMESTAMP)", last)
    assert httpx.get(server.url + "/health/ready").status_code == 200


def test_a_missing_redis_is_said_and_keeps_nobody_out(server: Server, settings: Settings) -> None:
    """Nothing listens at that port: messages are stored and delivered all the same."""
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "redis://127.0.0.1:1/0"}}
    answer = httpx.get(server.url + "/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "cache": "unavailable", "scanner": "none"})


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
def test_probes_may_ask_for_the_head_alone(server: Server, path: str) -> None:
    answer = httpx.head(server.url + path)
    assert (answer.status_code, answer.content) == (200, b"")


def test_nothing_can_be_sent_to_health(server: Server) -> None:
    assert httpx.post(server.url + "/health").status_code == 405
