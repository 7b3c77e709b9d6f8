"""A browser for the tests of the page. On a developer's machine without Chromium they are skipped, in CI they fail."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from tests.everyday import first_stands_for_others
from tests.live import Server
from tests.page.browser import Lent, Window, chromium
from tests.page.cable import Cable, cable_to
from tests.people import Person, client_for, open_clinical

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = (
    "The tests of the page need Chromium: install the package 'chromium' "
    "(Debian: apt-get install --no-install-recommends chromium)."
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everyday the first test of each file stands for the others: what the file is about, working."""
    first_stands_for_others(items, Path(__file__).parent.iterdir())


@pytest.fixture(scope="session")
def chromium_executable() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(MISSING)
    pytest.skip(MISSING)


@pytest.fixture
def as_pat1(server: Server, pat1: Person) -> Iterator[httpx.Client]:
    """pat1 at another device: REST, no browser."""
    with client_for(pat1, server) as client:
        yield client


@pytest.fixture
def as_doc1(server: Server, doc1: Person) -> Iterator[httpx.Client]:
    """doc1 at another device."""
    with client_for(doc1, server) as client:
        yield client


@pytest.fixture
def as_doc2(server: Server, doc2: Person) -> Iterator[httpx.Client]:
    """doc2 at another device."""
    with client_for(doc2, server) as client:
        yield client


@pytest.fixture
def conversation(pat1: Person, doc1: Person) -> str:
    """The id of the conversation of pat1 and doc1."""
    return open_clinical(pat1, doc1)


@pytest.fixture(scope="session")
def lent(chromium_executable: str) -> Iterator[Lent]:
    """The one Chromium of this process."""
    with chromium(chromium_executable) as browser:
        lent = Lent(browser)
        yield lent
        lent.take_back()


# Whoever takes part comes first, because rows cannot be made while a test has the browser (Lent). It is given back
# before the next test begins.
@pytest.fixture
def browser(
    lent: Lent,
    conversation: str,
    as_pat1: httpx.Client,
    as_doc1: httpx.Client,
    as_doc2: httpx.Client,
) -> Iterator[Browser]:
    with lent.borrowed() as browser:
        yield browser


@pytest.fixture
def window(browser: Browser, server: Server) -> Iterator[Callable[..., Window]]:
    """Opens windows of their own; afterwards none of them may have complained of anything."""
    windows: list[Window] = []

    def open_window(url: str = "", *, width: int = 1000) -> Window:
        windows.append(Window(browser, url or server.url, width=width))
        return windows[-1]

    yield open_window
    for opened in windows:
        assert opened.complaints == []


@pytest.fixture
def cable(server: Server) -> Iterator[Cable]:
    """A cable to the server; pages may be opened at its `url`."""
    with cable_to(server.port) as cable:
        yield cable
