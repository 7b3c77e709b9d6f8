"""`manage.py restore --from FOLDER`: a backup into an empty database."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.backups import checking, restoring
from config.backups.checking import Checked
from config.backups.restoring import Restored
from config.backups.trouble import Trouble
from core.process import no_core_dumps


class Command(BaseCommand):
    help = (
        "Restore a backup into an empty database, with the newest vault beside it. Servers and workers are stopped "
        "meanwhile. Signatures, hashes, master keys and versions are checked before anything is written."
    )
    # There are no tables yet that a check could look at.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="folder", required=True, type=Path, metavar="FOLDER", help="one backup")
        parser.add_argument(
            "--vault", type=Path, metavar="FOLDER", help="the backup whose vault is taken; else the newest beside it"
        )
        parser.add_argument("--without-files", action="store_true", help="leave the storage of files alone")
        parser.add_argument(
            "--trust-manifest", action="store_true", help="take a manifest whose signing key is not here any more"
        )
        parser.add_argument("--check", action="store_true", help="then look through it: log, counters, a sample opened")
        parser.add_argument("--json", action="store_true", help="print what was restored as one JSON object")

    def handle(self, *args: Any, folder: Path, vault: Path | None, **options: Any) -> None:
        no_core_dumps()
        with_files = not options["without_files"]
        try:
            plan = restoring.plan(folder, vault, trusted=options["trust_manifest"], with_files=with_files)
            restored = restoring.carry_out(plan, with_files=with_files)
        except Trouble as trouble:
            raise CommandError(str(trouble)) from None
        checked = checking.check(with_files=with_files) if options["check"] else None
        sound = (checked is None or checked.is_sound) and not restored.missing
        if options["json"]:
            found = None if checked is None else asdict(checked)
            self.stdout.write(orjson.dumps({**asdict(restored), "checked": found, "sound": sound}).decode())
        else:
            self.stdout.write("\n".join([*_lines(restored), *_checked_lines(checked)]))
        if not sound:
            raise CommandError("Something is missing or damaged: see above.")


def _lines(restored: Restored) -> list[str]:
    lines = [
        f"Restored the backup {restored.backup} of {restored.made_at}, with the vault of {restored.vault}.",
        "Everybody signs in again. Clients load their conversations anew: the installation has a new epoch.",
    ]
    if restored.behind:
        lines.append(f"{restored.behind} entries of the shred ledger are followed when a server or worker starts.")
    if restored.erased:
        lines.append(f"{restored.erased} people who had been erased were erased again.")
    if restored.missing:
        lines.append(f"{restored.missing} files are not in the storage.")
    if restored.unnamed:
        lines.append(
            f"{len(restored.unnamed)} files in the storage belong to nothing that was restored: --json names them."
        )
    return [*lines, *(f"Warning: {warning}" for warning in restored.warnings)]


def _checked_lines(checked: Checked | None) -> list[str]:
    if checked is None:
        return []
    samples = {"messages": checked.messages, "reports": checked.reports, "files": checked.files}
    lines = [f"Looked through {checked.log_entries} entries of the log."]
    lines += [
        f"Opened {sample.opened} {name}; {sample.shredded} were shredded, {len(sample.damaged)} do not open."
        for name, sample in samples.items()
    ]
    return [*lines, *checked.log, *checked.counters]
