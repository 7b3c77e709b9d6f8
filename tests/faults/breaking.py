"""The faults. Each breaks one thing while people talk, mends it, and returns when everybody is connected again."""

import asyncio
import base64
import json
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import psycopg
import redis

from tests.faults.client import Device
from tests.faults.run import Run
from tests.faults.stack import Process, becomes_true
from tests.sockets import raw_frame

Breaking = Callable[[Run], Awaitable[None]]

LARGE = "\N{PILE OF POO}" * 4000
"""16,000 bytes: a few of them fill the buffers of somebody who does not read."""


# ---- Server processes -------------------------------------------------------------------------------------------


async def a_worker_is_killed(run: Run, which: int = 0) -> None:
    """T138: `kill -9`, and started again."""
    server = run.stack.servers[which]
    async with run.broken("worker killed"):
        await server.kill()
        server.start()
        await server.answers()
        await run.all_connected()


async def a_worker_is_told_to_end(run: Run, which: int = 0) -> None:
    """T139: SIGTERM under load. It ends in order, and another takes its place."""
    async with run.broken("worker ended by SIGTERM"):
        await replaced(run, run.stack.servers[which])


async def all_workers_are_replaced(run: Run) -> None:
    """T139: a rolling restart, one after the other."""
    async with run.broken("rolling restart"):
        for server in run.stack.servers:
            await replaced(run, server)


async def replaced(run: Run, server: Process) -> None:
    server.tell(signal.SIGTERM)
    assert await server.ended(30) == 0, "the end was not in order"
    server.start()
    await server.answers()
    await run.all_connected()


# ---- Redis ------------------------------------------------------------------------------------------------------


async def redis_is_restarted(run: Run, seconds: float = 1.0) -> None:
    """T133: killed, away for a while, and back without what it held."""
    async with run.broken("Redis restarted"):
        await run.stack.stop_redis()
        await asyncio.sleep(seconds)
        await run.stack.start_redis()
        await _pokes_flow(run)


async def redis_is_gone(run: Run, seconds: float = 60.0) -> None:
    """Stopped for so long. The processes look into the database themselves."""
    async with run.broken("Redis gone"):
        await run.stack.stop_redis()
        await asyncio.sleep(seconds)
    await run.stack.start_redis()
    await _pokes_flow(run)


async def redis_forgets_everything(run: Run) -> None:
    """T134: FLUSHALL, several times. Groups are subscriptions and no keys: there is nothing else to delete."""
    async with run.broken("Redis FLUSHALL"):
        with redis.Redis.from_url(run.stack.redis.url) as client:
            for _ in range(5):
                client.flushall()
                await asyncio.sleep(0.2)


async def redis_is_frozen(run: Run, seconds: float = 5.0) -> None:
    """T135: SIGSTOP. Connections stay open and nothing answers; what should be sent does not pile up."""
    before = run.stack.memory()
    async with run.broken("Redis frozen (SIGSTOP)"):
        run.stack.tell_redis(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        grown = run.stack.memory() - before
        run.stack.tell_redis(signal.SIGCONT)
    assert grown < 64, f"the servers grew by {grown} MiB"


async def redis_is_cut_off(run: Run, seconds: float = 2.0) -> None:
    """Every connection to it breaks, and for a while nobody gets through; then what is sent vanishes without a word."""
    proxy = run.stack.redis_proxy
    async with run.broken("Redis unreachable"):
        proxy.refusing = True
        proxy.cut()
        await asyncio.sleep(seconds)
        proxy.refusing, proxy.silent = False, True
        await asyncio.sleep(seconds)
        proxy.silent = False
        proxy.cut()  # what was swallowed in the middle of a conversation never gets its answer
        await _pokes_flow(run)


async def pokes_are_lost(run: Run, messages: int = 300) -> None:
    """Every third poke does not arrive."""
    proxy = run.stack.redis_proxy
    dropped = proxy.dropped
    async with run.broken("every third poke dropped"):
        proxy.drop_every = 3
        await run.talk_until(messages)
        proxy.drop_every = 0
    assert proxy.dropped > dropped, "no poke was dropped"


async def _pokes_flow(run: Run) -> None:
    published = run.stack.redis_proxy.published
    await becomes_true(lambda: run.stack.redis_proxy.published > published + 5, 30, "the coming back of pokes")


# ---- PostgreSQL -------------------------------------------------------------------------------------------------


async def postgres_crashes(run: Run) -> None:
    """T136: `stop -m immediate`, away for a second, and its recovery from the log."""
    async with run.broken("PostgreSQL restarted (immediate)"):
        await _restart_postgres(run, signal.SIGQUIT)


async def postgres_is_restarted(run: Run) -> None:
    """T136: `stop -m fast`."""
    async with run.broken("PostgreSQL restarted (fast)"):
        await _restart_postgres(run, signal.SIGINT)


async def _restart_postgres(run: Run, how: signal.Signals) -> None:
    await run.stack.stop_postgres(how)
    await asyncio.sleep(1)
    await run.stack.start_postgres()
    await run.talk_until(20, 60)
    await run.all_connected()


async def one_backend_is_killed(run: Run) -> None:
    """T137: `kill -9` of one. PostgreSQL then ends all the others and recovers."""
    backends = "SELECT pid FROM pg_stat_activity WHERE usename = 'parley_app' ORDER BY state_change DESC LIMIT 1"
    async with run.broken("PostgreSQL backend killed (-9)"):
        ((pid,),) = await asyncio.to_thread(run.stack.ask_database, backends)
        os.kill(pid, signal.SIGKILL)
        await run.talk_until(20, 60)
        await run.all_connected()


async def the_writer_loses_its_backend(run: Run, times: int = 5) -> None:
    """T137: `pg_terminate_backend` of the one that holds conversations' rows and is about to write.

    A lock on the table of messages makes it stand still exactly there.
    """
    async with run.broken("backend terminated mid-transaction"):
        for _ in range(times):
            await asyncio.to_thread(_terminate_one_that_writes, run.stack.superuser_url)
        await run.talk_until(20, 60)


def _terminate_one_that_writes(superuser_url: str) -> None:
    waiting = (
        "SELECT pid FROM pg_locks JOIN pg_class ON pg_class.oid = relation "
        "WHERE relname = 'messaging_message' AND NOT granted"
    )
    with psycopg.connect(superuser_url) as locker, psycopg.connect(superuser_url, autocommit=True) as killer:
        locker.execute("LOCK TABLE messaging_message IN SHARE MODE")
        deadline = time.monotonic() + 20
        while not (found := killer.execute(waiting).fetchall()):
            assert time.monotonic() < deadline, "nobody writes"
            time.sleep(0.01)
        for (pid,) in found:
            killer.execute("SELECT pg_terminate_backend(%s)", [pid])
        locker.rollback()


async def random_backends_are_killed(run: Run, times: int = 10) -> None:
    """Whatever is inside a transaction at that moment."""
    busy = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE usename = 'parley_app' AND xact_start IS NOT NULL LIMIT 1"
    )
    killed = 0
    async with run.broken("backends terminated at random"):
        deadline = time.monotonic() + 30
        while killed < times and time.monotonic() < deadline:
            killed += len(await asyncio.to_thread(run.stack.ask_database, busy))
            await asyncio.sleep(0.02)
        await run.talk_until(20, 60)
    assert killed, "no backend was in a transaction"


