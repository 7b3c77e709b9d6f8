"""The plain async views, which authenticate without DRF: the same answers, the same records."""

from uuid import uuid4

import pytest

from accounts import services
from core.actor import SYSTEM
from tests.accounts.conftest import Rest, assert_problem, recorded
from tests.people import Person, open_clinical

pytestmark = pytest.mark.core


def messages(conversation: object) -> str:
    return f"/conversations/{conversation}/messages"


def test_who_is_signed_in_gets_in(rest: Rest, pat1: Person, doc1: Person) -> None:
    assert rest(pat1).get(messages(open_clinical(pat1, doc1))).status_code == 200


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "unauthenticated"),
        ("Basic x", "unauthenticated"),
        ("Bearer", "token_invalid"),
        ("Bearer x", "token_invalid"),
    ],
)
def test_nobody_else_gets_in(rest: Rest, database: None, header: str, code: str) -> None:
    assert_problem(rest().get(messages(uuid4()), headers={"Authorization": header}), 401, code)


def test_a_session_that_has_ended_is_refused(rest: Rest, pat1: Person, doc1: Person) -> None:
    path = messages(open_clinical(pat1, doc1))
    signed_out, disabled = rest(pat1), rest(doc1)
    services.log_out(actor=pat1.actor)
    services.disable_user(actor=SYSTEM, user=doc1.user)
    for client in (signed_out, disabled):
        assert_problem(client.get(path), 401, "token_revoked")
        assert_problem(client.post(path, json={"content": "too late"}), 401, "token_revoked")


def test_a_refusal_is_recorded_before_it_is_answered(rest: Rest, out1: Person) -> None:
    conversation = uuid4()
    assert_problem(rest(out1).get(messages(conversation)), 404, "not_found")
    [entry] = recorded("access.denied")
    assert (entry.actor, entry.conv, entry.session) == (out1.id, conversation, out1.signed_in.session_id)
