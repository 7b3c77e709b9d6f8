"""`manage.py doctor`: is this server fit for real people?"""

import sys
from argparse import ArgumentTypeError
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import orjson
from django.core.management.base import BaseCommand, CommandParser

from config.doctor.checks import Asked
from config.doctor.examination import examine
from config.doctor.report import as_json, as_text, is_well
from core.process import no_core_dumps


def _address(scheme: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme != scheme or not parts.hostname or parts.path.strip("/") or parts.username:
            raise ArgumentTypeError(f"it has the form {scheme}://host or {scheme}://host:port")
        return f"{scheme}://{parts.netloc}"

    return read


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError("a whole number from 1 on")
    return int(text)


class Command(BaseCommand):
    help = (
        "Check this installation: keys, database, Redis, storage, scanner, proxy, staff, retention, worker, audit log, "
        "backups, watching, machine. Exit status 1 when anything is an error; docs/checklist.md lists the checks."
    )
    # It runs them itself, and says what they say.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
        parser.add_argument("--strict", action="store_true", help="status 1 for warnings and what cannot be told, too")
        parser.add_argument(
            "--url", type=_address("https"), help="where people reach the server: then the proxy is asked"
        )
        parser.add_argument(
            "--plain-url", type=_address("http"), help="the same without TLS (default: port 80 of --url)"
        )
        parser.add_argument(
            "--processes", type=_count, default=3, help="servers and workers on this database (default: 3)"
        )
        parser.add_argument(
            "--newest", type=_count, default=1000, help="how many audit entries to verify (default: 1000)"
        )

    def handle(
        self,
        *args: Any,
        json: bool,
        strict: bool,
        url: str | None,
        plain_url: str | None,
        processes: int,
        newest: int,
        **options: Any,
    ) -> None:
        # What this process inherited is what machine.core_dumps reports; it remembered that when it was imported.
        no_core_dumps()
        plain = plain_url or (f"http://{urlsplit(url).hostname}" if url else "")
        results = examine(Asked(url=url or "", plain_url=plain, processes=processes, newest=newest))
        if json:
            self.stdout.write(orjson.dumps(as_json(results, strict=strict), option=orjson.OPT_INDENT_2).decode())
        else:
            self.stdout.write("\n".join(as_text(results)))
        if not is_well(results, strict=strict):
            sys.exit(1)
