"""The people of the tests, made and signed in through the services.

`pat1` and `doc1` are patient and provider of one conversation, `pat2` and `doc2` of another; `out1` belongs to neither
and their role reaches none of them; `adm1` is a superuser; `dis1` is disabled. Conversations are made by whoever needs
them (`open_clinical`).
"""

import functools
import threading
import time
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Protocol
from uuid import UUID

import httpx
import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection

from accounts import limiting, services
from accounts.models import User
from accounts.services import SignedIn
from accounts.services.signing_in import actor_of
from core.actor import SYSTEM, Actor
from messaging.opening import find_opening
from messaging.services import create_conversation

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Person:
    """Somebody who exists, and is signed in as soon as a token of theirs is asked for."""

    user: User

    @property
    def id(self) -> UUID:
        return self.user.id

    @property
    def username(self) -> str:
        return self.user.username

    @cached_property
    def signed_in(self) -> SignedIn:
        """Their first session."""
        session = services.start_session(user=self.user)
        if threading.current_thread() is not threading.main_thread():
            connection.close()  # a thread that ends with a connection takes it from the pool for ever
        return session

    @property
    def token(self) -> str:
        return self.signed_in.access

    @property
    def actor(self) -> Actor:
        return actor_of(self.user, self.signed_in.session_id, "127.0.0.1", "")


def make_user(username: str, role: str = "patient", **more: Any) -> User:
    """A person with the password PASSWORD; `more` as `create_user` has it."""
    user = services.create_user(actor=SYSTEM, username=username, password=None, role=role, **more)
    user.password = _hash()
    user.save(update_fields=["password"])
    return user


@functools.cache
def _hash() -> str:
    """Of PASSWORD, the same for everybody: a new one each would take a third of the time that people take to make."""
    return make_password(PASSWORD)


def make_person(username: str, role: str = "patient", **more: Any) -> Person:
    return Person(make_user(username, role, **more))


def sign_in(user: User | Person, **more: Any) -> SignedIn:
    """One more session, as if on another device."""
    return services.start_session(user=user.user if isinstance(user, Person) else user, **more)


def bearer(who: User | Person | str) -> dict[str, str]:
    """The header of a request by this person, or with this token."""
    token = who if isinstance(who, str) else who.token if isinstance(who, Person) else sign_in(who).access
    return {"Authorization": f"Bearer {token}"}


class Answering(Protocol):
    """A running server, in this process (tests.live) or beside it (tests.processes)."""

    @property
    def url(self) -> str: ...


def client_for(who: User | Person | str, server: Answering) -> httpx.Client:
    """A REST client of the live server, signed in; to be used in a `with`."""
    return httpx.Client(base_url=server.url, headers=bearer(who), timeout=30, trust_env=False)


def anonymous_client(server: Answering, **more: Any) -> httpx.Client:
    """The same without anybody signed in."""
    return httpx.Client(base_url=server.url, timeout=30, trust_env=False, **more)


def open_clinical(patient: Person, provider: Person) -> str:
    """The id of the conversation of these two, made by the provider."""
    named = {"kind": "clinical", "patient_id": patient.id, "provider_id": provider.id}
    conversation_id, _ = create_conversation(actor=provider.actor, subject=find_opening(provider.actor, named))
    return str(conversation_id)


@pytest.fixture(autouse=True)
def nobody_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No failure to sign in is remembered by this process, and no window of counting ends within a test."""
    limiting.local.clear()
    monkeypatch.setattr(limiting, "_cache_back_at", 0.0)
    moment = time.time()
    monkeypatch.setattr("django_ratelimit.core.time", SimpleNamespace(time=lambda: moment))


@pytest.fixture
def pat1(database: None) -> Person:
    return make_person("pat1", "patient", display_name="Paula Quint")


@pytest.fixture
def doc1(database: None) -> Person:
    return make_person("doc1", "provider", display_name="Dr. Iris Berg")


@pytest.fixture
def pat2(database: None) -> Person:
    return make_person("pat2", "patient", display_name="Pedro Quint")


@pytest.fixture
def doc2(database: None) -> Person:
    return make_person("doc2", "provider", display_name="Dr. Ines Berg")


@pytest.fixture
def out1(database: None) -> Person:
    return make_person("out1", "student", display_name="Otto Utz")


@pytest.fixture
def adm1(database: None) -> Person:
    return make_person("adm1", "staff", display_name="Ada Amt", is_staff=True, is_superuser=True)


@pytest.fixture
def dis1(database: None) -> Person:
    user = make_user("dis1", "provider", display_name="Dr. Dora Ise")
    return Person(services.disable_user(actor=SYSTEM, user=user))
