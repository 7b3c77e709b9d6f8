"""What commands that check the stored data have in common: a report of problems, as text or as one JSON object."""

import json
import sys
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, TypeVar

from django.core.management.base import BaseCommand, CommandParser

from core.time import now, wire_time

_MOST_PROBLEMS = 100

P = TypeVar("P")
"""A problem: a dataclass of what is wrong and where."""


@dataclass
class Findings(Generic[P]):
    """What a check found. Of many problems only the first hundred are kept; `problem_count` counts all."""

    seconds: float = 0.0
    problem_count: int = 0
    problems: list[P] = field(default_factory=list)

    def add(self, problem: P) -> None:
        self.problem_count += 1
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(problem)

    def listed(self, tell: Callable[[P], str]) -> list[str]:
        """A line for each problem that was kept, and how many there are besides."""
        lines = [tell(problem) for problem in self.problems]
        if self.problem_count > len(self.problems):
            lines.append(f"… and {self.problem_count - len(self.problems)} more")
        return lines

    @property
    def verdict(self) -> str:
        return f"{self.problem_count} problems" if self.problem_count else "no problems"


R = TypeVar("R", bound=Findings[Any])


class VerifyCommand(BaseCommand, Generic[R]):
    """Prints what a check found; exit status 1 when that is anything."""

    @abstractmethod
    def verify(self) -> R: ...

    @abstractmethod
    def as_text(self, report: R) -> list[str]:
        """The lines to print."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the report as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        report = self.verify()
        self.stdout.write(_as_json(report) if options["json"] else "\n".join(self.as_text(report)))
        if report.problem_count:
            sys.exit(1)


def _as_json(report: Findings[Any]) -> str:
    return json.dumps({"ok": not report.problem_count, "checked_at": wire_time(now()), **asdict(report)})
