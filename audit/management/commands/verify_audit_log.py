"""`manage.py verify_audit_log`: is the log still what was written?"""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from audit.canonical import timestamp
from audit.verify import Problem, Report, verify
from core.time import now


class Command(BaseCommand):
    help = "Check the whole audit log and name what was changed, put in or taken out. Exit status 1 when there is any."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the report as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        report = verify()
        self.stdout.write(_as_json(report) if options["json"] else _as_text(report))
        if report.problem_count:
            sys.exit(1)


def _as_json(report: Report) -> str:
    return json.dumps({"ok": not report.problem_count, "checked_at": timestamp(now()), **asdict(report)})


def _as_text(report: Report) -> str:
    lines = [_where(problem) for problem in report.problems]
    if report.problem_count > len(report.problems):
        lines.append(f"… and {report.problem_count - len(report.problems)} more")
    verdict = f"{report.problem_count} problems" if report.problem_count else "no problems"
    lines += [
        f"{report.links} sealed entries, {verdict}, {report.seconds:.1f} s.",
        _tail(report),
        f"Head of the chain: {report.head}",
    ]
    if report.details_erased:
        lines.append(f"The details of {report.details_erased} entries have been erased.")
    return "\n".join(lines)


def _where(problem: Problem) -> str:
    what = problem.what.rstrip(".")
    if problem.entry is None:
        return f"{what[0].upper()}{what[1:]}."
    number = "" if problem.n is None else f" (number {problem.n})"
    return f"Entry {problem.entry}{number}: {what}."


def _tail(report: Report) -> str:
    if not report.unsealed:
        return "Every entry is sealed."
    return f"{report.unsealed} entries are not sealed yet, the oldest for {report.oldest_unsealed_seconds:.0f} s."
