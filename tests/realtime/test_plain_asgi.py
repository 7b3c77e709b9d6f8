"""The wire over plain ASGI: everything in order, an account of what is not yet taken, and a closing word at the end."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from realtime.protocol import CloseCode, encode
from realtime.wires import HIGH_WATER, AsgiWire

pytestmark = pytest.mark.no_database


class Server:
    """An ASGI server that takes a message when it is let."""

    def __init__(self) -> None:
        self.taken: list[MutableMapping[str, Any]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.gone = False

    async def send(self, message: MutableMapping[str, Any]) -> None:
        await self.open.wait()
        if self.gone:
            raise OSError("the client has gone")
        self.taken.append(message)


class Log:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def paused(self) -> None:
        self.heard.append("paused")

    def resumed(self) -> None:
        self.heard.append("resumed")

    def lost(self) -> None:
        self.heard.append("lost")

    def pinged(self) -> bool:
        return True


async def wire_and_server() -> tuple[AsgiWire, Server, Log]:
    server, log = Server(), Log()
    wire = AsgiWire(server.send)
    wire.watch(log)
    return wire, server, log


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_joined_frames_are_sent_one_by_one_in_order() -> None:
    wire, server, _ = await wire_and_server()
    wire.write(encode({"n": 1}) + encode({"n": 2}))
    wire.write(encode({"n": 3}))
    await settle()
    assert [message["text"] for message in server.taken] == ['{"n":1}', '{"n":2}', '{"n":3}']
    assert wire.buffered() == 0


async def test_what_is_not_taken_is_counted_and_reported() -> None:
    wire, server, log = await wire_and_server()
    server.open.clear()
    piece = encode({"x": "y" * 50_000})
    for _ in range(8):
        wire.write(piece)
    await settle()
    assert log.heard == ["paused"]
    assert wire.buffered() == 8 * len(piece) > HIGH_WATER
    server.open.set()
    await settle()
    assert log.heard == ["paused", "resumed"]
    assert len(server.taken) == 8


async def test_the_close_frame_goes_behind_what_waits() -> None:
    wire, server, _ = await wire_and_server()
    wire.write(encode({"n": 1}))
    wire.close(CloseCode.SESSION_REVOKED)
    await settle()
    assert [message["type"] for message in server.taken] == ["websocket.send", "websocket.close"]
    assert server.taken[1]["code"] == 4410


async def test_an_abort_sends_nothing_more() -> None:
    wire, server, _ = await wire_and_server()
    wire.write(encode({"n": 1}))
    wire.abort()
    await settle()
    assert [message["type"] for message in server.taken] == ["websocket.close"]


async def test_a_client_that_has_gone_is_reported() -> None:
    wire, server, log = await wire_and_server()
    server.gone = True
    wire.write(encode({"n": 1}))
    await settle()
    assert log.heard == ["lost"]
    assert wire.buffered() == 0
