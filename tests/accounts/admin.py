"""A browser in the admin."""

import re

import httpx

from accounts.models import User
from tests.people import PASSWORD

PEOPLE = "/admin/accounts/user/"


class Admin:
    """A browser in the admin: follows redirects, keeps cookies, sends the CSRF token of the page it is on."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    @property
    def cookie(self) -> str:
        """The key of its session."""
        return self._client.cookies["sessionid"]

    def get(self, path: str) -> httpx.Response:
        return self._client.get(path)

    def post(self, path: str, **fields: object) -> httpx.Response:
        page = self._client.get(path).text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token, page
        return self._client.post(path, data={"csrfmiddlewaretoken": token[1], **fields})

    def sign_in(self, username: str, password: str = PASSWORD, code: str = "") -> httpx.Response:
        return self.post("/admin/login/", username=username, password=password, code=code, next="/admin/")

    def choose(self, action: str, *people: User, everybody: bool = False) -> httpx.Response:
        """Start an action for these people, or for everybody in the list."""
        fields = {"action": action, "_selected_action": [str(user.pk) for user in people]}
        return self.post(PEOPLE, **fields, select_across="1" if everybody else "0")

    def confirm(self, page: httpx.Response) -> httpx.Response:
        """Send the form of this page as it is."""
        fields: dict[str, list[str]] = {}
        for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text):
            fields.setdefault(name, []).append(value)
        return self._client.post(str(page.url), data=fields)

    def act(self, action: str, *people: User) -> httpx.Response:
        """Both, and the answer that comes in the end."""
        page = self.choose(action, *people)
        return self.confirm(page) if 'name="confirmed"' in page.text else page

    def post_in(self, charset: str, path: str, **fields: str) -> httpx.Response:
        """A form in multipart, which unlike the other kind may say in which charset it is."""
        token = self._client.cookies["csrftoken"]
        parts = [
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in {"csrfmiddlewaretoken": token, **fields}.items()
        ]
        return self._client.post(
            path,
            content="".join([*parts, "--x--\r\n"]).encode(),
            headers={"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"},
        )
