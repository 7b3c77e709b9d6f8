"""What a display name may be (T066)."""

import pytest
from django.core.exceptions import ValidationError

from accounts.models import User
from accounts.validators import validate_plain_name
from messaging.demo import PEOPLE
from tests.accounts.conftest import Rest, assert_problem, field_errors
from tests.people import Person

pytestmark = pytest.mark.core

REAL = (
    *(
        "Zoë",
        "O'Brien",
        "O’Brien",
        "Ñ",
        "李小龍",
        "محمد",
        "Nguyễn",
        "Nguye\u0302\u0303n",
        "Jean-Luc",
        "Здравко",
        "Dr. Iris Berg",
    ),
    *("Mª José", "Kalaniʻōpuʻu", "Łukasz Ørsted", "Đặng Thế", "İbrahim Işık", "Sam 2", "Bob (night)"),
    *("山田 太郎", "佐々木マリー", "さくら", "김민준", "金민준", "अनिल कुमार", "สมชาย", "Αλέξανδρος", "Դավիթ", "გიორგი"),
    *("שרה", "ሰላም", "Мар'яна", "Ivan Иванов", "Ａｎｎａ", "Ada Support-Lind", "Dr. Notice", "Mei T."),
)

NOTHING = ("...", "123", "\u3164", "\u115f\u1160", "Anna\u3164", "\uffa0", "\u2800", "\u034f", "\ufe0f", "\u00a0")
HIDDEN = ("ab\u202ecd", "ab\u2066cd", "ab\u200bcd", "ab\u2060", "\ufeffab", "a" + "\u0301" * 300, "a\nb")
MIXED = ("аdmin", "Pаul", "Anna Ivаnova", "Σam", "Pa\u0301\u0430l", "Αnna", "Hаns-Peter", "Adㅣn", "Ａнна", "ᏢauӀ")
SERVER = (
    *("System", "SUPPORT", "admin", " Admin ", "Administrator", "Parley", "Parley Support", "Support Team", "Admin 2"),
    *("Sys-tem", "S y s t e m", "5upp0rt", "Adm1n", "@dmin", "$ystem", "Adrnin", "SystemAdmin", "Âdmïn", "Admin ✓"),
    *("ЅУЅТЕМ", "ѕуѕтем", "ΤΕΑΜ", "ᴀᴅᴍɪɴ", "𝐀𝐝𝐦𝐢𝐧", "Ａｄｍｉｎ", "admın", "Ⓐdmin", "ɑdmin", "ađmin"),
)


@pytest.mark.no_database
@pytest.mark.parametrize("name", [*REAL, *(person.display_name for person in PEOPLE)])
def test_names_of_people_everywhere_are_fine(name: str) -> None:
    validate_plain_name(name)


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("name", "code"),
    [
        *((name, "invalid") for name in NOTHING + HIDDEN),
        *((name, "mixed_scripts") for name in MIXED),
        *((name, "reserved") for name in SERVER),
    ],
)
def test_names_that_show_nothing_or_something_else_are_not(name: str, code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        validate_plain_name(name)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("name", "code"),
    [("System", "reserved"), ("Ѕupport", "mixed_scripts"), ("\u3164", "invalid"), ("ad\u202emin", "invalid")],
)
def test_nobody_gives_themselves_such_a_name(rest: Rest, doc1: Person, name: str, code: str) -> None:
    answer = rest(doc1).patch("/me", json={"displayName": name})
    assert_problem(answer, 400, "invalid")
    assert field_errors(answer) == {"displayName": code}
    assert rest(doc1).get("/me").json()["displayName"] == "Dr. Iris Berg"


@pytest.mark.parametrize("name", ["Nguyễn Thế Ñ", "李小龍", "محمد", "Здравко"])
def test_a_name_is_kept_as_it_was_given(rest: Rest, doc1: Person, name: str) -> None:
    assert rest(doc1).patch("/me", json={"displayName": name}).json()["displayName"] == name


def test_a_name_from_before_the_rule_is_in_nobody_s_way(rest: Rest, doc1: Person) -> None:
    user = User.objects.get(pk=doc1.id)
    user.display_name = "System"
    user.save(update_fields=["display_name"])
    assert rest(doc1).patch("/me", json={"language": "de"}).status_code == 200


@pytest.mark.no_database
@pytest.mark.parametrize("name", ["علی\u200cرضا", "ශ්\u200dරී"])
def test_joiners_where_a_script_needs_them_are_fine(name: str) -> None:
    validate_plain_name(name)


@pytest.mark.no_database
@pytest.mark.parametrize("name", ["Iris\u200cBerg", "Iris\u200d", "\u200cعلی", "علی\u200dرضا"])
def test_joiners_anywhere_else_are_not(name: str) -> None:
    with pytest.raises(ValidationError):
        validate_plain_name(name)
