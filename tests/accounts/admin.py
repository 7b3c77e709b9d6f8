"""A browser in the admin."""

import re

import httpx

from accounts.models import User
from tests.people import PASSWORD


class Admin:
    """A browser in the admin: follows redirects, keeps cookies, sends the CSRF token of the page it is on."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(self, path: str) -> httpx.Response:
        return self._client.get(path)

    def post(self, path: str, **fields: object) -> httpx.Response:
        page = self._client.get(path).text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token, page
        return self._client.post(path, data={"csrfmiddlewaretoken": token[1], **fields})

    def sign_in(self, username: str, password: str = PASSWORD) -> httpx.Response:
        return self.post("/admin/login/", username=username, password=password, next="/admin/")

    def act(self, action: str, *people: User) -> httpx.Response:
        selected = [str(user.pk) for user in people]
        return self.post("/admin/accounts/user/", action=action, _selected_action=selected)
