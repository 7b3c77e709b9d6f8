"""The WebSocket at `/ws/chat`, as a plain ASGI application.

Not a Channels consumer class: its `dispatch` takes a detour through a thread for every frame it is handed, and each of
its objects keeps the whole handshake for as long as the connection lasts. What is left to do here is small: decide
whether to accept, hand text frames to the session one by one, and clear up.
"""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings

from realtime import draining, handshake, lifespan, protocol
from realtime.direct import wire_of
from realtime.handshake import Scope, doorstep
from realtime.hub import hub
from realtime.protocol import CloseCode
from realtime.session import Session
from realtime.sockets import Socket
from realtime.wires import AsgiWire

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def chat(scope: Scope, receive: Receive, send: Send) -> None:
    """One connection from its handshake to its end (ASGI 3, `websocket`)."""
    await receive()
    address = handshake.address(scope)
    welcome = handshake.names_one_host(scope) and handshake.origin_allowed(scope)
    if draining.is_on() or not welcome or doorstep.full(address):
        # Before it is accepted ASGI has one way to refuse: the server answers 403.
        await send({"type": "websocket.close"})
        return
    await lifespan.start()
    token = handshake.bearer_token(scope)
    leave = doorstep.enter(address)
    try:
        await send({"type": "websocket.accept"})
        socket = Socket(hub, wire_of(scope) or AsgiWire(send))
        await _serve(Session(socket, lifespan.catchup(), address, leave), token, receive)
    finally:
        leave()


def _shed(socket: Socket) -> None:
    socket.send(protocol.encode({"type": "drain", "reconnectInMs": 1000}))
    socket.close(CloseCode.OVERLOADED)


async def _serve(session: Session, token: str | None, receive: Receive) -> None:
    socket = session.socket
    hub.enter(socket)
    lifespan.pulse().sessions.add(session)
    try:
        if doorstep.overrun():
            _shed(socket)
        elif token is not None:
            await session.open_with(token)
        while (text := await _next_text(socket, receive)) is not None:
            await session.feed(text)
    except Exception as error:  # noqa: BLE001  a defect closes this socket; its text may quote what the client sent
        log.error("a socket failed: %s", type(error).__name__)
        socket.close(CloseCode.DEFECT)
    finally:
        lifespan.pulse().sessions.discard(session)
        socket.lost()


async def _next_text(socket: Socket, receive: Receive) -> str | None:
    """The next text frame; None at the end of the connection."""
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        if socket.closed:
            continue
        if text is None:
            socket.close(CloseCode.BINARY)
        elif len(text.encode()) > settings.MAX_FRAME:
            # Parley's own server never lets such a frame come together; others may.
            socket.close(CloseCode.TOO_BIG)
        else:
            return str(text)
    return None
