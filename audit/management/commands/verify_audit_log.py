"""`manage.py verify_audit_log`: is the log still what was written?"""

from audit.verify import Problem, Report, verify
from core.verifying import VerifyCommand


class Command(VerifyCommand[Report]):
    help = "Check the whole audit log and name what was changed, put in or taken out. Exit status 1 when there is any."

    def verify(self) -> Report:
        return verify()

    def as_text(self, report: Report) -> list[str]:
        lines = [
            *report.listed(_where),
            f"{report.links} sealed entries, {report.verdict}, {report.seconds:.1f} s.",
            _tail(report),
            f"Head of the chain: {report.head}",
        ]
        if report.details_erased:
            lines.append(f"The details of {report.details_erased} entries have been erased.")
        return lines


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
