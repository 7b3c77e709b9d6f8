"""Signing in to the admin."""

import pytest

from core.actor import SYSTEM_ID
from tests.accounts.admin import Admin
from tests.accounts.conftest import Rest, assert_problem, recorded
from tests.people import PASSWORD, Person

pytestmark = pytest.mark.core


def test_staff_sign_in_and_it_is_recorded(as_adm1: Admin, adm1: Person) -> None:
    [entry] = recorded("session.started")
    assert (entry.actor, entry.reason, entry.outcome) == (adm1.id, "admin", "allow")


@pytest.mark.parametrize(("username", "password"), [("adm1", "wrong"), ("nobody", PASSWORD), ("doc1", PASSWORD)])
def test_everybody_else_is_refused_and_it_is_recorded(
    admin: Admin, adm1: Person, doc1: Person, username: str, password: str
) -> None:
    assert "Please enter the correct" in admin.sign_in(username, password).text
    [entry] = recorded("session.refused")
    known = {"adm1": adm1.id, "doc1": doc1.id}
    assert (entry.actor, entry.object) == (known.get(username, SYSTEM_ID), known.get(username))


def test_failures_count_together_with_those_of_the_api(admin: Admin, rest: Rest, adm1: Person) -> None:
    for _ in range(5):
        admin.sign_in("adm1", "wrong")
        rest().post("/auth/token", json={"username": "adm1", "password": "wrong"})
    assert "Too many requests" in admin.sign_in("adm1").text
    refused = rest().post("/auth/token", json={"username": "adm1", "password": PASSWORD})
    assert_problem(refused, 429, "rate_limited")


def test_an_endless_password_is_refused_without_hashing(admin: Admin, adm1: Person) -> None:
    assert "at most 1024 characters" in admin.sign_in("adm1", "x" * 1025).text
    assert not recorded("session.refused")
