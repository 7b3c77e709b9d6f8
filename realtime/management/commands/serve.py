"""Serve HTTP and WebSocket: one process, as many connections as it has memory for."""

import socket
from typing import Any

from django.conf import settings
from django.core.exceptions import ObjectDoesNotExist
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from django.utils.module_loading import import_string

from core.process import no_core_dumps
from encryption.keyring import keyring
from realtime.server import Server, configuration

_BACKLOG = 2048


class Command(BaseCommand):
    help = (
        "Serve Parley. SIGTERM and SIGINT stop it in order: what was asked is answered, clients are told to come back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
        parser.add_argument(
            "--port", type=int, default=settings.PORT, help=f"default: {settings.PORT}; 0 is any free one"
        )

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        # A dump of this process's memory would hold the keys.
        no_core_dumps()
        _make_sure_of_keys()
        application = import_string(settings.ASGI_APPLICATION)
        with _listener(host, port) as listener:
            port = listener.getsockname()[1]
            shown = f"[{host}]" if ":" in host else host

            def ready() -> None:
                self.stdout.write(f"Parley listens on http://{shown}:{port}")
                self.stdout.flush()

            Server(configuration(application, host, port), ready).run([listener])


def _make_sure_of_keys() -> None:
    """The organisation's keys are made before the first request, not inside somebody's transaction."""
    try:
        keyring().ensure_organisation_keys()
    except (DatabaseError, ObjectDoesNotExist) as error:
        raise CommandError(f"The database is not ready ({type(error).__name__}): has `migrate` been run?") from error
    finally:
        connection.close()


def _listener(host: str, port: int) -> socket.socket:
    """Bound here and not by the server, so that an address that is taken is one sentence and not a traceback."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise CommandError(f"Nothing can listen on {host}, port {port}: {error.strerror}.") from error
