"""Serve HTTP and WebSocket: one process, or several on one socket."""

import argparse
import socket
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresConnection
from django.utils.module_loading import import_string

from core.process import no_core_dumps, require_preconditions
from core.reporting import reporting
from realtime.server import Server, configuration
from realtime.supervisor import Supervisor, WorkersFailed, tied

_BACKLOG = 2048


class Command(BaseCommand):
    help = (
        "Serve Parley. SIGTERM and SIGINT stop it in order: what was asked is answered, clients are told to come back. "
        "With several workers SIGHUP replaces them one after the other, without refusing anybody."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
        parser.add_argument(
            "--port", type=int, default=settings.PORT, help=f"default: {settings.PORT}; 0 is any free one"
        )
        parser.add_argument("--workers", type=int, default=1, help="server processes on this address (default: 1)")
        # How a supervisor starts its workers: the descriptors of the listening socket and of the tether to it.
        parser.add_argument("--inherited", type=int, nargs=2, help=argparse.SUPPRESS)

    def handle(
        self, *args: Any, host: str, port: int, workers: int, inherited: tuple[int, int] | None, **options: Any
    ) -> None:
        # A dump of this process's memory would hold the keys.
        no_core_dumps()
        _refuse_impossible(workers)
        require_preconditions()
        if inherited is not None:
            with socket.socket(fileno=inherited[0]) as listener:
                listener.set_inheritable(False)
                _serve(listener, tied(inherited[1]))
            return
        with _listener(host, port) as listener:

            def ready() -> None:
                shown = f"[{host}]" if ":" in host else host
                self.stdout.write(f"Parley listens on http://{shown}:{listener.getsockname()[1]}")
                self.stdout.flush()

            if workers == 1:
                _serve(listener, ready)
            else:
                _supervise(listener, workers, ready)


def _serve(listener: socket.socket, ready: Callable[[], None]) -> None:
    host, port = listener.getsockname()[:2]
    application = import_string(settings.ASGI_APPLICATION)
    with reporting():
        Server(configuration(application, host, port), ready).run([listener])


def _supervise(listener: socket.socket, workers: int, ready: Callable[[], None]) -> None:
    if isinstance(connection, PostgresConnection):
        connection.close_pool()  # the supervisor has no further use for a database
    try:
        Supervisor(listener, workers, ready).run()
    except WorkersFailed as failure:
        raise CommandError(str(failure)) from failure


def _refuse_impossible(workers: int) -> None:
    if workers < 1:
        raise CommandError("--workers is a number from 1 on.")
    if workers > 1 and not (settings.REDIS_URL and connection.vendor == "postgresql"):
        raise CommandError(
            "Several workers need PostgreSQL and Redis: set DATABASE_URL to a PostgreSQL database and REDIS_URL. "
            "Without them each process would count failed sign-ins for itself, and hear late of messages and of "
            "sessions that were ended."
        )


def _listener(host: str, port: int) -> socket.socket:
    """Bound here and not by the server, so that an address that is taken is one sentence and not a traceback."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise CommandError(f"Nothing can listen on {host}, port {port}: {error.strerror}.") from error
