"""The page in a real Chromium, in words a test can be written in."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import httpx
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Locator, Page, Route, expect, sync_playwright

from tests.people import PASSWORD


class Someone(NamedTuple):
    """Whom the page knows: by login name and by the name it shows. The cast of tests/people.py."""

    username: str
    name: str


PATIENT = Someone("pat1", "Paula Quint")
PROVIDER = Someone("doc1", "Dr. Iris Berg")
OTHER_PROVIDER = Someone("doc2", "Dr. Ines Berg")

FLAGS = [
    "--no-sandbox",  # the suite may run as root in a container; what it opens is its own server
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 15_000
EXTERNAL = re.compile(r"^(?!http://127\.0\.0\.1[:/])")


class Window:
    """One browser window of its own (cookies and all) on the page of the server at `url`.

    `complaints`: what the browser complained about since the start and nobody forgave: errors of the console, uncaught
    exceptions, dialogs, and requests to anywhere else.
    """

    def __init__(self, browser: Browser, url: str, *, width: int = 1000) -> None:
        self.page: Page = browser.new_context(viewport={"width": width, "height": 700}).new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.url = url
        self._heard: list[str] = []
        self._forgiven: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self._heard.append(f"uncaught: {error}"))
        self.page.on("dialog", self._dialog)
        self.page.route(EXTERNAL, self._leaves)

    @property
    def complaints(self) -> list[str]:
        return [heard for heard in self._heard if not any(words in heard for words in self._forgiven)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._heard.append(f"console: {message.text}")

    def _dialog(self, dialog: Dialog) -> None:
        self._heard.append(f"dialog: {dialog.message}")
        dialog.accept()

    def _leaves(self, route: Route) -> None:
        self._heard.append(f"request to {route.request.url}")
        route.abort()

    def forgive(self, words: str) -> None:
        """Browsers report each failed request by themselves, sometimes late: complaints with these words do not count,
        whenever they come."""
        self._forgiven.append(words)

    def sign_in(self, who: Someone) -> "Window":
        self.page.goto(self.url)
        self.page.get_by_label("Username").fill(who.username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.is_connected()
        return self

    def is_connected(self) -> None:
        expect(self.page.locator("#connection")).to_have_text("Connected", timeout=PATIENCE_MS)

    def is_signed_out(self, notice: str = "") -> None:
        expect(self.page.get_by_role("button", name="Sign in")).to_be_visible(timeout=PATIENCE_MS)
        expect(self.page.get_by_role("alert")).to_have_text(notice)

    def start_with(self, who: Someone) -> None:
        """Find somebody in the directory and open the conversation with them."""
        self.page.get_by_label("Talk to somebody").fill(who.username)
        self.page.get_by_role("button", name="Find").click()
        self.page.get_by_role("list", name="People").get_by_role("button").click()
        self._is_open(who)

    def in_list(self, who: Someone) -> Locator:
        """The conversation with this person in the list."""
        return self.page.get_by_role("list", name="Conversations").get_by_role("button").filter(has_text=who.name)

    def open(self, who: Someone) -> None:
        """Open the conversation with them from the list."""
        self.in_list(who).click()
        self._is_open(who)

    def _is_open(self, who: Someone) -> None:
        expect(self.page.get_by_role("heading", name=who.name)).to_be_visible(timeout=PATIENCE_MS)

    def write(self, text: str) -> None:
        self.page.get_by_label("Message", exact=True).fill(text)
        self.page.keyboard.press("Enter")

    def texts(self) -> list[str]:
        """What the messages of the open conversation say, from the oldest to the newest."""
        return self.page.locator("#messages .text").all_text_contents()

    def shows(self, *texts: str) -> None:
        """Exactly these messages are shown, each once and in this order, before patience ends."""
        until(self, lambda: self.texts() == [*texts], hopeless=lambda: f"{self.texts()} is shown, not {[*texts]}")

    def nothing_waits(self) -> None:
        """Everything that was sent is acknowledged."""
        expect(self.page.locator("#messages .waiting")).to_have_count(0, timeout=PATIENCE_MS)


OpenWindow = Callable[..., Window]


def until(window: Window, condition: Callable[[], bool], hopeless: Callable[[], str] = lambda: "") -> None:
    """Wait for `condition` while the browser goes on; fails with `hopeless()` when patience ends."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not condition():
        assert time.monotonic() < deadline, hopeless()
        window.page.wait_for_timeout(50)


def say(client: httpx.Client, conversation: str, text: str) -> str:
    """Send over REST; the new message's id."""
    answer = client.post(f"/api/v1/conversations/{conversation}/messages", json={"content": text})
    return str(answer.raise_for_status().json()["id"])


def contents(client: httpx.Client, conversation: str) -> list[str]:
    """What the server has stored, in order."""
    page = client.get(f"/api/v1/conversations/{conversation}/messages", params={"limit": 200}).raise_for_status().json()
    return [message["content"] for message in page["results"]]


@contextmanager
def chromium(executable: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()
