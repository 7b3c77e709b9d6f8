"""The directory: GET /users, GET /users/{id}."""

from base64 import urlsafe_b64decode
from uuid import UUID, uuid4

import httpx
import pytest
from django.test.utils import CaptureQueriesContext

from accounts import names, services
from accounts.models import NameToken, User
from accounts.permissions import may_start_with, roles_reachable_by
from core.actor import SYSTEM, SYSTEM_ID
from tests.accounts.conftest import Rest, assert_problem, recorded
from tests.messaging.rooms import room_of
from tests.people import Person, make_person, make_user, open_clinical

pytestmark = pytest.mark.core

ROLES = ("patient", "provider", "student", "instructor", "staff", "bot")
REACH = {
    "patient": {"provider", "staff"},
    "provider": {"patient", "provider", "staff"},
    "student": {"student", "instructor", "staff"},
    "instructor": {"student", "instructor", "staff"},
    "staff": {"patient", "provider", "student", "instructor", "staff"},
    "bot": set(),
}


def found(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [user["username"] for user in answer.json()["results"]]


def search(client: httpx.Client, text: str) -> list[str]:
    return found(client.get("/users", params={"search": text}))


@pytest.mark.no_database
@pytest.mark.parametrize("role", ROLES)
def test_the_role_permission_table(role: str) -> None:
    assert {other for other in ROLES if may_start_with(role, other)} == roles_reachable_by(role) == REACH[role]
    assert roles_reachable_by("nonsense") == frozenset()


@pytest.mark.parametrize("role", ROLES)
def test_everybody_finds_whom_they_may_start_a_conversation_with(rest: Rest, database: None, role: str) -> None:
    for other in ROLES:
        make_user(f"the-{other}", other)
    client = rest(make_person("searcher", role))
    assert set(found(client.get("/users"))) == {f"the-{other}" for other in REACH[role]}


def test_a_person_is_shown_as_everybody_may_see_them(rest: Rest, pat1: Person, doc1: Person) -> None:
    listed = rest(pat1).get("/users").json()["results"]
    single = rest(pat1).get(f"/users/{doc1.id}").json()
    assert listed == [single]
    assert single == {
        "id": str(doc1.id),
        "username": "doc1",
        "displayName": "Dr. Iris Berg",
        "role": "provider",
        "isActive": True,
    }


def test_the_server_s_own_user_is_in_no_directory(rest: Rest, adm1: Person) -> None:
    assert "system" not in found(rest(adm1).get("/users"))
    assert_problem(rest(adm1).get(f"/users/{SYSTEM_ID}"), 404, "not_found")


def test_i_can_look_myself_up_but_am_not_in_the_list(rest: Rest, doc1: Person) -> None:
    assert rest(doc1).get(f"/users/{doc1.id}").json()["username"] == "doc1"
    assert found(rest(doc1).get("/users")) == []


def test_who_is_out_of_reach_answers_like_who_does_not_exist(rest: Rest, out1: Person, pat1: Person) -> None:
    client, nobody = rest(out1), uuid4()
    answers = [client.get(f"/users/{user_id}") for user_id in (pat1.id, nobody)]
    for answer in answers:
        assert_problem(answer, 404, "not_found")
    assert len({(*{**answer.json(), "requestId": ""}.items(),) for answer in answers}) == 1
    assert [entry.object for entry in recorded("access.denied")] == [pat1.id, nobody]


def test_who_shares_a_conversation_is_seen_disabled_or_not(rest: Rest, pat1: Person, doc1: Person) -> None:
    open_clinical(pat1, doc1)
    services.disable_user(actor=SYSTEM, user=doc1.user)
    client = rest(pat1)
    assert found(client.get("/users")) == ["doc1"]
    assert client.get(f"/users/{doc1.id}").json()["isActive"] is False


def test_who_is_out_of_reach_by_role_is_seen_in_a_shared_conversation(rest: Rest, pat1: Person, doc1: Person) -> None:
    open_clinical(pat1, doc1)
    services.change_authority(actor=SYSTEM, user=doc1.user, role="student")
    assert found(rest(pat1).get("/users")) == ["doc1"]


def test_rooms_make_people_visible_to_one_another_while_they_are_in_them(
    rest: Rest, pat1: Person, doc1: Person, out1: Person
) -> None:
    room = room_of(doc1, pat1, out1)
    student, patient = rest(out1), rest(pat1)
    assert found(student.get("/users")) == search(student, "berg") + search(student, "paula") == ["doc1", "pat1"]
    assert student.get(f"/users/{pat1.id}").json()["displayName"] == "Paula Quint"
    assert patient.get(f"/users/{out1.id}").status_code == 200
    rest(doc1).delete(f"/conversations/{room}/members/{out1.id}")
    assert found(student.get("/users")) == search(student, "paula") == []
    assert_problem(student.get(f"/users/{pat1.id}"), 404, "not_found")
    assert_problem(patient.get(f"/users/{out1.id}"), 404, "not_found")
    assert found(patient.get("/users")) == ["doc1"]


def test_who_is_seen_in_a_room_is_not_thereby_somebody_to_write_to(
    rest: Rest, pat1: Person, doc1: Person, out1: Person
) -> None:
    room_of(doc1, pat1, out1)
    answer = rest(out1).post("/conversations", json={"kind": "direct", "userId": str(pat1.id)})
    assert_problem(answer, 403, "forbidden")


def test_the_disabled_are_not_found_by_strangers(rest: Rest, pat1: Person, dis1: Person) -> None:
    client = rest(pat1)
    assert found(client.get("/users")) == []
    assert_problem(client.get(f"/users/{dis1.id}"), 404, "not_found")


# ---- Searching ---------------------------------------------------------------------------------------------------


@pytest.fixture
def searcher(rest: Rest, pat1: Person, doc1: Person, doc2: Person) -> httpx.Client:
    make_user("Doc_9", "provider", display_name="Dr. José Ángel O'Neill-Müller")
    make_user("docX9", "provider", display_name=None)
    return rest(pat1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("doc", ["doc1", "doc2", "Doc_9", "docX9"]),
        ("DOC_", ["Doc_9"]),
        ("doc1", ["doc1"]),
        ("oc1", []),
        ("%", []),
        ("berg", ["doc1", "doc2"]),
        ("iris", ["doc1"]),
        ("Berg iris", ["doc1"]),
        ("berg jose", []),
        ("jose angel", ["Doc_9"]),
        ("JOSÉ", ["Doc_9"]),
        ("o'neill", ["Doc_9"]),
        ("muller", ["Doc_9"]),
        ("ber", []),
        ("  iris  ", ["doc1"]),
        ("...", []),
    ],
)
def test_people_are_found_by_login_name_and_by_words_of_their_name(
    searcher: httpx.Client, text: str, expected: list[str]
) -> None:
    assert sorted(search(searcher, text)) == sorted(expected)


def test_a_search_finds_nobody_out_of_reach(rest: Rest, out1: Person, pat1: Person) -> None:
    assert search(rest(out1), "paula") == search(rest(out1), "pat1") == []


def test_a_new_name_is_found_and_the_old_one_is_not(rest: Rest, pat1: Person, doc1: Person) -> None:
    rest(doc1).patch("/me", json={"displayName": "Iris Talheim"})
    client = rest(pat1)
    assert search(client, "talheim") == search(client, "iris") == ["doc1"]
    assert search(client, "berg") == []


def test_no_word_of_a_name_is_stored(doc1: Person) -> None:
    stored = [bytes(token) for token in NameToken.objects.filter(user=doc1.id).values_list("token", flat=True)]
    assert sorted(stored) == sorted(names.tokens("Iris Berg Dr"))
    assert {len(token) for token in stored} == {8}


@pytest.mark.no_database
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", []),
        ("Anna Anna ANNA", ["anna"]),
        ("Straße", ["strasse"]),
        ("Ｆｕｌｌ", ["full"]),
        ("Ελένη", ["ελενη"]),
        ("日本 太郎", ["日本", "太郎"]),
        ("a_b", ["a", "b"]),
        (" ".join(map(str, range(99))), [str(n) for n in range(16)]),
    ],
)
def test_words_are_compared_without_case_and_accents(name: str, expected: list[str]) -> None:
    assert names.words(name) == expected


@pytest.mark.parametrize("text", ["x" * 101, "a\x00b"])
def test_a_search_that_nobody_means_is_refused(rest: Rest, doc1: Person, text: str) -> None:
    assert_problem(rest(doc1).get("/users", params={"search": text}), 400, "invalid")


# ---- Pages, costs, records ---------------------------------------------------------------------------------------


def unpacked(cursor: str) -> str:
    """What stands in a cursor, before its signature."""
    payload = cursor.split(":")[0]
    return urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode(errors="replace")


def test_the_list_comes_in_pages_in_the_order_of_names(rest: Rest, pat1: Person) -> None:
    usernames = [f"{letter}.reader.{n}" for n in range(3) for letter in "aBcD"]
    for username in usernames:
        make_user(username, "provider")
    client, seen, cursor = rest(pat1), [], None
    while True:
        answer = client.get("/users", params={"limit": 5} | ({"cursor": cursor} if cursor else {}))
        seen += found(answer)
        if (cursor := answer.json()["nextCursor"]) is None:
            break
        assert "reader" not in unpacked(cursor)
    assert seen == sorted(usernames, key=str.lower)


def test_a_cursor_works_only_for_whom_it_was_made(
    rest: Rest, pat1: Person, pat2: Person, doc1: Person, doc2: Person
) -> None:
    cursor = rest(pat1).get("/users", params={"limit": 1}).json()["nextCursor"]
    assert_problem(rest(pat2).get("/users", params={"cursor": cursor}), 400, "invalid_cursor")
    assert found(rest(pat1).get("/users", params={"cursor": cursor})) == ["doc2"]


def test_a_page_costs_the_same_for_one_and_for_fifty(
    pat1: Person, doc1: Person, connection_queries: "CaptureQueriesContext"
) -> None:
    actor = pat1.actor

    def queries(text: str) -> int:
        before = len(connection_queries)
        people = services.view_people(actor=actor, search=text, after=None, limit=200)
        assert [user.display_name for user in people]
        return len(connection_queries) - before

    one = queries("")
    User.objects.bulk_create([User(username=f"many{n}", role="provider", display_name=f"N{n}") for n in range(50)])
    assert queries("") == queries("doc") == one == 1


def test_looking_people_up_is_recorded(rest: Rest, pat1: Person, doc1: Person) -> None:
    client = rest(pat1)
    search(client, "iris")
    client.get(f"/users/{doc1.id}")
    listed, single = recorded("users.viewed")
    assert (listed.actor, listed.object, single.object) == (pat1.id, None, doc1.id)


@pytest.mark.parametrize("path", ["/users/", "/users/x", "/users/123", "/Users", f"/users/{UUID(int=5)}/x", "/me/"])
def test_there_are_no_other_addresses(rest: Rest, doc1: Person, path: str) -> None:
    assert rest(doc1).get(path).status_code == 404


def test_parameters_that_do_not_exist_are_refused(rest: Rest, doc1: Person) -> None:
    assert_problem(rest(doc1).get("/users", params={"role": "staff"}), 400, "unknown_param")
    assert_problem(rest(doc1).get("/users", params={"limit": "201"}), 400, "invalid")


def test_only_who_is_signed_in_has_a_directory(rest: Rest, doc1: Person) -> None:
    assert_problem(rest().get("/users"), 401, "unauthenticated")
    assert_problem(rest().get(f"/users/{doc1.id}"), 401, "unauthenticated")
