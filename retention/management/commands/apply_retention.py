"""`manage.py apply_retention`: remove what is due, now."""

from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import AppError
from core.process import no_core_dumps
from core.retention import rules
from core.time import wire_time
from retention import engine
from retention.alone import UnderWay
from retention.engine import Result
from retention.models import By


class Command(BaseCommand):
    help = (
        "Remove everything whose time is over, as policies and legal holds have it; a run that was interrupted is taken"
        " up again. Exit status 1 when a rule failed or somebody else is running it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would go; change nothing")
        parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
        parser.add_argument("--rule", metavar="NAME", default="", choices=[*rules], help="this rule only")

    def handle(self, *args: Any, **options: Any) -> None:
        no_core_dumps()
        result = self._result(options["rule"], dry=options["dry_run"])
        self.stdout.write(orjson.dumps(_as_json(result)).decode() if options["json"] else "\n".join(_as_text(result)))
        if result.failed:
            raise CommandError("At least one rule failed; the others did their work. The next run tries it again.")

    def _result(self, rule: str, *, dry: bool) -> Result:
        if dry:
            return engine.dry_run(rule)
        try:
            return engine.apply(By.COMMAND, rule)
        except UnderWay:
            raise CommandError("A run is under way at this moment: nothing was begun.") from None
        except AppError as refusal:
            raise CommandError(f"{refusal.detail} The run is taken up again: by a worker, or by a repeat.") from refusal


def _as_json(result: Result) -> dict[str, Any]:
    return {
        "run": None if result.run is None else str(result.run.id),
        "dryRun": result.run is None,
        "takenUp": result.taken_up,
        "moment": wire_time(result.moment),
        "rules": [
            {"rule": count.rule, "rows": count.rows, "files": count.files, "failure": count.failure or None}
            for count in result.counts
        ],
        "rows": sum(count.rows for count in result.counts),
        "files": sum(count.files for count in result.counts),
    }


def _as_text(result: Result) -> list[str]:
    done = "would go" if result.run is None else "removed"
    begun = f"Taken up again: the run of {wire_time(result.moment)}." if result.taken_up else ""
    lines = [
        f"{count.title} ({count.rule}): {count.rows} rows, {count.files} files {done}"
        + (f"; failed: {count.failure}" if count.failure else "")
        for count in result.counts
    ]
    rows, files = (sum(getattr(count, what) for count in result.counts) for what in ("rows", "files"))
    return [*([begun] if begun else []), *lines, f"{rows} rows, {files} files {done}."]
