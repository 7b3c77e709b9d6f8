"""Every list that goes on by a cursor refuses what is none in the same way."""

import httpx
import pytest

from config.openapi import build
from tests.live import Server
from tests.messaging.talking import refused, send
from tests.people import Person, client_for, open_clinical

pytestmark = pytest.mark.core


def lists() -> list[str]:
    """The addresses that take a cursor, as the description has them."""
    return [
        path
        for path, methods in build()["paths"].items()
        if any(one["name"] == "cursor" for one in methods.get("get", {}).get("parameters", ()))
    ]


@pytest.mark.parametrize("cursor", ["", "x", "WyIxIl0:1xyz:abc"])
def test_what_is_no_cursor_is_refused_everywhere(server: Server, pat1: Person, doc1: Person, cursor: str) -> None:
    paths = lists()
    assert len(paths) >= 6
    conversation = open_clinical(pat1, doc1)
    with client_for(doc1, server) as client:
        message = send(client, conversation)["id"]
        record = _record(client)
        for path in paths:
            parts = {"conversation_id": conversation, "message_id": message, "record_id": record}
            refused(client.get(path.format(**parts), params={"cursor": cursor}), 400, "invalid_cursor")


def _record(client: httpx.Client) -> str:
    made = client.post("/api/v1/patient-records", json={"mrn": "MRN-1", "name": "Paula Quint"})
    return str(made.json()["id"])
