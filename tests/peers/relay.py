"""A way to a server on this machine that looks as if it led elsewhere: 127.0.0.2 is no name for this machine to Parley.

What passes through can be changed on its way back, to show a client another server than there is.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

ELSEWHERE = "127.0.0.2"


class Relay:
    """Listens at `host`:`port`, and hands everything on to `target`: `host:port`, or the path of a Unix socket."""

    def __init__(self, target: tuple[str, int] | str, swap: tuple[bytes, bytes] | None) -> None:
        self._target, self._swap = target, swap
        self._open: list[socket.socket] = []
        self._listener = socket.create_server((ELSEWHERE, 0))
        self.host, self.port = ELSEWHERE, int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):  # closed: the test is over
            while True:
                client, _ = self._listener.accept()
                server = self._reach()
                self._open += [client, server]
                threading.Thread(target=_pass_on, args=[client, server, None], daemon=True).start()
                threading.Thread(target=_pass_on, args=[server, client, self._swap], daemon=True).start()

    def _reach(self) -> socket.socket:
        if isinstance(self._target, tuple):
            return socket.create_connection(self._target)
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._target)
        return server

    def stop(self) -> None:
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def _pass_on(source: socket.socket, target: socket.socket, swap: tuple[bytes, bytes] | None) -> None:
    with suppress(OSError):  # one of the two has gone
        while part := source.recv(65536):
            target.sendall(part.replace(*swap) if swap else part)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def relay(target: tuple[str, int] | str, swap: tuple[bytes, bytes] | None = None) -> Iterator[Relay]:
    """`swap` is what the server says and what the client hears, of the same length."""
    running = Relay(target, swap)
    try:
        yield running
    finally:
        running.stop()
