"""`check --deploy` about where links to files lead, and about how much of a file the scanner takes."""

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from config.checks import cookies, links, scanner
from tests.peers.clamd import clamd_of, scan_with


@pytest.mark.parametrize(
    ("origin", "hosts", "expected"),
    [
        ("", ["chat.example.org"], set()),
        ("https://files.example.org", ["chat.example.org", "files.example.org"], set()),
        ("https://files.example.org", [".example.org"], set()),
        ("https://files.example.org:8443", ["chat.example.org", "files.example.org", "localhost"], set()),
        ("https://files.example.org", ["files.example.org"], set()),
        ("https://files.example.org", ["chat.example.org"], {"parley.W014"}),
        ("https://files.example.net", ["chat.example.org", "files.example.net"], {"parley.W015"}),
        ("https://files.example.net", ["chat.example.org"], {"parley.W014", "parley.W015"}),
        ("http://10.0.0.2", ["10.1.0.2", "10.0.0.2"], {"parley.W015"}),
        ("http://[::1]:8000", ["[::1]", "localhost"], {"parley.W015"}),
        ("https://files", ["chat", "files"], {"parley.W015"}),
        ("https://files.example.net", ["*"], set()),
    ],
)
def test_an_address_of_files_that_nobody_can_use_is_said(
    settings: Settings, origin: str, hosts: list[str], expected: set[str]
) -> None:
    settings.FILES_ORIGIN, settings.ALLOWED_HOSTS = origin, hosts
    assert {found.id for found in links(None)} == expected


def test_a_scanner_that_takes_less_than_an_upload_is_said(settings: Settings) -> None:
    settings.ATTACHMENT_MAX_BYTES = settings.CHAT_MAX_ATTACHMENT_SIZE = 2 << 20
    for taken, expected in (("1M", True), ("2M", False)):
        with clamd_of(changed={"StreamMaxLength": taken}) as clamd:
            scan_with(settings, clamd.url)
            assert ("parley.W016" in {found.id for found in scanner(None)}) is expected


def test_cookies_without_tls_are_said_by_the_name_that_the_setting_has_here(settings: Settings) -> None:
    settings.SESSION_COOKIE_SECURE = False
    [said] = cookies(None)
    assert (said.id, said.hint) == ("parley.W017", "Set ADMIN_COOKIES_SECURE=true.")
    told = {one.id for one in run_checks(include_deployment_checks=True) if not one.is_silenced()}
    assert "parley.W017" in told
    assert not {"security.W010", "security.W011", "security.W012"} & told
    settings.SESSION_COOKIE_SECURE = True
    assert cookies(None) == []
