"""Of two superusers who take each other's rights away at the same moment one is left, who can undo it."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from accounts.models import User
from accounts.services import change_authority, disable_user
from core.errors import Forbidden
from tests.people import Person, make_person

pytestmark = pytest.mark.core

Act = Callable[[Person, Person], object]


def demote(actor: Person, other: Person) -> object:
    return change_authority(actor=actor.actor, user=other.user, is_superuser=False)


def disable(actor: Person, other: Person) -> object:
    return disable_user(actor=actor.actor, user=other.user)


@pytest.mark.parametrize("act", [demote, disable])
def test_one_is_left(adm1: Person, act: Act) -> None:
    adm2 = make_person("adm2", "staff", is_staff=True, is_superuser=True)
    adm1.actor, adm2.actor  # noqa: B018  as each was when they pressed the button
    together = threading.Barrier(2, timeout=30)

    def one(pair: tuple[Person, Person]) -> bool:
        together.wait()
        try:
            act(*pair)
        except Forbidden:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(2) as pool:
        done = [*pool.map(one, [(adm1, adm2), (adm2, adm1)])]
    assert sorted(done) == [False, True]
    assert User.objects.filter(id__in=[adm1.id, adm2.id], is_superuser=True, is_active=True).count() == 1
