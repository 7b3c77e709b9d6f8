"""The browsable documents in a real browser: a policy without inline scripts is easy to break and hard to notice."""

from playwright.sync_api import expect

from tests.live import Server
from tests.page.browser import Window, chromium
from tests.page.conftest import chromium_executable

__all__ = ["chromium_executable"]  # a fixture


def test_the_browsable_documents_open_without_a_complaint(server: Server, chromium_executable: str) -> None:
    """T159."""
    with chromium(chromium_executable) as browser:
        window = Window(browser, server.url)
        window.page.goto(f"{server.url}/api/docs")
        operation = window.page.locator("#operations-auth-signIn")
        expect(operation).to_be_visible()
        operation.locator("button").first.click()
        expect(operation.get_by_role("button", name="Try it out")).to_be_visible()
        assert window.complaints == []
