"""Stands between the page's sockets and the server's."""

import json
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, WebSocketRoute

Frame = dict[str, Any]


class Wire:
    """Passes everything on, except frames from the server that `loses` picks; can also speak and close as the server.

    `opened`: how many sockets the page has opened; `asked`: the events it asked for; `tokens`: those it showed, in
    order; `lost`: how many frames were lost.
    """

    def __init__(self, page: Page, loses: Callable[[Frame], bool] = lambda frame: False) -> None:
        self._loses = loses
        self._socket: WebSocketRoute
        self.opened = 0
        self.lost = 0
        self.asked: list[str] = []
        self.tokens: list[str] = []
        page.route_web_socket(re.compile(r"/ws/chat$"), self._open)

    def opened_again(self) -> bool:
        return self.opened > 1

    def tell(self, frame: Frame) -> None:
        self._socket.send(json.dumps(frame))

    def close(self, code: int) -> None:
        self._socket.close(code=code)

    def _open(self, socket: WebSocketRoute) -> None:
        self.opened += 1
        self._socket = socket
        server = socket.connect_to_server()
        socket.on_message(lambda text: self._from_page(server, text))
        server.on_message(lambda text: self._from_server(socket, text))

    def _from_page(self, server: WebSocketRoute, text: str | bytes) -> None:
        frame = json.loads(text)
        if "event" in frame:
            self.asked.append(frame["event"])
        if frame.get("type") == "auth":
            self.tokens.append(frame["token"])
        server.send(text)

    def _from_server(self, socket: WebSocketRoute, text: str | bytes) -> None:
        if self._loses(json.loads(text)):
            self.lost += 1
        else:
            socket.send(text)
