"""`manage.py keys`: how the master keys stand, new data keys, and the way from one master key to the next."""

import time
from argparse import ArgumentTypeError
from collections.abc import Callable
from dataclasses import asdict
from typing import Any
from uuid import UUID

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.ids import parse_uuid
from encryption.canary import flaws
from encryption.keyring import keyring
from encryption.master_keys import KeyStillNeeded, MasterKeyStatus, retire, statuses
from encryption.providers import EnvironmentProvider
from encryption.rewrapping import BATCH, Rewrapped, rewrap
from encryption.rotating import rotate

_PAUSE_BETWEEN_LINES = 5.0


def _conversation(text: str) -> UUID:
    found = parse_uuid(text)
    if found is None:
        raise ArgumentTypeError(f"{text!r} is no id of a conversation")
    return found


def _batch(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= BATCH * 10:
        raise ArgumentTypeError(f"a batch has 1 to {BATCH * 10} rows")
    return int(text)


class Command(BaseCommand):
    help = "Shows and changes keys while servers run; docs/operations.md says in which order."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="status|rotate|rewrap|retire")
        status = actions.add_parser("status", help="each master key: its fingerprint, and who needs it")
        status.add_argument("--json", action="store_true", help="for programs")
        rotating = actions.add_parser("rotate", help="new data keys from each conversation's next message on")
        rotating.add_argument("--conversation", type=_conversation, metavar="ID", help="of this one only")
        rewrapping = actions.add_parser("rewrap", help="wrap every key under the active master key")
        rewrapping.add_argument("--batch", type=_batch, default=BATCH, help=f"rows at a time (default: {BATCH})")
        retiring = actions.add_parser("retire", help="end the service of a master key that wraps nothing any more")
        retiring.add_argument("key_id", metavar="KEY", help="its id in MASTER_KEYS")
        retiring.add_argument(
            "--give-up-verifying",
            action="store_true",
            help="although it signed entries of the audit log, which then nobody can verify",
        )

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        actions: dict[str, Callable[..., None]] = {
            "status": self._status,
            "rotate": self._rotate,
            "rewrap": self._rewrap,
            "retire": self._retire,
        }
        actions[action](**options)

    def _status(self, *, json: bool, **_: Any) -> None:
        """Also with keys that no process would start with: it is how one finds out what is wrong."""
        provider = EnvironmentProvider.from_settings()
        keys, wrong = statuses(provider), flaws(provider)
        if json:
            shown = [asdict(key) | {"verdict": key.verdict} for key in keys]
            self.stdout.write(orjson.dumps({"keys": shown, "flaws": wrong}, option=orjson.OPT_INDENT_2).decode())
        else:
            for key in keys:
                self.stdout.write(_lines(key))
        if wrong:
            raise CommandError("\n".join(wrong))

    def _rotate(self, *, conversation: UUID | None, **_: Any) -> None:
        keyring()  # A process with a wrong key changes nothing.
        rotated = rotate(conversation)
        self.stdout.write(
            f"{rotated} data keys retired: what is written a minute from now is sealed under new ones."
            if rotated
            else "Nothing has been written since the last rotation: there is no data key to retire."
        )

    def _rewrap(self, *, batch: int, **_: Any) -> None:
        provider = keyring().provider
        done, told = Rewrapped(), time.monotonic()
        for done in rewrap(provider, batch=batch):
            if time.monotonic() - told >= _PAUSE_BETWEEN_LINES:
                told = time.monotonic()
                self.stderr.write(f"{done.records} keys so far.")
        self.stdout.write(f"{done.records} keys wrapped under {provider.active_id()}.")
        if done.entries:
            self.stdout.write(f"{done.entries} entries of the shred ledger signed under {provider.active_id()}.")
        if done.damaged:
            raise CommandError(
                f"{len(done.damaged)} records do not open and were left as they are: restore these rows of the vault"
                f" from a backup. {', '.join(done.damaged[:20])}"
            )
        if done.doubtful:
            raise CommandError(" ".join([*done.doubtful[:20], "They were left as they are."]))

    def _retire(self, *, key_id: str, give_up_verifying: bool, **_: Any) -> None:
        try:
            rest = retire(keyring().provider, key_id, give_up_verifying=give_up_verifying)
        except KeyStillNeeded as reason:
            raise CommandError(str(reason)) from None
        self.stdout.write(f"{key_id} is retired. {rest}")


def _lines(key: MasterKeyStatus) -> str:
    signed = [f"{name} ({count:,})" for name, count in key.signed.items() if count]
    standing = "active" if key.active else f"retired {key.retired_at:%Y-%m-%d}" if key.retired_at else ""
    return "\n".join(
        [
            f"{key.id}  {key.fingerprint or 'not in MASTER_KEYS'}  {standing}".rstrip(),
            f"    wraps     {key.data_keys:,} data keys, {key.organisation_keys} organisation keys",
            f"    signed    {', '.join(signed) or 'nothing'}",
            f"    {key.verdict}",
        ]
    )
