"""The cable between a browser and the server, which a test can pull out."""

import contextlib
import socket
import threading
from collections.abc import Iterator

CHUNK = 65536


class Cable:
    """Forwards TCP from `port` to the server. `pull()` ends every connection; while `deaf`, its answers are lost.

    Deaf, then pulled: the server has what the browser sent, and the browser cannot know. The one case that matters.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.port: int = self._listener.getsockname()[1]
        self.deaf = self._out = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def pull(self) -> None:
        """End all present connections on both sides; new ones work, and are heard."""
        with self._lock:
            ends, self._ends = self._ends, set()
            self.deaf = False
        for end in ends:
            _end(end)

    @contextlib.contextmanager
    def unplugged(self) -> Iterator[None]:
        """No connection works inside."""
        self._out = True
        self.pull()
        yield
        self._out = False

    def close(self) -> None:
        _end(self._listener)
        self.pull()

    def _accept(self) -> None:
        while True:
            try:
                browser, _ = self._listener.accept()
            except OSError:
                return
            if self._out:
                _end(browser)
                continue
            server = socket.create_connection(("127.0.0.1", self._server_port))
            with self._lock:
                self._ends |= {browser, server}
            threading.Thread(target=self._forward, args=(browser, server, False), daemon=True).start()
            threading.Thread(target=self._forward, args=(server, browser, True), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, may_be_lost: bool) -> None:
        with contextlib.suppress(OSError):  # the cable was pulled
            while data := source.recv(CHUNK):
                if not (may_be_lost and self.deaf):
                    target.sendall(data)
        _end(target)


def _end(end: socket.socket) -> None:
    with contextlib.suppress(OSError):  # ended by the other side already
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextlib.contextmanager
def cable_to(port: int) -> Iterator[Cable]:
    cable = Cable(port)
    try:
        yield cable
    finally:
        cable.close()
