"""The admin site in a real browser: what headers of ours could break, curl does not notice."""

from playwright.sync_api import expect

from tests.live import Server
from tests.page.browser import OpenWindow
from tests.people import PASSWORD, Person


def test_staff_sign_in_to_the_admin_site(adm1: Person, window: OpenWindow, server: Server) -> None:
    opened = window()
    opened.page.goto(f"{server.url}/admin/")
    opened.page.get_by_label("Username").fill(adm1.username)
    opened.page.get_by_label("Password").fill(PASSWORD)
    opened.page.keyboard.press("Enter")
    expect(opened.page.get_by_role("button", name="Log out")).to_be_visible()
