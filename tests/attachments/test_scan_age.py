"""How old clamd's signatures are, and whether it is set up so that its OK means something: what operators are told."""

from collections.abc import Iterator
from datetime import timedelta
from unittest.mock import Mock

import httpx
import pytest
from django.core import checks
from pytest_django import Settings

from attachments.scanning import Verdict, scan, standing
from attachments.scanning.probing import eicar
from config.checks import scanner
from tests.live import Server
from tests.peers.clamd import Clamd, clamd_of, forget, scan_with


@pytest.fixture(autouse=True)
def afterwards() -> Iterator[None]:
    yield
    forget()


def told() -> set[str]:
    return {str(found.id) for found in scanner(None)}


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("age", "state", "verdict", "check"),
    [
        (timedelta(days=6, hours=12), "available", Verdict.CLEAN, set()),
        (timedelta(days=7, hours=12), "outdated", Verdict.CLEAN, {"parley.W009"}),
        (timedelta(days=29, hours=12), "outdated", Verdict.CLEAN, {"parley.W009"}),
        (timedelta(days=30, hours=12), "too_old", Verdict.UNKNOWN, {"parley.E008"}),
        (timedelta(days=3000), "too_old", Verdict.UNKNOWN, {"parley.E008"}),
        (None, "too_old", Verdict.UNKNOWN, {"parley.E008"}),
    ],
    ids=["6 days", "7 days", "29 days", "30 days", "years", "of no date"],
)
def test_old_signatures_are_said_and_very_old_ones_call_nothing_clean(
    settings: Settings, age: timedelta | None, state: str, verdict: Verdict, check: set[str]
) -> None:
    with clamd_of(age=age) as clamd:
        scan_with(settings, clamd.url)
        assert standing.standing() == state
        assert scan([b"x"]).verdict is verdict
        assert scan([eicar()]).verdict is not Verdict.CLEAN
        assert check <= told()


@pytest.mark.no_database
def test_clamd_as_we_ship_it_is_found_in_order(clamd: Clamd) -> None:
    assert told() == set()


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("AlertExceedsMax", "no", "AlertExceedsMax yes"),
        ("AlertEncrypted", "no", "AlertEncrypted yes"),
        ("MaxFileSize", "64M", "MaxFileSize larger than MaxScanSize"),
    ],
)
def test_a_clamd_that_passes_over_what_it_cannot_open_is_an_error(
    settings: Settings, name: str, value: str, hint: str
) -> None:
    with clamd_of(changed={name: value}) as clamd:
        scan_with(settings, clamd.url)
        assert told() == {"parley.E009"}
        assert any(hint in str(found.hint) for found in scanner(None))


@pytest.mark.no_database
def test_clamds_own_defaults_are_an_error(settings: Settings) -> None:
    with clamd_of(shipped=False) as clamd:
        scan_with(settings, clamd.url)
        found = scanner(None)
        assert {one.id for one in found} == {"parley.E009"}
        assert all(one.level >= checks.ERROR for one in found)


@pytest.mark.no_database
def test_no_scanner_at_all_is_an_error_in_production(settings: Settings) -> None:
    settings.ATTACHMENT_SCANNER = "none"
    assert told() == {"parley.E007"}


@pytest.mark.no_database
def test_nobody_can_keep_clamd_busy_with_probes(clamd: Clamd, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Mock(wraps=standing.ask)
    monkeypatch.setattr(standing, "ask", asked)
    assert {standing.standing() for _ in range(100)} == {"available"}
    assert asked.call_count == 1


def ready(server: Server) -> httpx.Response:
    return httpx.get(server.url + "/health/ready", timeout=30)


def test_readiness_tells_of_the_scanner_and_serves_without_it(server: Server, settings: Settings, clamd: Clamd) -> None:
    assert ready(server).json()["scanner"] == "available"
    scan_with(settings, "tcp://127.0.0.1:1")
    answer = ready(server)
    assert (answer.status_code, answer.json()["scanner"]) == (200, "unavailable")
    with clamd_of(age=timedelta(days=8)) as old:
        scan_with(settings, old.url)
        answer = ready(server)
        assert (answer.status_code, answer.json()["scanner"]) == (200, "outdated")
        assert "27500" not in answer.text


def test_readiness_says_when_there_is_none(server: Server, settings: Settings) -> None:
    settings.ATTACHMENT_SCANNER = "none"
    forget()
    assert ready(server).json()["scanner"] == "none"
