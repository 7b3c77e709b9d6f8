"""The page in a real Chromium, in words a test can be written in."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import httpx
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Locator, Page, Request, expect, sync_playwright

from tests.people import PASSWORD, Person


class Someone(NamedTuple):
    """Whom the page knows: by login name and by the name it shows. The cast of tests/people.py."""

    username: str
    name: str


PATIENT = Someone("pat1", "Paula Quint")
PROVIDER = Someone("doc1", "Dr. Iris Berg")
OTHER_PROVIDER = Someone("doc2", "Dr. Ines Berg")

UNWANTED = (
    # Popups of the address bar, which no test sees: to prepare them costs every window more than the page itself.
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"),
    # Playwright's own list, which this one replaces, as far as it concerns a page on this machine.
    *("AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose"),
    *("HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "MediaRouter", "OptimizationHints", "PaintHolding"),
    "ThirdPartyStoragePartitioning",
)
FLAGS = [
    "--use-fake-device-for-media-stream",  # a microphone that beeps, for whom it is granted
    "--no-sandbox",  # the suite may run as root in a container; what it opens is its own server
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing else is reached, whatever a page asks for
    "--disable-features=" + ",".join(UNWANTED),
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
        # Only looked at: to hold up every request for a word of ours would cost more than the page itself.
        self.page.on("request", self._asks)

    @property
    def complaints(self) -> list[str]:
        return [heard for heard in self._heard if not any(words in heard for words in self._forgiven)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._heard.append(f"console: {message.text}")

    def _dialog(self, dialog: Dialog) -> None:
        self._heard.append(f"dialog: {dialog.message}")
        dialog.accept()

    def _asks(self, request: Request) -> None:
        if EXTERNAL.match(request.url):
            self._heard.append(f"request to {request.url}")

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

    def in_list(self, who: Someone | str) -> Locator:
        """The conversation with this person, or the room of this name, in the list."""
        shown = self.page.get_by_role("list", name="Conversations").get_by_role("button")
        return shown.filter(has_text=_name(who))

    def open(self, who: Someone | str) -> None:
        """Open it from the list."""
        self.in_list(who).click()
        self._is_open(who)

    def _is_open(self, who: Someone | str) -> None:
        expect(self.page.get_by_role("heading", name=_name(who))).to_be_visible(timeout=PATIENCE_MS)

    def press(self, name: str) -> None:
        """The button of this name."""
        self.page.get_by_role("button", name=name, exact=True).click()

    def find(self, label: str, words: str) -> Locator:
        """Search in the field of this label; what there is to choose from."""
        search = self.page.get_by_role("search").filter(has=self.page.get_by_label(label))
        search.get_by_label(label).fill(words)
        search.get_by_role("button", name="Find").click()
        return search.locator("xpath=..").get_by_role("listitem").get_by_role("button")

    def members(self) -> Locator:
        """Open the panel of the members of the open conversation; its entries."""
        self.page.locator("#people-here").click()
        return self.page.get_by_role("dialog").get_by_role("list", name="Members").get_by_role("listitem")

    def message(self, text: str) -> Locator:
        """The message that says exactly this."""
        said = self.page.locator(".text").get_by_text(text, exact=True)
        return self.page.locator("#messages > li").filter(has=said)

    def act_on(self, text: str, action: str) -> None:
        """Do this with the message that says exactly this."""
        message = self.message(text)
        message.get_by_role("button", name="Actions").click()
        message.get_by_role("button", name=action, exact=True).click()

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


def _name(who: Someone | str) -> str:
    return who if isinstance(who, str) else who.name


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


def room(client: httpx.Client, name: str, *members: Person, kind: str = "group", **more: str) -> str:
    """Make a room over REST; its id."""
    asked = {"kind": kind, "name": name, "memberIds": [str(member.id) for member in members], **more}
    return str(client.post("/api/v1/conversations", json=asked).raise_for_status().json()["id"])


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


class Lent:
    """A running Chromium that tests borrow one after another: a start costs more processor time than most tests.

    Playwright marks its event loop as running in this thread, and leaves the mark between calls. Beside it neither
    Django's ORM nor another loop works, so the mark is there only while somebody has the browser.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)

    @contextmanager
    def borrowed(self) -> Iterator[Browser]:
        """The browser without any window; afterwards none is left."""
        asyncio._set_running_loop(self._loop)
        try:
            yield self._browser
            for context in self._browser.contexts:
                context.close()
        finally:
            asyncio._set_running_loop(None)

    def take_back(self) -> None:
        """Before it can be closed."""
        asyncio._set_running_loop(self._loop)
