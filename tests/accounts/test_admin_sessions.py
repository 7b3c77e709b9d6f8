"""What ends a session of the admin, and changing one's password there."""

import httpx
import pytest
from django.contrib.sessions.models import Session
from pytest_django import Settings

from accounts import services
from accounts.models import LoginSession, User
from audit.models import Entry
from core.limits import Rate
from tests.accounts.admin import Admin
from tests.accounts.conftest import Rest, assert_problem, recorded
from tests.live import Server
from tests.people import PASSWORD, Person, make_person

NEW = "twelve monkeys and a typewriter"


def is_signed_in(admin: Admin) -> bool:
    return "Log out" in admin.get("/admin/").text


def change(admin: Admin, old: str = PASSWORD, new: str = NEW, again: str | None = None) -> str:
    fields = {"old_password": old, "new_password1": new, "new_password2": new if again is None else again}
    answer = admin.post("/admin/password_change/", **fields)
    assert answer.status_code == 200
    return answer.text


# ---- Sessions ----------------------------------------------------------------------------------------------------


def test_a_session_of_the_admin_ends_with_the_account(as_adm1: Admin, adm1: Person) -> None:
    boss = make_person("boss", "staff", is_staff=True, is_superuser=True)
    services.disable_user(actor=boss.actor, user=adm1.user)
    assert not is_signed_in(as_adm1)
    assert Entry.objects.filter(action="user.disabled", actor=boss.id).exists()


def test_a_session_that_ended_with_the_account_does_not_come_back_with_it(as_adm1: Admin, adm1: Person) -> None:
    boss = make_person("boss", "staff", is_staff=True, is_superuser=True)
    services.disable_user(actor=boss.actor, user=adm1.user)
    services.enable_user(actor=boss.actor, user=adm1.user)
    assert not is_signed_in(as_adm1)


def test_the_database_does_not_hold_what_the_cookie_holds(as_adm1: Admin) -> None:
    """Who reads the database, or a backup of it, must not be able to sign in with what they find."""
    [row] = Session.objects.all()
    assert as_adm1.cookie not in row.session_key + row.session_data
    stolen = httpx.get(as_adm1.get("/admin/").url, cookies={"sessionid": row.session_key}, follow_redirects=True)
    assert "Log out" not in stolen.text
    assert is_signed_in(as_adm1)


def test_signing_out_everywhere_ends_it_too(as_adm1: Admin, rest: Rest, adm1: Person) -> None:
    assert rest(adm1).post("/auth/logout-all").status_code == 204
    assert not is_signed_in(as_adm1)
    assert "Log out" in as_adm1.sign_in("adm1").text


def test_signing_out_on_one_device_or_as_somebody_else_does_not(
    as_adm1: Admin, rest: Rest, adm1: Person, doc1: Person
) -> None:
    assert rest(adm1).post("/auth/logout").status_code == rest(doc1).post("/auth/logout-all").status_code == 204
    assert is_signed_in(as_adm1)


def test_so_does_a_new_password(as_adm1: Admin, rest: Rest, adm1: Person) -> None:
    body = {"currentPassword": PASSWORD, "newPassword": NEW}
    assert rest(adm1).post("/auth/password", json=body).status_code == 204
    assert not is_signed_in(as_adm1)


# ---- The password ------------------------------------------------------------------------------------------------


def test_a_password_changed_in_the_admin_ends_the_sessions_of_the_api(as_adm1: Admin, rest: Rest, adm1: Person) -> None:
    client = rest(adm1)
    assert "Your password was changed" in change(as_adm1)
    assert_problem(client.get("/me"), 401, "token_revoked")
    assert LoginSession.objects.get(user=adm1.id).reason == "password"
    assert User.objects.get(pk=adm1.id).check_password(NEW)
    assert is_signed_in(as_adm1)


def test_other_sessions_of_the_admin_end(as_adm1: Admin, server: Server) -> None:
    with httpx.Client(base_url=server.url, timeout=30, follow_redirects=True, trust_env=False) as client:
        other = Admin(client)
        other.sign_in("adm1")
        change(as_adm1)
        assert not is_signed_in(other)


def test_the_change_is_recorded_as_the_person_s(as_adm1: Admin, adm1: Person) -> None:
    change(as_adm1)
    [entry] = recorded("password.changed")
    assert (entry.actor, entry.object, entry.outcome) == (adm1.id, adm1.id, "allow")


def test_a_wrong_old_password_is_refused_and_recorded(as_adm1: Admin, adm1: Person) -> None:
    assert "This is not your password" in change(as_adm1, old="wrong")
    [entry] = recorded("password.changed")
    assert (entry.actor, entry.outcome, entry.reason) == (adm1.id, "deny", "wrong_password")
    assert User.objects.get(pk=adm1.id).check_password(PASSWORD)


def test_guesses_count_together_with_those_of_the_api(
    as_adm1: Admin, rest: Rest, adm1: Person, settings: Settings
) -> None:
    settings.LIMITS = settings.LIMITS | {"PASSWORD_FAILURES": Rate(2, 900)}
    body = {"currentPassword": "wrong", "newPassword": NEW}
    assert rest(adm1).post("/auth/password", json=body).status_code == 400
    change(as_adm1, old="wrong")
    assert "Too many requests" in change(as_adm1)
    assert rest(adm1).post("/auth/password", json=body).status_code == 429
    assert User.objects.get(pk=adm1.id).check_password(PASSWORD)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"new": "short"}, "too short"),
        ({"new": "adm1adm1adm1adm1"}, "little more than your name"),
        ({"new": "x" * 1025}, "at most 1024"),
        ({"old": "x" * 1025}, "at most 1024"),
        ({"again": "something else entirely"}, "match"),
        ({"old": ""}, "This field is required"),
        ({"new": ""}, "This field is required"),
    ],
)
def test_a_bad_new_password_is_refused_with_its_reason(
    as_adm1: Admin, adm1: Person, fields: dict[str, str], complaint: str
) -> None:
    assert complaint in change(as_adm1, **fields)
    assert User.objects.get(pk=adm1.id).check_password(PASSWORD)
    assert not recorded("password.changed")


def test_only_who_is_signed_in_changes_a_password(admin: Admin, adm1: Person) -> None:
    assert "/admin/login/" in str(admin.get("/admin/password_change/").url)
