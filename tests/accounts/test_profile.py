"""My profile: GET and PATCH /me."""

import httpx
import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from pytest_django import Settings

from accounts import validators
from accounts.models import NameToken, User
from core.limits import Rate
from tests.accounts.conftest import Rest, assert_problem, field_errors, recorded
from tests.people import Person

pytestmark = pytest.mark.core


@pytest.fixture
def me(rest: Rest, doc1: Person) -> httpx.Client:
    return rest(doc1)


def test_i_see_my_profile(me: httpx.Client, doc1: Person) -> None:
    assert me.get("/me").json() == {
        "id": str(doc1.id),
        "username": "doc1",
        "displayName": "Dr. Iris Berg",
        "role": "provider",
        "isActive": True,
        "timeZone": "UTC",
        "language": "en",
        "outOfOffice": None,
    }


def test_i_change_what_is_mine_to_change(me: httpx.Client) -> None:
    changes = {
        "displayName": "Dr. Îris 日本 O'Berg-Huber",
        "timeZone": "America/Argentina/Buenos_Aires",
        "language": "zh-Hant-TW",
        "outOfOffice": "Back on Monday.\nK<3.5 & Na>145: call the ward.",
    }
    answer = me.patch("/me", json=changes)
    assert answer.status_code == 200
    assert changes.items() <= answer.json().items()
    assert me.get("/me").json() == answer.json()


def test_only_what_is_sent_changes(me: httpx.Client) -> None:
    me.patch("/me", json={"language": "de"})
    answer = me.patch("/me", json={"timeZone": "Europe/Berlin"}).json()
    assert (answer["language"], answer["timeZone"], answer["displayName"]) == ("de", "Europe/Berlin", "Dr. Iris Berg")


@pytest.mark.parametrize("nothing", [None, "", "   "])
def test_name_and_note_can_be_taken_away(me: httpx.Client, doc1: Person, nothing: str | None) -> None:
    me.patch("/me", json={"outOfOffice": "gone"})
    answer = me.patch("/me", json={"displayName": nothing, "outOfOffice": nothing}).json()
    assert answer["displayName"] is None
    assert answer["outOfOffice"] is None
    assert not NameToken.objects.filter(user=doc1.id).exists()


@pytest.mark.parametrize(
    "body",
    [
        {"is_staff": True, "role": "provider", "org": "B"},
        {"isStaff": True},
        {"role": "staff"},
        {"isSuperuser": True},
        {"isActive": False},
        {"username": "admin"},
        {"password": "x"},
        {"email": "a@example.org"},
        {"id": "0192f0c5-7b1e-7a60-8c1d-3f4a5b6c7d8e"},
        {"display_name": "x"},
        {"displayName": "x", "role": "staff"},
    ],
)
def test_role_and_rights_are_not_mine_to_change(me: httpx.Client, doc1: Person, body: dict[str, object]) -> None:
    """T052"""
    before = User.objects.filter(pk=doc1.id).values("username", "role", "is_staff", "is_superuser", "is_active").get()
    assert_problem(me.patch("/me", json=body), 400, "unknown_field")
    assert User.objects.filter(pk=doc1.id).values(*before).get() == before
    assert me.get("/me").json()["displayName"] == "Dr. Iris Berg"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("displayName", "x" * 101, "max_length"),
        ("displayName", "two\nlines", "invalid"),
        ("displayName", "iris\u202egreb", "invalid"),
        ("displayName", "iris\u200bberg", "invalid"),
        ("displayName", "i" + "\u0301" * 9, "invalid"),
        ("displayName", 7, "invalid"),
        ("timeZone", "Mars/Olympus", "invalid"),
        ("timeZone", "europe/berlin", "invalid"),
        ("timeZone", "../../etc/passwd", "invalid"),
        ("timeZone", None, "null"),
        ("timeZone", "", "blank"),
        ("language", "english please", "invalid"),
        ("language", "e", "invalid"),
        ("language", "de_DE", "invalid"),
        ("outOfOffice", "x" * 501, "max_length"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(me: httpx.Client, field: str, value: object, code: str) -> None:
    answer = me.patch("/me", json={field: value, "language": "fr"} if field != "language" else {field: value})
    assert_problem(answer, 400, "invalid")
    assert field_errors(answer) == {field: code}
    assert me.get("/me").json()["language"] == "en"


@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "\ud800"])
def test_text_that_cannot_be_stored_is_refused(me: httpx.Client, text: str) -> None:
    body = b'{"outOfOffice": "' + text.encode("unicode_escape").replace(b"\\x", b"\\u00") + b'"}'
    answer = me.patch("/me", content=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, 400, "invalid_text")


def test_names_are_not_in_the_database_in_the_clear(me: httpx.Client, doc1: Person) -> None:
    me.patch("/me", json={"displayName": "Canary Wharf", "outOfOffice": "Canary islands"})
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_user")
        rows = repr([[bytes(v) if isinstance(v, memoryview) else v for v in row] for row in cursor.fetchall()])
    assert "doc1" in rows
    assert "anary" not in rows


def test_a_change_is_recorded_by_the_names_of_its_fields(me: httpx.Client, doc1: Person) -> None:
    me.patch("/me", json={"language": "de", "displayName": "Dr. Iris Berg"})
    [entry] = recorded("user.updated")
    assert (entry.actor, entry.object) == (doc1.id, doc1.id)


@pytest.mark.parametrize("body", [{}, {"language": "en"}, {"displayName": "Dr. Iris Berg"}])
def test_a_change_that_changes_nothing_writes_nothing(me: httpx.Client, body: dict[str, str]) -> None:
    assert me.patch("/me", json=body).status_code == 200
    assert not recorded("user.updated")


def test_requests_are_limited(rest: Rest, doc1: Person, pat1: Person, settings: Settings) -> None:
    settings.LIMITS = settings.LIMITS | {"REQUEST": Rate(2, 60)}
    client = rest(doc1)
    assert [client.get("/me").status_code for _ in range(3)] == [200, 200, 429]
    assert int(client.get("/me").headers["retry-after"]) >= 1
    assert rest(pat1).get("/me").status_code == 200


def test_only_who_is_signed_in_has_a_profile(rest: Rest, database: None) -> None:
    assert_problem(rest().get("/me"), 401, "unauthenticated")
    assert_problem(rest().patch("/me", json={"language": "de"}), 401, "unauthenticated")


# ---- T058: the method is the method ------------------------------------------------------------------------------


def test_another_method_cannot_be_smuggled_in(me: httpx.Client, doc1: Person) -> None:
    session = f"/auth/sessions/{doc1.signed_in.session_id}"
    assert me.post("/me", json={}, headers={"X-HTTP-Method-Override": "PATCH"}).status_code == 405
    assert_problem(me.get("/me", params={"_method": "DELETE"}), 400, "unknown_param")
    assert_problem(me.post(session, json={"_method": "DELETE"}), 405, "method_not_allowed")
    assert me.get("/me", headers={"X-HTTP-Method-Override": "DELETE"}).status_code == 200
    assert me.request("TRACE", "/me").status_code == 405
    assert me.request("patch", "/me", json={"language": "de"}).status_code in {200, 400, 405}


@pytest.mark.no_database
@pytest.mark.parametrize("tag", ["de\n", "\nde", "d\u0435"])
def test_a_language_tag_is_nothing_but_a_language_tag(tag: str) -> None:
    with pytest.raises(ValidationError):
        validators.validate_language(tag)
