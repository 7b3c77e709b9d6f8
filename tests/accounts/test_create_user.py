"""Creating people: the service that the admin and the commands call, and `manage.py createsuperuser`."""

from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection

from accounts import services
from accounts.models import NameToken, User
from accounts.validators import RESERVED
from audit.models import Detail
from core.actor import SYSTEM, SYSTEM_ID, Actor
from core.errors import Forbidden, Invalid
from tests.accounts.conftest import recorded
from tests.people import Person

pytestmark = pytest.mark.core

STRONG = "twelve monkeys and a typewriter"


def create(actor: Actor = SYSTEM, **fields: Any) -> User:
    return services.create_user(actor=actor, **{"username": "new", "password": None, **fields})


def refusal(**fields: Any) -> dict[str, str]:
    """Field → code of what is wrong."""
    with pytest.raises(Invalid) as refused:
        create(**fields)
    return {error.field: error.code for error in refused.value.errors}


def test_a_person_is_stored_and_recorded(database: None) -> None:
    user = User.objects.get(pk=create(role="provider", display_name="Nora Neu", email="n@example.org").pk)
    assert (user.role, user.display_name, user.email, user.is_active) == ("provider", "Nora Neu", "n@example.org", True)
    assert not user.has_usable_password()
    assert NameToken.objects.filter(user=user).count() == 2
    [entry] = recorded("user.created")
    assert (entry.actor, entry.object) == (SYSTEM_ID, user.id)
    assert Detail.objects.get(entry=entry.id).payload() == {"role": "provider"}


def test_without_a_name_there_is_none(database: None) -> None:
    user = create(display_name="", email="")
    assert (user.display_name, user.email) == (None, None)


@pytest.mark.parametrize("username", ["ab", "a.b", "Anna-Maria_9", "0x", "x" * 64, "root", "admin"])
def test_names_that_are_fine(database: None, username: str) -> None:
    assert create(username=username).username == username


@pytest.mark.parametrize("username", ["", "a", ".ab", "ab.", "a b", "a@b.c", "ä1", "а1", "a\nb", "ab\n", "a/b", "-ab"])
def test_names_that_are_not(database: None, username: str) -> None:
    assert refusal(username=username).keys() == {"username"}


def test_a_name_has_at_most_64_characters(database: None) -> None:
    assert refusal(username="x" * 65) == {"username": "max_length"}


@pytest.mark.parametrize("username", sorted(RESERVED))
def test_reserved_names_are_nobody_s(database: None, username: str) -> None:
    assert refusal(username=username.upper()) == {"username": "reserved"}


def test_two_people_cannot_have_the_same_name_in_whatever_case(database: None) -> None:
    create(username="Anna")
    assert refusal(username="aNNa") == {"username": "unique"}
    assert User.objects.exclude(id=SYSTEM_ID).count() == len(recorded("user.created")) == 1


def test_of_many_at_once_one_gets_the_name(database: None) -> None:
    def attempt(username: str) -> bool:
        try:
            create(username=username)
        except Invalid:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(attempt, ["same", "Same", "SAME", "sAmE"]))
    assert outcomes.count(True) == 1


def test_everything_that_is_wrong_is_told_at_once(database: None) -> None:
    wrong = refusal(username="?", role="king", time_zone="Mars", language="?", email="x", display_name="a\nb")
    assert wrong.keys() == {"username", "role", "timeZone", "language", "email", "displayName"}


@pytest.mark.parametrize("password", ["aaaaaaaaaaaaaaaa", "abcabcabcabcabc", "passwordpassword", "stud3nt1stud3nt1"])
def test_something_short_repeated_is_no_password(database: None, password: str) -> None:
    assert refusal(password=password) == {"password": "password_repeats"}


def test_a_password_must_be_strong_and_bearable(database: None) -> None:
    assert refusal(password="short") == {"password": "password_too_short"}
    assert refusal(password="x" * 1025) == {"password": "max_length"}
    assert refusal(password="x" * 1025, weak_password_allowed=True) == {"password": "max_length"}
    assert create(password="demo", weak_password_allowed=True).check_password("demo")


def test_only_staff_create_people_and_only_superusers_create_staff(doc1: Person, adm1: Person) -> None:
    desk = Actor(doc1.id, "staff", is_staff=True)
    for refused in ({"actor": doc1.actor}, {"actor": desk, "role": "staff"}, {"actor": desk, "role": "bot"}):
        with pytest.raises(Forbidden):
            create(**refused)
    for flag in ("is_staff", "is_superuser"):
        with pytest.raises(Forbidden):
            create(desk, **{flag: True})
    assert create(desk, username="p1").role == "patient"
    assert create(adm1.actor, username="s1", role="staff", is_staff=True).is_staff


