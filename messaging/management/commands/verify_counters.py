"""`manage.py verify_counters`: does everybody get told what they have not read?"""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from core.time import now, wire_time
from messaging.recounting import Problem, Report, verify


class Command(BaseCommand):
    help = (
        "Count unread messages and mentions of every member once more, message by message, compare them with what the "
        "server says, and check watermarks. Exit status 1 when something does not agree. The server may run meanwhile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the report as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        report = verify()
        self.stdout.write(_as_json(report) if options["json"] else _as_text(report))
        if report.problem_count:
            sys.exit(1)


def _as_json(report: Report) -> str:
    return json.dumps({"ok": not report.problem_count, "checked_at": wire_time(now()), **asdict(report)})


def _as_text(report: Report) -> str:
    lines = [_told(problem) for problem in report.problems]
    if report.problem_count > len(report.problems):
        lines.append(f"… and {report.problem_count - len(report.problems)} more")
    checked = f"{report.memberships} memberships of {report.conversations} conversations"
    verdict = f"{report.problem_count} problems" if report.problem_count else "no problems"
    return "\n".join([*lines, f"{checked}, {verdict}, {report.seconds:.1f} s."])


def _told(problem: Problem) -> str:
    return f"Conversation {problem.conversation}, user {problem.user}: {problem.what}"
