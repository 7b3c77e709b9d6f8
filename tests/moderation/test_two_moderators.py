"""Two moderators with the same report: the second sees what the first did, and nothing happens twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from core.errors import Conflict
from messaging.models import Message
from messaging.services import moderation
from tests.messaging.talking import entries
from tests.moderation.reports import Case, Moderator
from tests.people import Person

pytestmark = pytest.mark.core

Browse = Callable[[Person], Moderator]


def test_the_second_sees_what_the_first_did(as_mod1: Moderator, browse: Browse, mod2: Person, case: Case) -> None:
    other = browse(mod2)
    seen = case.row.version
    as_mod1.do(case, "warned", seen)
    answer = other.do(case, "warned", seen)
    assert "Somebody has acted on this report since" in answer.text
    assert "<strong>mod1</strong> warned the person" in answer.text
    assert Message.objects.filter(type="system").count() == 1
    assert case.deeds == [("mod1", "warned")]
    assert "was dismissed" not in other.do(case, "dismissed", seen).text
    assert other.do(case, "muted").is_success
    assert case.deeds == [("mod1", "warned"), ("mod2", "muted")]


def test_a_button_pressed_twice_does_it_once(as_mod1: Moderator, mod1: Person, case: Case) -> None:
    for _ in range(2):
        assert "The account is suspended" in as_mod1.do(case, "suspended", 0).text
    assert case.deeds == [("mod1", "suspended")]
    assert len(entries("report.acted", mod1)) == len(entries("user.disabled", mod1)) == 1


def test_notes_and_looking_are_in_nobodys_way(as_mod1: Moderator, browse: Browse, mod2: Person, case: Case) -> None:
    seen = case.row.version
    browse(mod2).open(case)
    browse(mod2).note(case, "a note")
    assert "is hidden" in as_mod1.do(case, "hidden", seen).text


@pytest.mark.parametrize("deed", ["hide_message", "warn", "mute_member", "ban_member", "suspend_user", "dismiss"])
def test_of_two_at_the_same_moment_one_does_it(mod1: Person, mod2: Person, case: Case, deed: str) -> None:
    actors, start = [mod1.actor, mod2.actor], Barrier(2)

    def attempt(number: int) -> bool:
        try:
            start.wait(10)
            getattr(moderation, deed)(actor=actors[number], report_id=case.id, version=0)
        except Conflict:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, range(2))) == [False, True]
    assert len(case.deeds) == len(entries("report.acted")) == 1
    assert case.row.version == 1
