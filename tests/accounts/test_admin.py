"""People in the admin: sign in, create, disable, enable, roles and rights (T010, T011)."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts.models import User
from audit.models import Detail
from core.actor import SYSTEM_ID
from tests.accounts.admin import Admin
from tests.accounts.conftest import Rest, assert_problem, recorded
from tests.live import Server
from tests.people import PASSWORD, Person, make_user
from tests.sockets import connect

STRONG = "twelve monkeys and a typewriter"


# ---- Creating ----------------------------------------------------------------------------------------------------


def test_a_person_is_created_who_can_sign_in(as_adm1: Admin, rest: Rest, adm1: Person) -> None:
    page = as_adm1.post(
        "/admin/accounts/user/add/",
        username="newdoc",
        password=STRONG,
        display_name="Nora Neu",
        email="nora@example.org",
        time_zone="Europe/Vienna",
        language="de",
        role="provider",
    )
    assert "Added newdoc." in page.text
    user = User.objects.get(username="newdoc")
    assert (user.display_name, user.email, user.role, user.time_zone) == (
        *("Nora Neu", "nora@example.org", "provider", "Europe/Vienna"),
    )
    assert STRONG not in page.text
    answer = rest().post("/auth/token", json={"username": "newdoc", "password": STRONG})
    assert answer.status_code == 200
    [entry] = [entry for entry in recorded("user.created") if entry.object == user.id]
    assert entry.actor == adm1.id


def test_a_person_stands_under_their_name(as_adm1: Admin, pat1: Person, adm1: Person) -> None:
    listed = as_adm1.get("/admin/accounts/user/").text
    assert "<h1>People</h1>" in listed
    page = as_adm1.get(f"/admin/accounts/user/{pat1.id}/change/").text
    assert f"<h1>{pat1.username}</h1>" in page
    assert f'href="/admin/audit/entry/?q={pat1.id}"' in page
    assert 'name="_save"' in page
    for absent in ("Change user", "/history/", "_addanother", "_continue"):
        assert absent not in page
    assert 'name="_save"' not in as_adm1.get(f"/admin/accounts/user/{adm1.id}/change/").text
    assert "<h1>A new person</h1>" in as_adm1.get("/admin/accounts/user/add/").text


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"username": "ADM1"}, "already exists|violated"),
        ({"username": "me"}, "reserved"),
        ({"username": "näme"}, "Use ASCII letters"),
        ({"username": "a b"}, "Use ASCII letters"),
        ({"password": "short"}, "too short"),
        ({"password": "x" * 1025}, "at most 1024"),
        ({"display_name": "two\u202enames"}, "A name has one line"),
        ({"email": "nowhere"}, "valid email"),
        ({"time_zone": "Mars/Olympus"}, "not the name of a time zone"),
        ({"language": "?"}, "not a language tag"),
        ({"role": "king"}, "not one of the available choices"),
        ({"display_name": "Support"}, "reserved"),
        ({"display_name": "\u0430dmin"}, "one alphabet"),
        ({"password": "finefinefinefine"}, "little more than your name"),
        ({"is_staff": "on"}, "Only people whose role is staff"),
        ({"role": "student", "is_superuser": "on"}, "Only people whose role is staff"),
        ({"role": "bot", "password": "", "is_superuser": "on"}, "Only people whose role is staff"),
        ({"role": "bot"}, "A bot has no password"),
    ],
)
def test_what_is_wrong_with_a_person_stands_on_the_page(as_adm1: Admin, fields: dict[str, str], complaint: str) -> None:
    good = {"username": "fine", "password": STRONG, "time_zone": "UTC", "language": "en", "role": "patient"}
    page = as_adm1.post("/admin/accounts/user/add/", **{**good, **fields})
    assert re.search(complaint, page.text)
    assert User.objects.exclude(id=SYSTEM_ID).count() == 1


def test_staff_create_people_but_no_staff(as_staff: Admin) -> None:
    person = {"password": STRONG, "time_zone": "UTC", "language": "en"}
    page = as_staff.post("/admin/accounts/user/add/", username="p1", role="patient", is_staff="on", **person)
    assert "Added p1." in page.text
    assert not User.objects.get(username="p1").is_staff
    page = as_staff.post("/admin/accounts/user/add/", username="s1", role="staff", **person)
    assert "Only superusers may create staff" in page.text
    assert not User.objects.filter(username="s1").exists()
    [denied] = recorded("access.denied")
    assert denied.reason == "forbidden"


# ---- Disabling and enabling --------------------------------------------------------------------------------------


def test_a_disabled_person_can_do_nothing_from_then_on(
    as_adm1: Admin, rest: Rest, server: Server, doc1: Person, adm1: Person
) -> None:
    """T010, T011"""
    client, token = rest(doc1), doc1.signed_in.refresh
    with connect(server, doc1.token) as socket:
        assert "1 disabled." in as_adm1.act("disable", doc1.user).text
        assert socket.closed_with(timeout=1) == 4403
    assert_problem(client.get("/me"), 401, "token_revoked")
    assert_problem(rest().post("/auth/token/refresh", json={"refresh": token}), 401, "token_revoked")
    refused = rest().post("/auth/token", json={"username": "doc1", "password": PASSWORD})
    assert_problem(refused, 401, "unauthenticated")
    with connect(server) as socket:
        socket.send({"type": "auth", "token": doc1.token})
        assert socket.closed_with() == 4403
    [entry] = recorded("user.disabled")
    assert (entry.actor, entry.object) == (adm1.id, doc1.id)


def test_an_enabled_person_signs_in_again_but_old_sessions_stay_ended(as_adm1: Admin, rest: Rest, doc1: Person) -> None:
    client = rest(doc1)
    as_adm1.act("disable", doc1.user)
    assert "1 enabled." in as_adm1.act("enable", doc1.user).text
    assert_problem(client.get("/me"), 401, "token_revoked")
    answer = rest().post("/auth/token", json={"username": "doc1", "password": PASSWORD})
    assert answer.status_code == 200
    assert len(recorded("user.enabled")) == 1


def test_a_repeat_changes_nothing(as_adm1: Admin, doc1: Person) -> None:
    for action in ("enable", "disable", "disable", "enable", "enable"):
        as_adm1.act(action, doc1.user)
    assert len(recorded("user.disabled")) == len(recorded("user.enabled")) == 1


def test_staff_disable_people_but_neither_staff_nor_themselves_nor_the_server(
    as_staff: Admin, doc1: Person, adm1: Person
) -> None:
    desk, system = User.objects.get(username="desk"), User.objects.get(id=SYSTEM_ID)
    page = as_staff.act("disable", doc1.user, adm1.user, desk, system).text
    assert "1 disabled." in page
    assert page.count("Only superusers may do this to staff") == 1
    forged = {"action": "disable", "confirmed": "yes", "_selected_action": [str(desk.id), str(system.id)]}
    assert "0 disabled." in as_staff.post("/admin/accounts/user/", **forged).text
    assert set(User.objects.filter(is_active=True).values_list("username", flat=True)) == {"adm1", "desk", "system"}
    assert [entry.object for entry in recorded("access.denied")] == [adm1.id, desk.id, system.id]


def test_who_may_only_look_cannot_disable(admin: Admin, doc1: Person) -> None:
    make_user("looker", "staff", is_staff=True)
    admin.sign_in("looker")
    assert admin.get("/admin/accounts/user/").status_code == 403
    [denied] = recorded("access.denied")
    assert denied.actor == User.objects.get(username="looker").id
    assert User.objects.get(pk=doc1.id).is_active


# ---- Roles and rights --------------------------------------------------------------------------------------------


def test_superusers_give_roles_and_rights_and_sessions_end(
    as_adm1: Admin, rest: Rest, server: Server, doc1: Person
) -> None:
    client, path = rest(doc1), f"/admin/accounts/user/{doc1.id}/change/"
    with connect(server, doc1.token) as socket:
        assert f"What {doc1.username} may do was changed." in as_adm1.post(path, role="staff", is_staff="on").text
        assert socket.closed_with(timeout=1) == 4410
    user = User.objects.get(pk=doc1.id)
    assert (user.role, user.is_staff, user.is_superuser) == ("staff", True, False)
    assert_problem(client.get("/me"), 401, "token_revoked")
    assert [entry.object for entry in recorded("user.updated")] == [doc1.id]


def test_saving_without_a_change_ends_nothing(as_adm1: Admin, doc1: Person, rest: Rest) -> None:
    client = rest(doc1)
    as_adm1.post(f"/admin/accounts/user/{doc1.id}/change/", role="provider")
    assert client.get("/me").status_code == 200
    assert not recorded("user.updated")


def test_nobody_changes_their_own_rights(as_adm1: Admin, adm1: Person) -> None:
    as_adm1.post(f"/admin/accounts/user/{adm1.id}/change/", role="patient")
    user = User.objects.get(pk=adm1.id)
    assert (user.role, user.is_staff, user.is_superuser) == ("staff", True, True)
    assert "There is nobody to disable among them" in as_adm1.act("disable", adm1.user).text
    assert User.objects.get(pk=adm1.id).is_active


def test_staff_see_roles_but_cannot_change_them(as_staff: Admin, doc1: Person) -> None:
    page = as_staff.post(f"/admin/accounts/user/{doc1.id}/change/", role="staff", is_superuser="on", is_staff="on")
    assert page.status_code == 200
    user = User.objects.get(pk=doc1.id)
    assert (user.role, user.is_staff, user.is_superuser) == ("provider", False, False)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"role": "patient", "is_staff": "on"}, "Only people whose role is staff"),
        ({"role": "student", "is_superuser": "on"}, "Only people whose role is staff"),
        ({"role": "bot", "is_superuser": "on"}, "Only people whose role is staff"),
        ({"role": "bot"}, "A bot has no password"),
    ],
)
def test_roles_and_rights_that_contradict_each_other_are_refused(
    as_adm1: Admin, doc1: Person, rest: Rest, fields: dict[str, str], complaint: str
) -> None:
    client = rest(doc1)
    assert complaint in as_adm1.post(f"/admin/accounts/user/{doc1.id}/change/", **fields).text
    user = User.objects.get(pk=doc1.id)
    assert (user.role, user.is_staff, user.is_superuser) == ("provider", False, False)
    assert client.get("/me").status_code == 200
    assert not recorded("user.updated")


# ---- What is shown -----------------------------------------------------------------------------------------------


def test_names_are_shown_and_looking_is_recorded(as_adm1: Admin, doc1: Person, adm1: Person) -> None:
    assert "Dr. Iris Berg" in as_adm1.get("/admin/accounts/user/").text
    page = as_adm1.get(f"/admin/accounts/user/{doc1.id}/change/").text
    assert "Dr. Iris Berg" in page
    assert "argon2" not in page
    listed, single = recorded("users.viewed")
    assert (listed.actor, listed.object, single.object) == (adm1.id, None, doc1.id)
    assert Detail.objects.get(entry=single.id).payload() == {"door": "admin"}


def test_a_list_of_many_people_costs_no_query_each(
    adm1: Person, connection_queries: CaptureQueriesContext, settings: Settings
) -> None:
    settings.SESSION_COOKIE_SECURE = False
    client = Client()
    client.force_login(adm1.user)

    def queries() -> int:
        before = len(connection_queries)
        assert client.get("/admin/accounts/user/").status_code == 200
        return len(connection_queries) - before

    few = queries()
    User.objects.bulk_create([User(username=f"many{n}", display_name=f"N{n}") for n in range(40)])
    assert queries() == few


def test_people_cannot_be_deleted(as_adm1: Admin, doc1: Person) -> None:
    assert "delete_selected" not in as_adm1.get("/admin/accounts/user/").text
    assert as_adm1.get(f"/admin/accounts/user/{doc1.id}/delete/").status_code == 403


def test_the_admin_s_own_log_holds_no_names(as_adm1: Admin) -> None:
    as_adm1.post(
        "/admin/accounts/user/add/", username="quiet", password=STRONG, time_zone="UTC", language="en", role="patient"
    )
    [entry] = LogEntry.objects.all()
    assert entry.object_repr == str(User.objects.get(username="quiet").id)
