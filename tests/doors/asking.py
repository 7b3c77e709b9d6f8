"""How each declared request is asked at each door. A declaration without an entry here fails the tests."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from core.doors import receives
from tests.sockets import Client, Frame

Json = dict[str, Any]
RANDOM = "01890000-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class Ask:
    """One request. `subject` is what its address names: the id of a conversation or of a message, or nothing."""

    method: str
    path: str
    subject: str = "conversation"
    body: Json | None = None
    params: Json | None = None

    def by_rest(self, client: httpx.Client, subject: str, **extra: Any) -> httpx.Response:
        """`extra` goes where this request has its fields: into the body, or else into the query."""
        body = None if self.body is None else {**self.body, **extra}
        params = {**(self.params or {}), **({} if self.body is not None else extra)}
        return client.request(self.method, f"/api/v1/{self.path.format(subject)}", json=body, params=params)

    def data(self, subject: str, **extra: Any) -> Json:
        """The same as the data of a socket's request."""
        named = {} if self.subject == "nothing" else {f"{self.subject}Id": subject}
        return {**named, **(self.body or {}), **(self.params or {}), **extra}


ASKS = {
    "message:new": Ask("POST", "conversations/{}/messages", body={"content": "x"}),
    "message:edit": Ask("PATCH", "messages/{}", "message", body={"content": "changed"}),
    "message:delete": Ask("DELETE", "messages/{}", "message"),
    "message:get": Ask("GET", "messages/{}", "message"),
    "message:delivered": Ask("PUT", "conversations/{}/delivered", body={"seq": 1}),
    "message:read": Ask("PUT", "conversations/{}/read", body={"seq": 1}),
    "conversation:messages": Ask("GET", "conversations/{}/messages"),
    "conversation:events": Ask("GET", "conversations/{}/events"),
    "conversation:receipts": Ask("GET", "conversations/{}/receipts"),
    "conversation:get": Ask("GET", "conversations/{}"),
    "conversation:members": Ask("GET", "conversations/{}/members"),
    "conversation:update": Ask("PATCH", "conversations/{}", body={"priority": "urgent"}),
    "conversation:update-preferences": Ask("PUT", "conversations/{}/preferences", body={"archived": True}),
    "conversation:delete": Ask("DELETE", "conversations/{}"),
    "conversation:create": Ask("POST", "conversations", "nothing", body={}),
    "conversation:list": Ask("GET", "conversations", "nothing"),
    "conversation:unread-count": Ask("GET", "conversations/unread-count", "nothing"),
}

WITH_SUBJECT = sorted(name for name, ask in ASKS.items() if ask.subject != "nothing")
BY_SOCKET = sorted(name for name, declaration in receives.items() if declaration.socket)


def refusal_by_socket(client: Client, name: str, data: Json) -> Frame:
    """The error of a request that must be refused."""
    reply = client.ask_raw(name, data)
    assert "error" in reply, reply
    return dict(reply["error"])


Made = Callable[[str], str]
"""`made("message")`, `made("conversation")`: the id of the subject that the tests ask about."""
