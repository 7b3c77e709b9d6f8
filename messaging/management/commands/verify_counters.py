"""`manage.py verify_counters`: does everybody get told what they have not read?"""

from core.verifying import VerifyCommand
from messaging.recounting import Problem, Report, verify


class Command(VerifyCommand[Report]):
    help = (
        "Count unread messages and mentions of every member once more, message by message, compare them with what the "
        "server says, and check watermarks. Exit status 1 when something does not agree. The server may run meanwhile."
    )

    def verify(self) -> Report:
        return verify()

    def as_text(self, report: Report) -> list[str]:
        checked = f"{report.memberships} memberships of {report.conversations} conversations"
        return [*report.listed(_told), f"{checked}, {report.verdict}, {report.seconds:.1f} s."]


def _told(problem: Problem) -> str:
    return f"Conversation {problem.conversation}, user {problem.user}: {problem.what}"
