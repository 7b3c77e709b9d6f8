"""Who reads the figures: whoever has the token, or this machine alone; to everybody else there is no such address."""

import os
import subprocess
import sys

import httpx
import pytest
from django.test import RequestFactory
from pytest_django import Settings

from config.metrics.guard import may_read
from tests.figures import scrape
from tests.live import Server

pytestmark = pytest.mark.core

TOKEN = "scraper-0123456789-0123456789"


def refused_like_nothing(server: Server, method: str = "GET", **headers: str) -> None:
    """Byte for byte the answer of an address that nobody has, but for the request's id."""
    here = httpx.request(method, f"{server.url}/metrics", headers=headers)
    nowhere = httpx.request(method, f"{server.url}/nothing", headers=headers)
    assert here.status_code == nowhere.status_code == 404
    assert here.text.replace(here.headers["x-request-id"], "") == nowhere.text.replace(
        nowhere.headers["x-request-id"], ""
    )
    volatile = {"x-request-id", "date"}
    assert {k: v for k, v in here.headers.items() if k not in volatile} == {
        k: v for k, v in nowhere.headers.items() if k not in volatile
    }


def test_without_a_token_this_machine_reads_them(server: Server) -> None:
    assert scrape(server.url).has("connections_active")


def test_behind_a_proxy_nobody_reads_them_without_a_token(server: Server, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    refused_like_nothing(server)


@pytest.mark.parametrize(
    "header",
    [
        *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Server"),
        *("Forwarded", "Via", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP"),
    ],
)
def test_a_proxy_that_nobody_spoke_of_is_noticed(server: Server, header: str) -> None:
    """TRUSTED_PROXIES left at 0 on a machine whose proxy comes from 127.0.0.1."""
    refused_like_nothing(server, **{header: "127.0.0.1"})


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("peer", "allowed"),
    [("127.0.0.1", True), ("::1", True), ("127.0.0.2", False), ("10.0.0.7", False), ("::ffff:127.0.0.1", False)],
)
def test_another_machine_is_nobody(peer: str, allowed: bool) -> None:
    assert may_read(RequestFactory().get("/metrics", REMOTE_ADDR=peer)) is allowed


@pytest.mark.no_database
def test_a_peer_without_an_address_is_nobody() -> None:
    request = RequestFactory().get("/metrics")
    del request.META["REMOTE_ADDR"]
    assert not may_read(request)


def test_with_the_token_they_are_read_from_anywhere(server: Server, settings: Settings) -> None:
    settings.METRICS_TOKEN, settings.TRUSTED_PROXIES = TOKEN, 1
    forwarded = {"X-Forwarded-For": "192.0.2.1"}
    assert scrape(server.url, Authorization=f"Bearer {TOKEN}", **forwarded).has("connections_active")
    assert scrape(server.url, Authorization=f"bearer {TOKEN}").has("connections_active")


@pytest.mark.parametrize(
    "shown", ["", TOKEN, f"Basic {TOKEN}", "Bearer", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", "Bearer na\u00efve"]
)
def test_with_any_other_there_is_nothing(server: Server, settings: Settings, shown: str) -> None:
    """This machine included: a token that is set is asked for."""
    settings.METRICS_TOKEN = TOKEN
    answer = httpx.get(f"{server.url}/metrics", headers=[(b"authorization", shown.encode("latin-1"))])
    assert answer.status_code == 404
    assert TOKEN not in answer.text


def test_a_query_is_no_place_for_the_token(server: Server, settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert httpx.get(f"{server.url}/metrics?token={TOKEN}").status_code == 404


def test_switched_off_there_is_nothing(server: Server, settings: Settings) -> None:
    settings.METRICS_ENABLED = False
    refused_like_nothing(server)


def test_nothing_can_be_sent_there(server: Server, settings: Settings) -> None:
    assert httpx.post(f"{server.url}/metrics").status_code == 405
    assert httpx.head(f"{server.url}/metrics").content == b""
    settings.TRUSTED_PROXIES = 1
    refused_like_nothing(server, "POST")


@pytest.mark.no_database
@pytest.mark.parametrize("token", ["short", "nineteen-characters", "n\u00e4chtliche-abfrage-der-zahlen"])
def test_with_a_token_that_could_be_guessed_nothing_starts(token: str) -> None:
    command = [sys.executable, "manage.py", "check"]
    ended = subprocess.run(
        command, env={**os.environ, "METRICS_TOKEN": token}, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode != 0
    assert ended.stderr.startswith("Parley does not start: METRICS_TOKEN ")
    assert token not in ended.stderr
