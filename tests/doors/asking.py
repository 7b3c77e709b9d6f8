"""How each declared request is asked at each door. A declaration without an entry here fails the tests."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from core.doors import receives
from tests.sockets import Client, Frame

Json = dict[str, Any]
RANDOM = "01890000-0000-7000-8000-000000000000"


A_FILE = {"file": ("note.txt", b"A note.", "text/plain")}
"""What an upload sends."""


@dataclass(frozen=True)
class Ask:
    """One request. `subject` is what its address names: the id of a conversation or of a message, or nothing.

    What only a connection can do has no method and no address; `many`: the subject is named in a list; `in_vain`: it
    also names somebody who is not there, so that it answers 404 to everybody. `emoji` stands in the address as well.
    A `form` is no JSON, and names its subject inside; its file comes last.
    """

    method: str = ""
    path: str = ""
    subject: str = "conversation"
    body: Json | None = None
    params: Json | None = None
    many: bool = False
    in_vain: bool = False
    emoji: str | None = None
    form: bool = False

    def by_rest(self, client: httpx.Client, subject: str, **extra: Any) -> httpx.Response:
        """`extra` goes where this request has its fields: into the body, or else into the query."""
        if self.form:
            return client.post(self.address(subject), data=self.data(subject, **extra), files=A_FILE)
        body = None if self.body is None else {**self.body, **extra}
        params = {**(self.params or {}), **({} if self.body is not None else extra)}
        return client.request(self.method, self.address(subject), json=body, params=params)

    def address(self, subject: str) -> str:
        return f"/api/v1/{self.path.format(subject, emoji=quote(self.emoji or ''))}"

    @property
    def template(self) -> str:
        """The address as OpenAPI writes it."""
        path = self.path.format(f"{{{self.subject}_id}}", emoji="{emoji}")
        return f"/api/v1/{path.replace(RANDOM, '{user_id}')}"

    def data(self, subject: str, **extra: Any) -> Json:
        """The same as the data of a socket's request."""
        named: Json = {f"{self.subject}Ids": [subject]} if self.many else {f"{self.subject}Id": subject}
        named = {} if self.subject == "nothing" else named
        named |= {} if self.emoji is None else {"emoji": self.emoji}
        return {**named, **(self.body or {}), **(self.params or {}), **extra}


ASKS = {
    "message:new": Ask("POST", "conversations/{}/messages", body={"content": "x"}),
    "message:edit": Ask("PATCH", "messages/{}", "message", body={"content": "changed"}),
    "message:delete": Ask("DELETE", "messages/{}", "message"),
    "message:get": Ask("GET", "messages/{}", "message"),
    "message:thread": Ask("GET", "messages/{}/thread", "message"),
    "message:edits": Ask("GET", "messages/{}/edits", "message"),
    "message:forward": Ask("POST", "messages/{}/forward", "message", body={"conversationId": RANDOM}, in_vain=True),
    "message:report": Ask("POST", "messages/{}/report", "message", body={"reason": "spam"}),
    "message:pin": Ask("PUT", "messages/{}/pin", "message"),
    "message:unpin": Ask("DELETE", "messages/{}/pin", "message"),
    "conversation:pins": Ask("GET", "conversations/{}/pins"),
    "reaction:new": Ask("PUT", "messages/{}/reactions/{emoji}", "message", emoji="👍🏽"),
    "reaction:remove": Ask("DELETE", "messages/{}/reactions/{emoji}", "message", emoji="👍🏽"),
    "message:delivered": Ask("PUT", "conversations/{}/delivered", body={"seq": 1}),
    "message:read": Ask("PUT", "conversations/{}/read", body={"seq": 1}),
    "message:mark-read": Ask("PATCH", "messages/{}/read", "message", body={}),
    "message:receipts": Ask("GET", "messages/{}/receipts", "message"),
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
    "conversation:discover": Ask("GET", "conversations/discover", "nothing"),
    "member:join": Ask("POST", "conversations/{}/join", body={}),
    "member:leave": Ask("POST", "conversations/{}/leave", body={}),
    "member:add": Ask("POST", "conversations/{}/members", body={"userIds": [RANDOM]}),
    "member:update": Ask("PATCH", f"conversations/{{}}/members/{RANDOM}", body={"role": "member"}, in_vain=True),
    "member:remove": Ask("DELETE", f"conversations/{{}}/members/{RANDOM}", in_vain=True),
    "conversation:join": Ask(),
    "conversation:join-multiple": Ask(many=True),
    "conversation:leave": Ask(),
    "conversation:active-members": Ask(),
    "typing": Ask("POST", "conversations/{}/typing", body={"isTyping": True}),
    "presence:update": Ask("PUT", "me/presence", "nothing", body={"status": "busy"}),
    "presence:subscribe": Ask(subject="user", many=True),
    "presence:unsubscribe": Ask(subject="nothing", body={"userIds": [RANDOM]}),
    "presence:list": Ask("GET", "presence", "nothing", params={"userIds": RANDOM}),
    "presence:get": Ask("GET", "presence/{}", "user"),
    "presence:online-count": Ask("GET", "presence/online-count", "nothing"),
    "user:block": Ask("PUT", "users/{}/block", "user"),
    "user:unblock": Ask("DELETE", "users/{}/block", "user"),
    "patient-record:list": Ask("GET", "patient-records", "nothing"),
    "patient-record:create": Ask("POST", "patient-records", "nothing", body={"mrn": "mrn 2", "name": "Nadia Petrova"}),
    "patient-record:lookup": Ask("POST", "patient-records/lookup", "nothing", body={"mrn": "mrn 1"}),
    "patient-record:get": Ask("GET", "patient-records/{}", "record"),
    "patient-record:update": Ask("PATCH", "patient-records/{}", "record", body={"name": "Nadia Petrova"}),
    "patient-record:messages": Ask("GET", "patient-records/{}/messages", "record"),
    "attachment:upload": Ask("POST", "attachments", body={}, form=True),
    "attachment:get": Ask("GET", "attachments/{}", "attachment"),
    "attachment:discard": Ask("DELETE", "attachments/{}", "attachment"),
    "attachment:link": Ask("POST", "attachments/{}/url", "attachment", body={}),
    "me:export": Ask("GET", "me/export", "nothing"),
}

WITH_SUBJECT = sorted(name for name, ask in ASKS.items() if ask.subject != "nothing")
BY_SOCKET = sorted(name for name, declaration in receives.items() if declaration.socket)
BY_REST = sorted(name for name, ask in ASKS.items() if ask.method)
BY_BOTH = sorted({*BY_SOCKET} & {*BY_REST})


def refusal_by_socket(client: Client, name: str, data: Json) -> Frame:
    """The error of a request that must be refused."""
    reply = client.ask_raw(name, data)
    assert "error" in reply, reply
    return dict(reply["error"])


Made = Callable[[str], str]
"""`made("message")`, `made("conversation")`: the id of the subject that the tests ask about."""
