"""50 MiB in and out of a server of its own: its memory stays as it was, and none of it is ever on a disk in plain."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from tests.attachments import wire
from tests.attachments.filing import link_to, uploaded
from tests.messaging.talking import API, Json, answered
from tests.people import Person, client_for, open_clinical
from tests.processes import Served, served

MIB = 1 << 20
SIZE = 50 * MIB

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")


@pytest.fixture
def alone(database: None, tmp_path: Path) -> Iterator[Served]:
    with served(TMPDIR=str(tmp_path), ATTACHMENT_SCANNER="none") as server:
        yield server


def resident(server: Served) -> int:
    """The most bytes of memory it has ever had."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def body(conversation_id: str, canary: bytes, pause: "list[bytes] | None" = None) -> Iterator[bytes]:
    """A PDF whose every KiB has the canary in it."""
    yield wire.field("conversationId", conversation_id) + wire.file_head("scan.pdf", "application/pdf") + b"%PDF-1.7\n"
    kib = canary + secrets.token_bytes(1024 - len(canary))
    for _ in range(SIZE // MIB):
        yield kib * 1024 if _ else kib * 1023
    yield b"%%EOF\n" + wire.END


HEADERS = {"Content-Type": wire.FORM_TYPE}


def test_memory_stays_as_it_was(alone: Served, pat1: Person, doc1: Person) -> None:
    conversation = open_clinical(pat1, doc1)
    with client_for(pat1, alone) as client:
        uploaded(client, conversation)
        client.get(link_to(client, uploaded(client, conversation)))
        before = resident(alone)
        canary = secrets.token_hex(16).encode()
        answer = client.post(f"{API}/attachments", content=body(conversation, canary), headers=HEADERS)
        made: Json = answered(answer, 201)
        assert resident(alone) - before < 30 * MIB
        size = 0
        with client.stream("GET", link_to(client, made)) as download:
            for part in download.iter_raw():
                size += len(part)
        assert size == made["size"] > SIZE - 2 * MIB
        assert resident(alone) - before < 30 * MIB


def everything_open_or_lying_around(server: Served, *folders: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below these folders, and every file the server has open, deleted ones too."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                yield str(path), path.read_bytes()
    for descriptor in Path(f"/proc/{server.process.pid}/fd").iterdir():
        try:
            if descriptor.resolve().is_file() or "(deleted)" in os.readlink(descriptor):
                yield os.readlink(descriptor), descriptor.read_bytes()
        except OSError:
            continue  # a socket, or closed a moment ago


def test_nothing_of_it_is_on_a_disk_while_it_arrives_or_afterwards(
    alone: Served, pat1: Person, doc1: Person, tmp_path: Path
) -> None:
    conversation = open_clinical(pat1, doc1)
    canary = secrets.token_hex(16).encode()
    places = (tmp_path, Path(settings.DATA_DIR))
    found: list[str] = []
    sizes: list[int] = []

    def watched() -> Iterator[bytes]:
        for number, part in enumerate(body(conversation, canary)):
            yield part
            if number % 20 == 10:
                for name, content in everything_open_or_lying_around(alone, *places):
                    sizes.append(len(content))
                    if canary in content:
                        found.append(name)

    with client_for(pat1, alone) as client:
        made = answered(client.post(f"{API}/attachments", content=watched(), headers=HEADERS), 201)
        assert canary in client.get(link_to(client, made), headers={"Range": "bytes=100000-102047"}).content
    found += [name for name, content in everything_open_or_lying_around(alone, *places) if canary in content]
    assert found == []
    assert max(sizes) > MIB, "nothing of the upload was seen on its way: the search proves nothing"
    with httpx.Client(base_url=alone.url) as anybody:
        assert anybody.get("/health/live").status_code == 200