# ---- Sessions ---------------------------------------------------------------------------------------------------


async def somebody_logs_out(run: Run) -> None:
    """Their socket is closed within a second, on whichever process it is, and hears nothing that is said later."""
    await run.log_out()


async def somebody_logs_out_without_redis(run: Run) -> None:
    """The same with Redis gone: the sweep finds it within 15 s."""
    async with run.broken("session ended without Redis"):
        await run.stack.stop_redis()
        try:
            await run.log_out(16.0)
        finally:
            await run.stack.start_redis()
            await _pokes_flow(run)


# ---- Connections ------------------------------------------------------------------------------------------------


async def acks_are_cut(run: Run, times: int = 10) -> None:
    """T115: the server has committed, and the connection breaks before its answer arrives."""
    async with run.broken("cut before the ack"):
        run.stack.balancer.cut_acks = times
        await becomes_true(lambda: run.stack.balancer.cut_acks == 0, 60, "the cutting of acks")
        await run.all_connected()


async def everybody_is_cut_off(run: Run) -> None:
    """All connections at once; clients come back with the documented jitter."""
    async with run.broken("all connections cut"):
        await _cut_all(run)
        await run.all_connected()


async def _cut_all(run: Run) -> None:
    """Returns when every client has noticed."""
    losses = {device: device.losses for device in run.devices}
    run.stack.balancer.cut()
    await becomes_true(lambda: all(device.losses > losses[device] for device in losses), 10, "the cut")


async def everybody_storms_back(run: Run) -> None:
    """T143: the same with clients that do not wait."""
    for device in run.devices:
        device.impatient = True
    async with run.broken("reconnect storm"):
        await _cut_all(run)
        await run.all_connected()
    for device in run.devices:
        device.impatient = False


async def somebody_does_not_read(run: Run, sockets: int = 3, within: float = 60.0) -> None:
    """T125: raw sockets with a small buffer that never read again. They are dropped, and cost nobody else anything.

    The server is asked, not the socket: what the kernel still holds for it cannot even be told that all is over.
    """
    talker, server = run.devices[0], run.stack.servers[0]
    async with run.broken("slow readers"):
        before = await server.sockets()
        with deaf(run, talker, sockets):
            assert await server.sockets() == before + sockets
            deadline = time.monotonic() + within
            while await server.sockets() > before:
                assert time.monotonic() < deadline, "somebody who does not read is kept"
                conversations = [*talker.cursors] * 4
                await asyncio.gather(*(talker.send(conversation, LARGE) for conversation in conversations))


@contextmanager
def deaf(run: Run, device: Device, count: int) -> Iterator[list[socket.socket]]:
    """Connections of this device's person, authenticated, directly to a server, and never reading again."""
    connections = [_deaf(run.stack.servers[0].port, device.token) for _ in range(count)]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()


def _deaf(port: int, token: str) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(10)
    connection.connect(("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall(
        f"GET /ws/chat HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    _read_until(connection, b"\r\n\r\n")
    connection.sendall(raw_frame(1, json.dumps({"type": "auth", "token": token}).encode()))
    _read_until(connection, b"auth_success")
    return connection


def _read_until(connection: socket.socket, end: bytes) -> None:
    received = b""
    while end not in received:
        part = connection.recv(1024)
        assert part, f"the server closed after {received[-200:]!r}"
        received += part
