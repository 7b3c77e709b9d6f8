"""What the tests of moderation do, in sentences."""

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from django.contrib.auth.models import Group

from messaging.models import Report, ReportAction
from messaging.querysets import visible_message
from messaging.services import report_message
from tests.accounts.admin import Admin
from tests.people import Person, make_person

LIST = "/admin/messaging/report/"


@dataclass(frozen=True)
class Case:
    """A report, as its id; what has become of it is read anew each time."""

    id: UUID

    @property
    def row(self) -> Report:
        return Report.objects.get(id=self.id)

    @property
    def address(self) -> str:
        return f"{LIST}{self.id}/change/"

    @property
    def deeds(self) -> list[tuple[str, str]]:
        """(login name, deed) of everything that was done, in order."""
        found = ReportAction.objects.filter(report=self.id).order_by("id")
        return list(found.values_list("actor__username", "deed"))


class Moderator(Admin):
    """A browser in the admin that knows reports."""

    @property
    def token(self) -> str:
        """What the forms of this browser prove themselves with."""
        return self._client.cookies["csrftoken"]

    def look(self, case: Case) -> str:
        answer = self.get(case.address)
        assert answer.status_code == 200, answer.text
        return answer.text

    def open(self, case: Case) -> httpx.Response:
        return self.press(f"{LIST}{case.id}/evidence/")

    def note(self, case: Case, text: str) -> httpx.Response:
        return self.press(f"{LIST}{case.id}/note/", text=text)

    def do(self, case: Case, deed: str, version: int | str | None = None, **more: str) -> httpx.Response:
        """Press the button for it; with the version that stands on the page unless another one is named."""
        seen = re.search(r'name="version" value="(\d+)"', self.look(case)) if version is None else None
        sent = version if version is not None else seen[1] if seen else case.row.version
        return self.press(f"{LIST}{case.id}/do/{deed}/", version=sent, **more)

    def offered(self, case: Case) -> set[str]:
        """The deeds that have a button."""
        return set(re.findall(r'action="[^"]*/do/([a-z]+)/"', self.look(case)))

    def listed(self, query: str = "") -> list[str]:
        """The ids of the reports in the queue, in their order."""
        answer = self.get(LIST + query)
        assert answer.status_code == 200, answer.text
        return re.findall(rf'href="{LIST}([0-9a-f-]{{36}})/change/', answer.text)

    def post_without_token(self, address: str, **fields: object) -> httpx.Response:
        """What a page of somebody else's would have this browser send."""
        return self._client.post(address, data=fields)

    def press(self, address: str, **fields: object) -> httpx.Response:
        return self._client.post(address, data={"csrfmiddlewaretoken": self.token, **fields})


def make_moderator(username: str, **more: Any) -> Person:
    person = make_person(username, "staff", is_staff=True, **more)
    person.user.groups.add(Group.objects.get(name="moderators"))
    return person


def report(reporter: Person, message_id: object, reason: str = "harassment", **more: Any) -> Case:
    """Report a message through the service."""
    subject = visible_message(reporter.id, UUID(str(message_id)))
    made, _ = report_message(actor=reporter.actor, subject=subject, reason=reason, **more)
    return Case(made.id)
