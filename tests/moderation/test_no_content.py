"""Whoever walks through the whole admin meets nothing that anybody wrote, but behind the one button."""

import re
from collections import Counter
from collections.abc import Callable
from html import unescape
from urllib.parse import urljoin, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.live import Server
from tests.messaging.talking import API, answered, say
from tests.moderation.reports import LIST, Case, Moderator, report
from tests.people import Person, client_for

pytestmark = pytest.mark.core

Browse = Callable[[Person], Moderator]

_NOT_VISITED = ("/admin/logout/", "/admin/jsi18n/")
_OF_A_KIND = 8
"""How many addresses are visited that differ in an id, or in the value of a parameter, only."""


def walk(browser: Moderator, *more: str) -> dict[str, str]:
    """Pages of every kind that links lead to from the first page on: lists, filters, orders, rows, histories."""
    pages: dict[str, str] = {}
    waiting, kinds = ["/admin/", *more], Counter[str]()
    while waiting:
        address = waiting.pop(0)
        answer = browser.get(address)
        pages[address] = answer.text
        for link in re.findall(r'href="([^"#]+)"', answer.text):
            url = urlsplit(urljoin(str(answer.url), unescape(link)))
            found = url.path + (f"?{url.query}" if url.query else "")
            if found in {*pages, *waiting} or not _is_wanted(url.path, url.query):
                continue
            kind = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", url.path) + url.query.partition("=")[0]
            kinds[kind] += 1
            if kinds[kind] <= _OF_A_KIND:
                waiting.append(found)
    return pages


def _is_wanted(path: str, query: str) -> bool:
    return path.startswith("/admin/") and path not in _NOT_VISITED and query.count("=") <= 1


@pytest.mark.parametrize("who", ["adm1", "mod1"])
def test_no_page_shows_what_anybody_wrote(
    browse: Browse, who: str, case: Case, teacher: Person, room: str, server: Server, request: pytest.FixtureRequest
) -> None:
    with client_for(teacher, server) as client:
        answered(client.patch(f"{API}/conversations/{room}", json={"description": "canary-of-a-description"}))
    browse(request.getfixturevalue("mod1")).note(case, "canary-of-a-note")
    person = request.getfixturevalue(who)
    browser = browse(person)
    pages = walk(browser, f"{LIST}{case.id}/history/")
    assert case.address in pages
    assert [address for address, text in pages.items() if "canary" in text] == []
    for words in ("canary", "canary-of-a-room", "canary-of-what-was-said"):
        assert browser.listed(f"?state=all&q={words}") == []


def test_a_long_queue_costs_no_query_for_each(
    mod1: Person, case: Case, room: str, student: Person, teacher: Person
) -> None:
    client = Client()
    client.force_login(mod1.user)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(LIST).status_code == 200
        return len(captured)

    queries()
    before = queries()
    for message in say(student, room, *"abcdefgh"):
        report(teacher, message["id"])
    assert queries() == before
