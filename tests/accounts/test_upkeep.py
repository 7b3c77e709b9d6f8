"""What accounts does by itself: forgetting refresh tokens, checks at start-up."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core import checks
from pytest_django import Settings

from accounts import services, validators
from accounts.models import LoginSession, RefreshToken
from core.actor import SYSTEM
from core.jobs import jobs
from core.retention import keep_up
from core.time import now
from realtime import wiring
from tests.people import Person, sign_in

pytestmark = pytest.mark.core


def test_tokens_of_sessions_that_ended_a_day_ago_are_forgotten(doc1: Person, pat1: Person, pat2: Person) -> None:
    moment = now()
    for person in (doc1, pat1):
        sign_in(person)
    fresh, untouched = sign_in(doc1), sign_in(pat2)
    LoginSession.objects.filter(user=doc1.id).update(revoked_at=moment - timedelta(hours=25), reason="logout")
    LoginSession.objects.filter(id=fresh.session_id).update(revoked_at=moment - timedelta(hours=23))
    LoginSession.objects.filter(user=pat1.id).update(expires_at=moment - timedelta(hours=25))
    keep_up("accounts.refresh_tokens")
    assert {token.session.id for token in RefreshToken.objects.all()} == {fresh.session_id, untouched.session_id}
    assert LoginSession.objects.count() == 4
    keep_up("accounts.refresh_tokens")
    assert RefreshToken.objects.count() == 2


@pytest.mark.no_database
def test_the_worker_forgets_by_itself() -> None:
    assert jobs["accounts.forget_refresh_tokens"].every == timedelta(hours=1)


def messages() -> set[str | None]:
    return {m.id for m in checks.run_checks(tags=["security"], include_deployment_checks=True) if m.id}


@pytest.mark.no_database
def test_other_hashers_do_not_reach_production(settings: Settings) -> None:
    assert "accounts.E001" not in messages()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    assert "accounts.E001" in messages()


@pytest.mark.no_database
def test_a_machine_without_time_zones_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "accounts.W001" not in messages()
    monkeypatch.setattr("accounts.checks.time_zones", lambda: frozenset({"UTC"}))
    assert "accounts.W001" in messages()


@pytest.mark.no_database
def test_time_zones_are_those_of_the_database() -> None:
    assert {"UTC", "Europe/Berlin", "Asia/Kathmandu"} <= validators.time_zones()


def test_the_sweep_learns_which_sessions_have_ended(doc1: Person, pat1: Person, dis1: Person) -> None:
    live, revoked, nowhere = doc1.signed_in, sign_in(doc1), uuid4()
    disabled = pat1.signed_in
    services.end_session(actor=doc1.actor, session_id=revoked.session_id)
    services.disable_user(actor=SYSTEM, user=pat1.user)
    asked = {live.session_id, revoked.session_id, disabled.session_id, nowhere}
    codes = {revoked.session_id: 4410, disabled.session_id: 4403, nowhere: 4410}
    assert wiring.ended_sessions(asked) == codes
    services.enable_user(actor=SYSTEM, user=pat1.user)
    assert wiring.ended_sessions(asked) == codes
    assert wiring.ended_sessions(set()) == {}
