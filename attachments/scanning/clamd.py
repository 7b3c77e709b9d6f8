"""A conversation with clamd: clamav-client speaks the protocol, over a connection whose time limits are ours.

The library's own connections wait without end for a Unix socket whose queue is full, know only IPv4, read an answer
of any length, and are closed before one can read why clamd stopped listening.
"""

import select
import socket
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import urlsplit

from clamav_client.clamd import BufferTooLongError, ClamdError, ClamdNetworkSocket
from django.conf import settings

from attachments.scanning.releases import Release, read_release
from attachments.scanning.verdicts import Nonsense, Result, Verdict, judge

CONNECT_TIMEOUT = 2.0
ANSWER_TIMEOUT = 2.0
"""Seconds for a question that clamd answers without looking at a file."""

_PROTEST_TIMEOUT = 1.0
_LONGEST_CHUNK = 2**32 - 1

BASE_ALLOWANCE = 30.0
_LONGEST_ANSWER = 4096
_TOO_LONG = "INSTREAM size limit exceeded. ERROR"

Failure = (OSError, ClamdError, Nonsense, UnicodeDecodeError)
"""What a conversation can end with instead of an answer: none, a broken one, one that is not clamd's."""


def allowance(size: int) -> float:
    """How long clamd may take for `size` bytes, in seconds."""
    return BASE_ALLOWANCE + size / 2**20


class Conversation(ClamdNetworkSocket):
    """One connection, one question; closed at the end of the `with` block. Raises one of `Failure`."""

    def __enter__(self) -> Self:
        self.clamd_socket = _connected(settings.CLAMD_URL)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.clamd_socket.close()

    def release(self) -> Release:
        """Which clamd this is, and of when its signatures are."""
        self.clamd_socket.settimeout(ANSWER_TIMEOUT)
        return read_release(self.version())

    def examine(self, source: BinaryIO, scanner: str) -> Result:
        """clamd's verdict on what `source.read` gives until it gives b"": frames are as long as what it returns."""
        self.clamd_socket.settimeout(BASE_ALLOWANCE)
        try:
            return judge(self.instream(source), scanner)
        except BufferTooLongError:
            return Result(Verdict.UNSCANNABLE, scanner)
        except (BrokenPipeError, ConnectionResetError):
            # It stopped listening, and may have said why: only then it is about the file.
            if self._recv_response() == _TOO_LONG:
                return Result(Verdict.UNSCANNABLE, scanner)
            raise

    def takes(self, size: int) -> bool:
        """Whether a file of `size` bytes is one it listens to (StreamMaxLength), as far as it says so at once. Only the
        size is sent: clamd compares what a chunk announces before it reads it."""
        self.clamd_socket.settimeout(ANSWER_TIMEOUT)
        self.clamd_socket.sendall(b"nINSTREAM\n" + min(size, _LONGEST_CHUNK).to_bytes(4))
        has_spoken = bool(select.select([self.clamd_socket], [], [], _PROTEST_TIMEOUT)[0])
        return not has_spoken or self._recv_response() != _TOO_LONG

    def may_take(self, seconds: float) -> None:
        """From now on it may be silent for so long."""
        self.clamd_socket.settimeout(seconds)

    def has_spoken(self) -> bool:
        """Whether there is an answer already, or an end."""
        return bool(select.select([self.clamd_socket], [], [], 0)[0])

    def cut(self) -> None:
        """End it from another thread: whoever waits for clamd in it gets an OSError or an empty answer."""
        try:
            self.clamd_socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has ended already

    def _init_socket(self) -> None:
        """Connected already."""

    def _close_socket(self) -> None:
        """Not yet: what clamd said before it stopped listening can still be read."""

    def _recv_response(self) -> str:
        """One line, whole: the beginning of an answer could read like another one."""
        with self.clamd_socket.makefile("rb") as answer:
            line: bytes = answer.readline(_LONGEST_ANSWER)
        if not line.endswith(b"\n"):
            raise Nonsense
        return line[:-1].decode()


def _connected(address: str) -> socket.socket:
    """To `unix:/path` or `tcp://host:port` (config.env.socket_address has made sure of the form)."""
    if address.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(CONNECT_TIMEOUT)
            connection.connect(address.removeprefix("unix:"))
        except OSError:
            connection.close()
            raise
        return connection
    place = urlsplit(address)
    return socket.create_connection((place.hostname, place.port), CONNECT_TIMEOUT)
