"""Uploads written byte by byte, as no library would send them."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import orjson

from tests.attachments.filing import NOTE
from tests.live import Server
from tests.messaging.talking import Json

NAME = "boundary-of-tests"
FORM_TYPE = f"multipart/form-data; boundary={NAME}"
BOUNDARY = f"--{NAME}\r\n"
LAST = f"--{NAME}--\r\n".encode()
END = b"\r\n" + LAST


def field(name: str, value: str) -> bytes:
    return f'{BOUNDARY}Content-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def file_head(name: str = "note.txt", declared: str = "text/plain") -> bytes:
    disposition = f'Content-Disposition: form-data; name="file"; filename="{name}"'
    return f"{BOUNDARY}{disposition}\r\nContent-Type: {declared}\r\n\r\n".encode()


def form(conversation_id: str, content: bytes = NOTE) -> bytes:
    """A whole body."""
    return field("conversationId", conversation_id) + file_head() + content + END


def head(token: str, *more: str, content_type: str = FORM_TYPE) -> bytes:
    """The lines before the body."""
    lines = ["POST /api/v1/attachments HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}"]
    lines += [f"Content-Type: {content_type}", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def announcing(token: str, length: int) -> bytes:
    return head(token, f"Content-Length: {length}")


def in_chunks(token: str) -> bytes:
    return head(token, "Transfer-Encoding: chunked")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@contextmanager
def line_to(server: Server) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), 15) as line:
        yield line


def answer_on(line: socket.socket) -> tuple[int, Json]:
    """Status and body of the one answer on this connection."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = line.recv(65536)
        assert part, received
        received += part
    top, _, body = received.partition(b"\r\n\r\n")
    lengths = [line for line in top.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].split(b":")[1])
    while len(body) < length:
        body += line.recv(65536)
    found: Json = orjson.loads(body)
    return int(top.split()[1]), found
