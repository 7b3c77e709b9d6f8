"""Servers that are no clamd and behave as a real one cannot be made to: silent, lying, gone in the middle.

Each listens on a Unix socket of its own, serves every connection in a thread and counts them.
"""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

Manner = Callable[[socket.socket], None]
"""What is done with one connection; it is closed afterwards."""

VERSION = b"ClamAV 1.4.6/27500/%s\n"


class Impostor:
    """`connections` counts those that were accepted; `received` the bytes of files."""

    def __init__(self, path: Path, manner: Manner) -> None:
        self.url = f"unix:{path}"
        self.connections = 0
        self._manner = manner
        self._open: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(64)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with suppress(OSError):  # closed: the test is over
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with closing(connection), suppress(OSError):
            self._manner(connection)

    def stop(self) -> None:
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self._thread.join(5)


@contextmanager
def impostor(folder: Path, manner: Manner) -> Iterator[Impostor]:
    server = Impostor(folder / "impostor.sock", manner)
    try:
        yield server
    finally:
        server.stop()


def silent(connection: socket.socket) -> None:
    """Accepts, takes a little and never says a word, as long as the other side stays."""
    connection.recv(16)
    _wait_for_end(connection)


def says(answer: bytes) -> Manner:
    """This, whatever it is asked."""

    def manner(connection: socket.socket) -> None:
        connection.recv(16)
        connection.sendall(answer)
        _wait_for_end(connection)

    return manner


def knows_its_version(date: bytes, then: Manner) -> Manner:
    """An honest answer to VERSION; with everything else `then` happens."""

    def manner(connection: socket.socket) -> None:
        if _command(connection) == b"nVERSION\n":
            connection.sendall(VERSION % date)
        else:
            then(connection)

    return manner


def takes_it_all(answer: bytes) -> Manner:
    """Takes the file to its end, then says this and hangs up."""

    def manner(connection: socket.socket) -> None:
        while size := struct.unpack("!L", _exactly(connection, 4))[0]:
            _exactly(connection, size)
        connection.sendall(answer)

    return manner


def takes_only(size: int, answer: bytes = b"") -> Manner:
    """Takes so many bytes, says this and hangs up, whatever is still coming."""

    def manner(connection: socket.socket) -> None:
        _exactly(connection, size)
        connection.sendall(answer)

    return manner


def takes_nothing(connection: socket.socket) -> None:
    """Reads the command and not one byte of the file."""
    threading.Event().wait(120)


def says_at_once(answer: bytes) -> Manner:
    """Says this before it has seen the file, then takes all of it."""

    def manner(connection: socket.socket) -> None:
        connection.sendall(answer)
        _wait_for_end(connection)

    return manner


def trickles(answer: bytes) -> Manner:
    """Takes all, then answers a byte at a time, each well within any patience for a single byte, for ever."""

    def manner(connection: socket.socket) -> None:
        takes_it_all(b"")(connection)
        while True:
            connection.sendall(answer[:1])
            threading.Event().wait(0.05)

    return manner


def _command(connection: socket.socket) -> bytes:
    read = b""
    while not read.endswith(b"\n"):
        read += _exactly(connection, 1)
    return read


def _exactly(connection: socket.socket, size: int) -> bytes:
    read = b""
    while len(read) < size:
        part = connection.recv(size - len(read))
        if not part:
            raise OSError
        read += part
    return read


def _wait_for_end(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass
