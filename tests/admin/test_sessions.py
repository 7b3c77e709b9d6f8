"""Sessions of people in the admin: to see, and to end."""

import pytest
from django.test import Client

from accounts.models import LoginSession
from audit.models import Entry
from core.ids import uuid7
from tests.admin.looking import list_of, listed, page_of, shown, signed_in
from tests.live import Server
from tests.people import Person, client_for, sign_in
from tests.sockets import connect

pytestmark = pytest.mark.core


@pytest.fixture
def as_operator(operator: Person) -> Client:
    return signed_in(operator)


def session_of(person: Person) -> LoginSession:
    return LoginSession.objects.get(pk=person.signed_in.session_id)


def end(client: Client, session: LoginSession) -> str:
    answer = client.post(page_of(session).replace("change/", "end/"), follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_sessions_are_found_by_login_name_and_id(as_operator: Client, pat1: Person, doc1: Person) -> None:
    mine = session_of(pat1)
    session_of(doc1)
    for term in (pat1.username, pat1.id, mine.pk):
        assert listed(as_operator, LoginSession, f"?q={term}") == [str(mine.pk)]
    assert len(listed(as_operator, LoginSession, "?state=live")) == 2
    assert listed(as_operator, LoginSession, "?state=over") == []


def test_a_session_is_ended_its_socket_closes_and_its_token_opens_nothing(
    as_operator: Client, operator: Person, pat1: Person, server: Server
) -> None:
    session = session_of(pat1)
    with connect(server, pat1.token) as socket:
        assert "The session has ended." in end(as_operator, session)
        assert socket.closed_with(5.0) == 4410
    with client_for(pat1, server) as client:
        assert client.get("/api/v1/conversations").status_code == 401
    [entry] = Entry.objects.filter(action="session.ended")
    assert (entry.actor, entry.object, entry.reason) == (operator.id, session.pk, "revoked")
    assert "End this session" not in shown(as_operator, page_of(session))
    end(as_operator, session)
    assert Entry.objects.filter(action="session.ended").count() == 1


def test_the_other_sessions_of_the_person_go_on(as_operator: Client, pat1: Person, server: Server) -> None:
    other = sign_in(pat1)
    end(as_operator, session_of(pat1))
    assert LoginSession.objects.get(pk=other.session_id).revoked_at is None


def test_operators_do_not_end_sessions_of_staff_with_rights(
    as_operator: Client, operator: Person, adm1: Person
) -> None:
    session = session_of(adm1)
    assert "Only superusers may do this to staff." in end(as_operator, session)
    assert session_of(adm1).revoked_at is None
    assert Entry.objects.filter(actor=operator.id, action="access.denied").count() == 1


def test_who_may_only_look_ends_nothing(officer: Person, pat1: Person) -> None:
    session, client = session_of(pat1), signed_in(officer)
    assert "End this session" not in shown(client, page_of(session))
    assert client.post(page_of(session).replace("change/", "end/")).status_code == 403
    assert session_of(pat1).revoked_at is None


def test_a_session_that_there_is_not(as_operator: Client) -> None:
    answer = as_operator.post(f"{list_of(LoginSession)}{uuid7()}/end/", follow=True)
    assert "There is nothing here for you." in answer.content.decode()


def test_a_link_ends_nothing(as_operator: Client, pat1: Person) -> None:
    session = session_of(pat1)
    assert as_operator.get(page_of(session).replace("change/", "end/")).headers["Location"] == page_of(session)
    assert session_of(pat1).revoked_at is None
