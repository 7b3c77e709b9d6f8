"""What the admin refuses: a page with a way back for people, the problem document for programs, no more in either."""

import re
from typing import Any

import pytest
from django.test import Client

from core.ids import uuid7
from core.models import Task, TaskState
from messaging.models import Report
from tests.admin.looking import list_of, page_of, signed_in, staff
from tests.people import Person

pytestmark = pytest.mark.core

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
def failed(database: None) -> Task:
    return Task.objects.create(name="x", state=TaskState.FAILED, reason="ValueError")


def asked(client: Client, address: str, method: str = "GET", accept: str = BROWSER) -> Any:
    return client.generic(method, address, headers={"Accept": accept})


def heading(answer: Any) -> str:
    """Of a page in the admin's look, from which a link leads to the first one."""
    text = answer.content.decode()
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert int(answer["Content-Length"]) == len(answer.content)
    assert re.search(r'<a href="/admin/" class="button">', text)
    assert "admin/css/base" in text
    assert answer["X-Request-ID"] in text
    found = re.search("<h1>(.*?)</h1>", text)
    assert found
    return found[1]


def test_who_has_no_right_gets_a_page_that_says_so(clerk: Person, failed: Task) -> None:
    client = signed_in(clerk)
    for address in (list_of(Task), page_of(failed), f"{list_of(Task)}{uuid7()}/change/", list_of(Report)):
        answer = asked(client, address)
        assert (answer.status_code, heading(answer)) == (403, "Your rights do not reach this far")


def test_what_is_there_and_what_is_not_look_alike_to_who_may_see_neither(clerk: Person, failed: Task) -> None:
    client = signed_in(clerk)
    pages = [asked(client, f"{list_of(Task)}{one}/change/") for one in (failed.pk, uuid7())]
    said = [page.content.replace(page["X-Request-ID"].encode(), b"") for page in pages]
    assert said[0] == said[1]


def test_an_address_that_nobody_has(clerk: Person) -> None:
    answer = asked(signed_in(clerk), "/admin/nothing/here/")
    assert (answer.status_code, heading(answer)) == (404, "There is no such page")


def test_the_address_as_people_type_it() -> None:
    assert asked(Client(), "/admin")["Location"] == "/admin/"


def test_a_method_that_an_address_does_not_have(superuser: Client, failed: Task) -> None:
    answer = asked(superuser, page_of(failed).replace("change/", "retry/"), "PUT")
    assert (answer.status_code, heading(answer)) == (405, "This address shows nothing by itself")
    assert answer["Allow"] == "POST"


def test_the_address_of_a_button_leads_to_its_page(superuser: Client, failed: Task) -> None:
    """As after the sign-in, when a session ended on the way."""
    retry = page_of(failed).replace("change/", "retry/")
    assert asked(superuser, retry)["Location"] == page_of(failed)
    assert f"next={retry}" in asked(Client(), retry)["Location"]
    assert Task.objects.get().state == TaskState.FAILED


def test_a_form_that_is_too_old_is_explained(clerk: Person) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(clerk.user)
    answer = client.post("/admin/logout/", headers={"Accept": BROWSER})
    text = answer.content.decode()
    assert answer.status_code == 403
    assert "<h1>This form was too old</h1>" in text
    assert '<a href="/admin/" class="button">' in text


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/problem+json, text/html", "", ";;q=x,,"])
def test_a_program_gets_the_problem_document(clerk: Person, accept: str) -> None:
    answer = asked(signed_in(clerk), list_of(Task), accept=accept)
    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "forbidden"


def test_outside_the_admin_it_is_always_the_document(superuser: Client) -> None:
    for address in ("/api/v1/nothing", "/nothing"):
        assert asked(superuser, address)["Content-Type"] == "application/problem+json"


def test_a_database_that_does_not_answer_leaves_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    from accounts.admin_sessions import SessionStore
    from core.errors import DatabaseUnavailable

    def load(self: object) -> None:
        raise DatabaseUnavailable

    client = signed_in(staff("looker"))
    monkeypatch.setattr(SessionStore, "_get_session_from_db", load)
    client.raise_request_exception = False
    answer = asked(client, "/admin/")
    assert (answer.status_code, heading(answer)) == (503, "This cannot be done at the moment")