def test_the_database_holds_the_rules_too(doc1: Person) -> None:
    for field, value in (("role", "king"), ("username", "SYSTEM")):
        with pytest.raises(IntegrityError):
            User.objects.filter(pk=doc1.id).update(**{field: value})


@pytest.mark.parametrize("flag", ["is_staff", "is_superuser"])
@pytest.mark.parametrize("role", ["patient", "provider", "student", "instructor", "bot"])
def test_rights_are_for_staff(database: None, role: str, flag: str) -> None:
    rights: dict[str, Any] = {flag: True}
    assert refusal(role=role, **rights) == {"role": "rights_without_staff"}
    user = create(role=role)
    with pytest.raises(Invalid):
        services.change_authority(actor=SYSTEM, user=user, **rights)
    with pytest.raises(IntegrityError):
        User.objects.filter(pk=user.pk).update(**rights)


def test_who_has_rights_gives_them_up_with_the_role(database: None) -> None:
    user = create(role="staff", is_staff=True)
    with pytest.raises(Invalid):
        services.change_authority(actor=SYSTEM, user=user, role="provider")
    assert services.change_authority(actor=SYSTEM, user=user, role="provider", is_staff=False).role == "provider"


def test_a_bot_has_no_password(database: None) -> None:
    assert refusal(role="bot", password=STRONG) == {"role": "bot_with_password"}
    assert not create(username="robot", role="bot").has_usable_password()
    person = create(password=STRONG)
    with pytest.raises(Invalid):
        services.change_authority(actor=SYSTEM, user=person, role="bot")
    assert not recorded("user.updated")


@pytest.mark.parametrize(
    "password",
    [
        *("newcomer1newcomer1", "NewComer1-newcomer1", "newcomer1newcomer1!!", "xnewcomer1newcomer1y"),
        *("noraneunoranora", "Zoe Zoe Zoe Zoe!", "zoezoëZOEzoe"),
    ],
)
def test_a_password_is_not_a_name_over_and_over(database: None, password: str) -> None:
    assert refusal(username="newcomer1", display_name="Zoë Nora Neu", password=password).keys() == {"password"}


def test_a_password_may_contain_a_name(database: None) -> None:
    password = "newcomer1 keeps twelve monkeys"
    assert create(username="newcomer1", password=password).check_password(password)


def test_the_server_s_own_user_stays_as_it_is(adm1: Person) -> None:
    system = User.objects.get(pk=SYSTEM_ID)
    assert (system.username, system.role, system.is_active) == ("system", "bot", True)
    assert not system.has_usable_password()
    for change in (services.disable_user, services.change_authority):
        with pytest.raises(Forbidden):
            change(actor=adm1.actor, user=system)


def test_a_profile_is_changed_by_its_person_or_who_manages_them(doc1: Person, pat1: Person, adm1: Person) -> None:
    with pytest.raises(Forbidden):
        services.update_profile(actor=pat1.actor, user=doc1.user, changes={"language": "de"})
    with pytest.raises(TypeError):
        services.update_profile(actor=doc1.actor, user=doc1.user, changes={"role": "staff"})
    assert services.update_profile(actor=adm1.actor, user=doc1.user, changes={"language": "de"}).language == "de"


# ---- createsuperuser ---------------------------------------------------------------------------------------------


def createsuperuser(monkeypatch: pytest.MonkeyPatch, username: str, password: str = STRONG) -> str:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", password)
    out = StringIO()
    call_command("createsuperuser", "--noinput", "--username", username, stdout=out)
    return out.getvalue()


def test_the_first_superuser_comes_from_the_command(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "created successfully" in createsuperuser(monkeypatch, "boss")
    boss = User.objects.get(username="boss")
    assert (boss.role, boss.is_staff, boss.is_superuser) == ("staff", True, True)
    assert boss.check_password(STRONG)
    assert [entry.object for entry in recorded("user.created")] == [boss.id]


@pytest.mark.parametrize(
    ("username", "password", "complaint"), [("BOSS", STRONG, "taken"), ("me", STRONG, "reserved"), ("b2", "x", "short")]
)
def test_the_command_says_what_is_wrong(
    database: None, monkeypatch: pytest.MonkeyPatch, username: str, password: str, complaint: str
) -> None:
    createsuperuser(monkeypatch, "boss")
    with pytest.raises(CommandError, match=complaint):
        createsuperuser(monkeypatch, username, password)
    assert User.objects.filter(is_superuser=True).count() == 1
