"""Files through nginx as its configuration is shipped: not collected on its disk, and as large as they may be."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.attachments import wire
from tests.attachments.filing import link_to, text_of, uploaded
from tests.deploy.conftest import address_of, folder_for_nginx
from tests.deploy.proxy import proxy
from tests.messaging.talking import API, answered
from tests.people import Person, client_for, open_clinical
from tests.processes import Served

pytestmark = pytest.mark.skipif("REDIS_URL" not in os.environ, reason="the embedded default is one process")

MIB = 1 << 20
FORM = {"Content-Type": wire.FORM_TYPE}


def test_an_upload_passes_through_and_lies_nowhere(
    servers: list[Served], pat1: Person, doc1: Person, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """While it is on its way: nginx would keep a body of this size in a file, as it came."""
    conversation, canary = open_clinical(pat1, doc1), secrets.token_hex(16).encode()
    folder = folder_for_nginx(tmp_path_factory)
    seen: list[str] = []

    def body() -> Iterator[bytes]:
        yield wire.field("conversationId", conversation) + wire.file_head("a.pdf", "application/pdf") + b"%PDF-1.7\n"
        for _ in range(12):
            yield (canary + secrets.token_bytes(992)) * 1024
            seen.extend(str(path) for path in folder.rglob("*") if path.is_file() and holds(path, canary))
        yield b"%%EOF\n" + wire.END

    with proxy([address_of(server) for server in servers], folder) as front, client_for(pat1, front) as client:
        made = answered(client.post(f"{API}/attachments", content=body(), headers=FORM), 201)
        assert made["size"] > 12 * MIB
        url = link_to(client, made)
        answer = client.get(url, headers={"Range": "bytes=1048576-2097151"})
        assert (answer.status_code, len(answer.content), canary in answer.content) == (206, MIB, True)
        assert seen == []
        assert url not in front.log
        assert "/files/" not in front.log


def holds(path: Path, canary: bytes) -> bool:
    return canary in path.read_bytes()


def test_the_server_says_what_is_too_large_and_the_proxy_lets_it_say_so(
    servers: list[Served], pat1: Person, doc1: Person, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One byte more than a file may have: the server's answer comes through, although the client is still sending."""
    conversation = open_clinical(pat1, doc1)
    with (
        proxy([address_of(server) for server in servers], folder_for_nginx(tmp_path_factory)) as front,
        client_for(pat1, front) as client,
    ):
        text = text_of(MIB)

        def body() -> Iterator[bytes]:
            yield wire.field("conversationId", conversation) + wire.file_head()
            yield from [text] * 50
            yield b"x" + wire.END

        answer = client.post(f"{API}/attachments", content=body(), headers=FORM)
        assert answer.status_code == 413
        assert answer.json()["code"] == "too_large"
        announced = client.post(f"{API}/attachments", headers=FORM, content=bytes(51 * MIB))
        assert announced.status_code == 413  # nginx says so itself, before it asks anybody
        assert httpx.get(f"{front.url}/health/live").status_code == 200
        uploaded(client, conversation)
