"""Lists of the admin: what they find, and that they stay quick however much there is."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import LoginSession
from attachments.models import Attachment
from audit import admin_base
from audit.admin_base import LookingAdmin
from core.ids import uuid7
from core.models import Task
from core.time import now
from messaging.models import Conversation, Membership, Message
from retention.models import Run
from tests.admin.conftest import World
from tests.admin.looking import list_of, listed, page_of, registered, shown, signed_in, viewed
from tests.messaging.rooms import room_of
from tests.messaging.talking import say
from tests.people import Person, make_person, sign_in

pytestmark = pytest.mark.core


def test_every_list_is_bounded_in_one_order_and_without_facets() -> None:
    for model in registered():
        pages = admin.site._registry[model]
        assert pages.paginator is admin_base.BoundedPaginator, model
        assert pages.show_full_result_count is False, model
        assert pages.show_facets is admin.ShowFacets.NEVER, model
        if isinstance(pages, LookingAdmin):
            assert pages.actions is None, model


@pytest.fixture
def more(world: World, teacher: Person, student: Person) -> Callable[[], None]:
    """A dozen more of everything."""

    def make() -> None:
        for number in range(12):
            room = room_of(teacher, make_person(f"one{uuid7()}"[:40], "student"), name=f"Room {number}")
            say(teacher, room, "Something.")
            sign_in(student)
            Run.objects.create(by="worker", state="done", finished_at=now())
            Task.objects.create(name="messaging.out_of_office")
            Attachment.objects.create(
                conversation_id=room,
                owner=teacher.user,
                epoch=1,
                file_key=b"",
                storage_key=uuid7().hex,
                created_at=now(),
            )

    return make


def test_a_long_list_costs_no_query_for_each_row(world: World, superuser: Client, more: Callable[[], None]) -> None:
    def queries() -> dict[str, int]:
        cost = {}
        for model in registered():
            superuser.get(list_of(model))
            with CaptureQueriesContext(connection) as captured:
                shown(superuser, list_of(model))
            cost[model._meta.label] = len(captured)
        return cost

    before = queries()
    more()
    assert queries() == before
    assert max(before.values()) <= 12, before


def test_no_list_counts_to_the_end(
    world: World, superuser: Client, more: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a million rows: the page says "more than", and every COUNT has a bound."""
    more()
    monkeypatch.setattr(admin_base, "MOST", 10)
    for model in (Conversation, Message, Membership, LoginSession, Attachment, Task, Run):
        with CaptureQueriesContext(connection) as captured:
            text = shown(superuser, list_of(model))
        assert "more than 10 " in " ".join(text.split()), model
        counts = [query["sql"] for query in captured if "COUNT(*)" in query["sql"]]
        assert counts
        assert all("LIMIT 11" in sql for sql in counts), counts


def test_the_address_line_sorts_nothing(world: World, superuser: Client, more: Callable[[], None]) -> None:
    """Sorted by a column without an index, a million rows are read for a page of fifty."""
    more()
    expected = listed(superuser, Message)
    for column in range(1, 8):
        assert listed(superuser, Message, f"?o={column}") == expected


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no such bound")
def test_a_question_that_takes_too_long_is_given_up(
    world: World, superuser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleeping(pages: LookingAdmin, request: object) -> object:
        return Message.objects.extra(where=["pg_sleep(30) IS NOT NULL"])

    monkeypatch.setattr(admin.site._registry[Message].__class__, "get_queryset", sleeping)
    monkeypatch.setattr(admin_base.in_time.__wrapped__, "__defaults__", ("100ms",))  # type: ignore[attr-defined]  # of contextmanager
    answer = superuser.get(list_of(Message))
    assert answer.status_code == 503
    assert "Search for an id or a login name" in answer.content.decode()


def test_conversations_are_found_by_id_and_by_who_is_in_them(world: World, superuser: Client, student: Person) -> None:
    room = str(world.room)
    assert listed(superuser, Conversation, f"?q={room}") == [room]
    assert room in listed(superuser, Conversation, f"?q={student.username.upper()}")
    Membership.objects.filter(user=student.user).update(left_seq=99, left_at=now())
    assert listed(superuser, Conversation, f"?q={student.username}") == []
    assert listed(superuser, Conversation, "?q=nobody") == []
    assert listed(superuser, Conversation, "?kind__exact=direct") == []
    assert listed(superuser, Conversation, "?state=deleted") == []


def test_messages_are_found_by_their_id_and_by_that_of_their_conversation(
    world: World, superuser: Client, student: Person
) -> None:
    say(student, str(world.room), "One more.")
    ids = [
        str(pk) for pk in Message.objects.filter(conversation=world.room).order_by("-seq").values_list("pk", flat=True)
    ]
    assert len(ids) == 2
    assert f'<td class="field-person">{student.username}</td>' in shown(superuser, list_of(Message))
    assert listed(superuser, Message, f"?q={world.room}") == ids
    assert listed(superuser, Message, f"?q={ids[1]}") == [ids[1]]
    assert listed(superuser, Message, f"?q={student.username}") == []
    assert listed(superuser, Message, "?type__exact=file") == [ids[1]]


def test_stays_are_found_by_person_and_conversation(world: World, superuser: Client, student: Person) -> None:
    stay = Membership.objects.get(user=student.user, conversation=world.room)
    assert listed(superuser, Membership, f"?q={student.username}") == [str(stay.pk)]
    assert listed(superuser, Membership, f"?q={stay.pk}") == [str(stay.pk)]
    assert len(listed(superuser, Membership, f"?q={world.room}")) == 3
    assert listed(superuser, Membership, "?stay=over") == []


def test_files_are_found_by_owner_message_and_id(world: World, superuser: Client, student: Person) -> None:
    file = Attachment.objects.get()
    for term in (student.username, file.message_id, file.pk):
        assert listed(superuser, Attachment, f"?q={term}") == [str(file.pk)]
    assert listed(superuser, Attachment, "?state=gone") == []
    Attachment.objects.update(gone_at=now() - timedelta(days=1))
    assert listed(superuser, Attachment, "?state=gone") == [str(file.pk)]
    assert listed(superuser, Attachment, "?state=clean") == []


def test_that_somebody_looked_is_recorded_before_they_see_it(world: World, officer: Person) -> None:
    client = signed_in(officer)
    for model in (Conversation, Membership, Message, Attachment, LoginSession):
        row = model._default_manager.order_by("-pk")[0]
        shown(client, list_of(model))
        shown(client, page_of(row))
        assert viewed(officer, model) == [None, row.pk]
        client.get(list_of(model) + f"{uuid7()}/change/")
        client.get(page_of(row).replace("change/", "history/"))
        assert viewed(officer, model) == [None, row.pk], "nothing more was shown"
