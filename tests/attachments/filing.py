"""What the tests of files do and ask, in sentences."""

import io
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from attachments.models import Attachment
from tests.messaging.talking import API, Json, answered

NOTE = b"K<3.5 and Na>145, na\xc3\xafve \xe6\x97\xa5\xe6\x9c\xac\n"
CHUNK = 65536


def text_of(size: int) -> bytes:
    """Text that differs in every line, so that no part of it can pass for another."""
    lines = b"".join(f"{secrets.token_hex(24)} {number}\n".encode() for number in range(size // 50 + 1))
    return lines[:size]


def picture(width: int = 640, height: int = 480, format: str = "PNG") -> bytes:
    """A picture that is no single colour."""
    out = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(out, format)
    return out.getvalue()


def post(
    client: httpx.Client,
    conversation_id: str,
    content: bytes = NOTE,
    name: str = "note.txt",
    declared: str = "text/plain",
    **fields: str,
) -> httpx.Response:
    """Upload as a browser does: the fields, then the file."""
    form = {"conversationId": conversation_id, **fields}
    return client.post(f"{API}/attachments", data=form, files={"file": (name, content, declared)})


def uploaded(client: httpx.Client, conversation_id: str, *what: Any, **more: Any) -> Json:
    """The Attachment of an upload that must succeed."""
    return answered(post(client, conversation_id, *what, **more), 201)


def link_to(client: httpx.Client, attachment: Json, **wishes: Any) -> str:
    """An address of it."""
    made = answered(client.post(f"{API}/attachments/{attachment['id']}/url", json=wishes))
    return str(made["url"])


def fetch(client: httpx.Client, attachment: Json, **headers: str) -> httpx.Response:
    """Its bytes, by a link that is made for it; without a token, as a browser asks."""
    return open_link(client, link_to(client, attachment), **headers)


def open_link(client: httpx.Client, url: str, method: str = "GET", **headers: str) -> httpx.Response:
    with httpx.Client(base_url=client.base_url, timeout=30, trust_env=False) as anybody:
        return anybody.request(method, url, headers=headers)


def take_back(client: httpx.Client, attachment: Json) -> None:
    """Its owner discards it, which must succeed."""
    assert client.delete(f"{API}/attachments/{attachment['id']}").status_code == 204


def row_of(attachment: Json) -> Attachment:
    return Attachment.objects.get(id=attachment["id"])


@dataclass(frozen=True)
class Shelf:
    """The folder where objects lie (attachments.storage.local)."""

    folder: Path

    def all(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def object_of(self, attachment: Json) -> Path:
        key = row_of(attachment).storage_key
        return self.folder / key[:2] / key
