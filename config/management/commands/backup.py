"""`manage.py backup --to FOLDER`: the data, the vault and the files of one moment."""

from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser

import audit
from config.backups import keeping, taking
from config.backups.drill import Report, drill, require_usable
from config.backups.manifest import Manifest, read
from config.backups.trouble import Trouble
from core.actor import SYSTEM


class Command(BaseCommand):
    help = (
        "Make a backup in a folder of its own: the data without the keys, the vault, the files, a manifest. The server "
        "may run meanwhile. Exit status 1 when it is not made, lacks files, or the drill finds something wrong."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--to", required=True, type=Path, metavar="FOLDER", help="where backups lie; made if need be"
        )
        parser.add_argument(
            "--vault-keep",
            type=int,
            default=keeping.LONGEST_VAULT,
            metavar="DAYS",
            help="remove the vaults of older backups there (default and most: 30)",
        )
        parser.add_argument(
            "--without-files", action="store_true", help="only list the files: something else copies them"
        )
        parser.add_argument("--with-files", action="store_true", help="copy the files of a bucket as well")
        parser.add_argument(
            "--verify-into",
            metavar="WHERE",
            help="restore it for a try into an empty PostgreSQL database (an address without its password) or an empty "
            "folder (SQLite), check it, and leave nothing there",
        )
        parser.add_argument("--json", action="store_true", help="print what was made as one JSON object")

    def handle(
        self, *args: Any, to: Path, vault_keep: int, without_files: bool, with_files: bool, **options: Any
    ) -> None:
        if not 1 <= vault_keep <= keeping.LONGEST_VAULT:
            raise CommandError(f"--vault-keep is a number of days from 1 to {keeping.LONGEST_VAULT}.")
        try:
            if options["verify_into"] is not None:
                require_usable(options["verify_into"])
            copied = (taking.is_copied_here() or with_files) and not without_files
            folder = taking.take(to, with_files=copied)
            manifest = read(folder)
            forgotten = keeping.forget_vaults(folder, manifest.org, vault_keep)
            report = _tried(folder, manifest, options["verify_into"], with_files=copied)
        except Trouble as trouble:
            raise CommandError(str(trouble)) from None
        if options["json"]:
            told = {"folder": str(folder), **asdict(manifest), "vaults_removed": len(forgotten), "drill": report}
            self.stdout.write(orjson.dumps(told).decode())
        else:
            self.stdout.write("\n".join(_lines(folder, manifest, len(forgotten), report)))
        if manifest.objects.missing:
            raise CommandError(f"{manifest.objects.missing} files that the rows name are not in the storage.")
        if report is not None and not report["sound"]:
            raise CommandError("The drill found something wrong.")


def _tried(folder: Path, manifest: Manifest, into: str | None, *, with_files: bool) -> Report | None:
    if into is None:
        return None
    report = drill(folder, into, with_files=with_files)
    with audit.transaction():
        audit.record(
            "backup.verified",
            actor=SYSTEM,
            object_id=UUID(manifest.id),
            outcome="allow" if report["sound"] else "deny",
            reason="sound" if report["sound"] else "unsound",
        )
    return report


def _lines(folder: Path, manifest: Manifest, forgotten: int, report: Report | None) -> list[str]:
    objects, keys = manifest.objects, [id_ for id_, key in manifest.master_keys.items() if key.needed]
    lines = [
        f"{folder}",
        f"  data   {sum(manifest.data.values())} rows in {len(manifest.data)} tables",
        f"  vault  {sum(manifest.vault.values())} rows; ledger up to entry {manifest.shreds}",
        f"  files  {objects.count}, {objects.bytes} bytes, {'copied' if objects.copied else 'listed only'}",
        f"  opens with {', '.join(f'{id_} ({manifest.master_keys[id_].fingerprint})' for id_ in keys)}",
    ]
    if forgotten:
        lines.append(f"  the vaults of {forgotten} older backups were removed")
    if report is not None:
        checked = report["checked"]
        opened = ", ".join(f"{checked[name]['opened']} {name}" for name in ("messages", "reports", "files"))
        lines.append(
            f"  drill: {'sound' if report['sound'] else 'NOT SOUND'}; opened {opened}; looked through"
            f" {checked['log_entries']} entries of the log"
        )
    return lines
