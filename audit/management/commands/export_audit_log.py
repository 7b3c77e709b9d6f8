"""`manage.py export_audit_log`: the log as JSON lines, for an archive or for somebody else to verify."""

import os
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from functools import partial
from itertools import chain
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser

import audit
from audit.canonical import canonical, timestamp
from audit.reading import Link, sealed, unsealed
from core.actor import SYSTEM

Write = Callable[[str], object]


def _moment(text: str) -> str:
    """A day or a time (RFC 3339), as it stands in canonical texts; UTC when it does not say otherwise."""
    try:
        moment = datetime.combine(date.fromisoformat(text), time()) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is neither a day (2026-01-31) nor a time (2026-01-31T08:00:00Z)") from None
    return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


class Command(BaseCommand):
    help = (
        "Write the audit log as JSON lines: n, h, mac and canonical of every entry. Details stay encrypted where they"
        " are. The export is itself recorded before its first line is written."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", metavar="FILE", help="a new file, which only its owner can read")
        parser.add_argument("--since", type=_moment, metavar="TIME", help="only entries from this time on")
        parser.add_argument("--until", type=_moment, metavar="TIME", help="only entries before this time")

    def handle(self, *args: Any, **options: Any) -> None:
        since, until = options["since"], options["until"]
        count = 0
        with self._destination(options["output"]) as write:
            _record(since, until)
            for link in chain(sealed(), unsealed()):
                if _lies_between(link, since, until):
                    write(_line(link))
                    count += 1
        # Standard output may be the export itself.
        self.stderr.write(f"{count} entries exported to {options['output'] or 'standard output'}.", self.style.SUCCESS)

    @contextmanager
    def _destination(self, path: str | None) -> Iterator[Write]:
        if path is None:
            yield partial(self.stdout.write, ending="")
            return
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise CommandError(f"{path} is there already: an export does not overwrite anything.") from None
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file.write


def _record(since: str | None, until: str | None) -> None:
    bounds = {"since": since, "until": until}
    with audit.transaction():
        audit.record("audit.exported", actor=SYSTEM, details={name: text for name, text in bounds.items() if text})


def _lies_between(link: Link, since: str | None, until: str | None) -> bool:
    """Canonical times have one length, so their order is that of the text. A seal without its entry has no time."""
    if link.is_gone:
        return True
    return (since is None or link.fields.ts >= since) and (until is None or link.fields.ts < until)


def _line(link: Link) -> str:
    """`{"n":17,"h":"…","mac":"…","canonical":"{…}"}`; no n and h while it is not sealed, and for a seal whose entry is
    gone its id instead of mac and text."""
    line: dict[str, Any] = {}
    if link.n:
        line |= {"n": link.n, "h": bytes(link.h).hex()}
    if link.is_gone:
        line |= {"id": link.id}
    else:
        line |= {"mac": bytes(link.mac).hex(), "canonical": canonical(link.fields).decode()}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE).decode()
