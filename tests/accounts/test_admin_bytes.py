"""Every form of the admin with characters that cannot be stored: an explanation, never a crash (T067, T068)."""

import re

import pytest

from accounts.models import User
from audit.models import Entry
from core.actor import SYSTEM_ID
from tests.accounts.admin import PEOPLE, Admin
from tests.accounts.conftest import recorded
from tests.people import PASSWORD, Person

NEW = "twelve monkeys and a typewriter"
LOGIN = ("/admin/login/", {"username": "adm1", "password": PASSWORD, "next": "/admin/"})
PASSWORDS = ("/admin/password_change/", {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW})
ADD = (
    f"{PEOPLE}add/",
    {
        "username": "fine",
        "password": NEW,
        "display_name": "Nora",
        "email": "n@example.org",
        "role": "patient",
        "time_zone": "UTC",
        "language": "en",
    },
)
CHANGE = (f"{PEOPLE}{{person}}/change/", {"role": "patient", "is_staff": ""})
ACTION = (PEOPLE, {"action": "disable", "_selected_action": "{person}", "select_across": "0", "index": "0"})
LOGOUT = ("/admin/logout/", {"next": "/admin/"})

# Fields in which Django's own form or view takes anything for yes, and those that say where to go next.
_TOLERANT = {"is_staff", "select_across", "index", "next"}

FORMS = [
    pytest.param(path, good, field, id=f"{path} {field}")
    for path, good in (PASSWORDS, ADD, CHANGE, ACTION, LOGOUT)
    for field in good
]


def unchanged(doc1: Person) -> bool:
    people = User.objects.exclude(id=SYSTEM_ID).order_by("username")
    adm1, found = people
    return found.role == "provider" and found.is_active and adm1.check_password(PASSWORD)


@pytest.mark.parametrize(("path", "good", "field"), FORMS)
def test_a_nul_in_any_field_is_refused(
    as_adm1: Admin, doc1: Person, path: str, good: dict[str, str], field: str
) -> None:
    path = path.format(person=doc1.id)
    fields = {name: value.format(person=doc1.id) for name, value in good.items()}
    as_adm1.get(PEOPLE)
    answer = as_adm1.post(path if "logout" not in path else PEOPLE, **fields | {field: f"{fields[field]}\x00"})
    assert answer.status_code in {200, 400}
    if field not in _TOLERANT:
        assert unchanged(doc1)
        assert answer.status_code == 400 or re.search("Null characters|valid choice|No action", answer.text)


@pytest.mark.parametrize("charset", ["unicode_escape", "utf-7", "utf-16"])
@pytest.mark.parametrize(("path", "good", "field"), FORMS)
def test_half_of_a_surrogate_pair_does_not_get_in(
    as_adm1: Admin, doc1: Person, path: str, good: dict[str, str], field: str, charset: str
) -> None:
    """Only by a charset of the client's choice: in UTF-8 there are none."""
    fields = {name: value.format(person=doc1.id) for name, value in good.items()}
    half = {"unicode_escape": "\\ud800", "utf-7": "+2AA-", "utf-16": "x"}[charset]
    answer = as_adm1.post_in(charset, path.format(person=doc1.id), **fields | {field: fields[field] + half})
    assert answer.status_code == 400
    assert unchanged(doc1)


@pytest.mark.parametrize(("field", "bad"), [("username", "\x00"), ("password", "\x00")])
def test_a_sign_in_with_a_nul_is_refused_without_a_try(admin: Admin, adm1: Person, field: str, bad: str) -> None:
    fields = LOGIN[1] | {field: LOGIN[1][field] + bad}
    answer = admin.post("/admin/login/", **fields)
    assert answer.status_code == 200
    assert "Null characters are not allowed" in answer.text
    assert not recorded("session.started")
    assert not Entry.objects.filter(action="session.refused").exists()


def test_a_sign_in_without_a_password_is_none(admin: Admin, adm1: Person) -> None:
    assert "This field is required" in admin.sign_in("adm1", "").text
    assert not recorded("session.started")


@pytest.mark.parametrize("target", ["/admin/\x00", "\x00", "//elsewhere.example", "/admin/\r\nSet-Cookie: a=b"])
def test_where_to_go_after_the_sign_in_can_be_anything(admin: Admin, adm1: Person, target: str) -> None:
    answer = admin.post("/admin/login/", **LOGIN[1] | {"next": target})
    assert answer.status_code in {200, 400, 404}
    assert answer.url.host == "127.0.0.1"
    assert "a" not in answer.cookies


@pytest.mark.parametrize("field", ["username", "password"])
@pytest.mark.parametrize(("charset", "half"), [("unicode_escape", "\\ud800"), ("utf-7", "+2AA-")])
def test_a_sign_in_with_half_of_a_surrogate_pair_is_refused(
    admin: Admin, adm1: Person, field: str, charset: str, half: str
) -> None:
    admin.get("/admin/login/")
    answer = admin.post_in(charset, "/admin/login/", **LOGIN[1] | {field: LOGIN[1][field] + half})
    assert answer.status_code == 400
    assert not recorded("session.started")


def test_forms_in_utf_8_may_say_so(admin: Admin, adm1: Person) -> None:
    admin.get("/admin/login/")
    assert "Log out" in admin.post_in("UTF-8", "/admin/login/", **LOGIN[1]).text
