"""`manage.py verify_counters`: it agrees with the server whatever happened, and finds what does not agree."""

import json
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from importlib import import_module
from io import StringIO
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from pytest_django.fixtures import Settings

from core.limits import Rate
from core.sql import stored
from core.time import now
from messaging import querysets
from messaging.models import Membership, Message, WatermarkMove
from messaging.rows import ConversationRow
from tests.live import Server
from tests.messaging.marks import marked, moves
from tests.messaging.rooms import add, join, leave, open_direct, remove, room_of, stay_of
from tests.messaging.talking import API, answered, head_of, page, say, send
from tests.people import Person

pytestmark = pytest.mark.core


def run() -> tuple[int, dict[str, Any]]:
    """Exit status and report."""
    output, status = StringIO(), 0
    try:
        call_command("verify_counters", "--json", stdout=output)
    except SystemExit as end:
        status = int(end.code or 0)
    return status, json.loads(output.getvalue())


def the_problems() -> list[str]:
    """What is wrong with doc1 in the one conversation there is something wrong with."""
    status, report = run()
    assert (status, report["ok"]) == (1, False)
    assert report["problem_count"] == len(report["problems"])
    assert len({(one["conversation"], one["user"], one["membership"]) for one in report["problems"]}) == 1
    return [problem["what"] for problem in report["problems"]]


def test_an_empty_server_agrees() -> None:
    status, report = run()
    assert (status, report["ok"], report["conversations"], report["problems"]) == (0, True, 0, [])


def test_after_everything_that_can_happen_it_agrees(
    server: Server, as_teacher: httpx.Client, as_student: httpx.Client, teacher: Person, student: Person, doc1: Person,
    doc2: Person, pat1: Person, c1: str, doctor: httpx.Client, patient: httpx.Client,
) -> None:  # fmt: skip
    say(pat1, c1, "1", "@doc1 2", "3")
    marked(doctor, c1, "delivered", 2)
    marked(doctor, c1, "read", 3)
    answered(add(doctor, c1, doc2, until=(now() + timedelta(hours=1)).isoformat()), 201)
    say(pat1, c1, "@doc2")
    marked(patient, c1, "read", head_of(c1))
    direct = open_direct(doc1, doc2)
    say(doc2, direct, "1", "2")
    marked(doctor, direct, "delivered", 1)
    room = room_of(teacher, kind="public", history="all")
    say(teacher, room, "before")
    answered(join(as_student, room))
    deleted = send(as_teacher, room, "@student @all")
    send(as_teacher, room, "@student", expiresInSeconds=60)
    answered(as_teacher.delete(f"{API}/messages/{deleted['id']}"))
    marked(as_teacher, room, "read", head_of(room))
    assert leave(as_student, room).status_code == 204
    say(teacher, room, "@all")
    answered(join(as_student, room))
    say(teacher, room, "@all", "@student")
    assert remove(as_teacher, room, student).status_code == 204
    answered(join(as_student, room))
    say(teacher, room, "@student @all", "nobody")
    Message.objects.filter(expires_at__isnull=False).update(expires_at=now() - timedelta(seconds=1))
    status, report = run()
    assert (status, report["problems"]) == (0, [])
    assert (report["conversations"], report["memberships"]) == (3, Membership.objects.count())


@pytest.mark.parametrize("what", ["unread", "mention"])
def test_a_query_that_counts_wrong_is_found_out(
    doctor: httpx.Client, doc1: Person, pat1: Person, c1: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(pat1, c1, "1", "2 @doc1", "3 @doc1")
    right = querysets.conversation_rows

    def one_too_many(user_id: UUID, ids: Collection[UUID]) -> list[ConversationRow]:
        more = int(user_id == doc1.id)
        return [row._replace(**{f"{what}_count": getattr(row, f"{what}_count") + more}) for row in right(user_id, ids)]

    monkeypatch.setattr(querysets, "conversation_rows", one_too_many)
    told = {
        "unread": "3 messages are unread, and the server says 4.",
        "mention": "2 unread messages mention them, and the server says 3.",
    }
    assert the_problems() == [told[what]]


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "above the head": ({"delivered_seq": 9}, "Delivered up to 9, in a stay from 1 to 3."),
    "moved without being kept": ({"read_seq": 2}, "Read up to 2, and the last move was to 1."),
    "moved back": ({"delivered_seq": 1}, "Delivered up to 1, and the last move was to 2."),
    "at another time": ({"read_at": F("joined_at")}, "Read up to 1, and the last move was to 1."),
    "above the end": ({"left_seq": 1, "left_at": "2026-01-01T00:00Z"}, "Delivered up to 2, in a stay from 1 to 1."),
    "an end to come": ({"left_seq": 8, "left_at": "2026-01-01T00:00Z"}, "The stay ends at 8, and the last event is 3."),
    "before the stay": ({"joined_seq": 2}, "Read up to 1, in a stay from 2 to 3."),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_watermark_that_cannot_be_is_found_out(
    doctor: httpx.Client, doc1: Person, pat1: Person, c1: str, how: str
) -> None:
    say(pat1, c1, "1", "2", "3")
    marked(doctor, c1, "read", 1)
    marked(doctor, c1, "delivered", 2)
    assert run()[0] == 0
    columns, what = BROKEN[how]
    Membership.objects.filter(id=stay_of(doc1, c1).id).update(**columns)
    assert what in the_problems()


def test_moves_that_do_not_agree_are_found_out(
    doctor: httpx.Client, doc1: Person, doc2: Person, pat1: Person, c1: str, tamper: Callable[..., int]
) -> None:
    say(pat1, c1, "1", "2", "3")
    for seq in (1, 2, 3):
        marked(doctor, c1, "delivered", seq)
    stay = stay_of(doc1, c1)
    first, *_ = WatermarkMove.objects.filter(membership=stay).order_by("id")
    tamper("UPDATE messaging_watermarkmove SET id = %s WHERE id = %s", [first.id + 1000, first.id])
    assert the_problems() == [
        "Delivered moved back to 1.",
        "Delivered up to 3, and the last move was to 1.",
    ]
    tamper("DELETE FROM messaging_watermarkmove WHERE membership_id = %s", [stored(stay.id)])
    assert the_problems() == ["Delivered up to 3, without a move."]


def test_a_move_that_is_kept_in_a_room_is_found_out(doc1: Person, doc2: Person) -> None:
    room = room_of(doc1, doc2)
    say(doc2, room, "1")
    WatermarkMove.objects.create(membership=stay_of(doc1, room), watermark="read", seq=1)
    assert the_problems() == ["A move of a watermark is kept in a room."]


def test_watermarks_from_before_moves_were_kept_agree_once_they_are_migrated(
    doc1: Person, pat1: Person, c1: str
) -> None:
    say(pat1, c1, "1", "2", "3")
    stay = stay_of(doc1, c1)
    Membership.objects.filter(id=stay.id).update(delivered_seq=3, delivered_at=now(), read_seq=2, read_at=now())
    assert the_problems() == ["Delivered up to 3, without a move.", "Read up to 2, without a move."]
    migration = import_module("messaging.migrations.0004_moves_of_before")
    for _ in range(2):
        migration.keep_moves(apps, SimpleNamespace(connection=connection))
        assert run()[0] == 0
        assert moves(doc1, c1) == [("delivered", 3), ("read", 2)]


def test_it_says_where_in_words_too(doctor: httpx.Client, doc1: Person, pat1: Person, c1: str) -> None:
    say(pat1, c1, "1")
    Membership.objects.filter(id=stay_of(doc1, c1).id).update(delivered_seq=5)
    output = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("verify_counters", stdout=output)
    assert end.value.code == 1
    first, *_, last = output.getvalue().splitlines()
    assert first.startswith(f"Conversation {c1}, user {doc1.id}: Delivered up to 5")
    assert "memberships of 1 conversations, 2 problems" in last


def test_only_the_first_hundred_are_named(doc1: Person, pat1: Person, c1: str) -> None:
    room = room_of(doc1)
    stays = [Membership(conversation_id=room, user=pat1.user, left_seq=9, left_at=now()) for _ in range(120)]
    Membership.objects.bulk_create(stays)
    _, report = run()
    assert (report["problem_count"], len(report["problems"])) == (120, 100)


def test_it_agrees_while_people_talk_and_read(
    server: Server, doctor: httpx.Client, doc1: Person, pat1: Person, c1: str, settings: Settings
) -> None:
    settings.LIMITS = dict.fromkeys(settings.LIMITS, Rate(100_000, 60))

    def read_along() -> None:
        for _ in range(30):
            if head := page(doctor, c1, limit=1)["headSeq"]:
                marked(doctor, c1, "read", head)

    assert pat1.token, "signed in, so that no thread of this test asks the database itself"
    with ThreadPoolExecutor(2) as pool:
        talking: Future[Any] = pool.submit(say, pat1, c1, *[f"@doc1 {n}" for n in range(30)])
        racing: list[Future[Any]] = [talking, pool.submit(read_along)]
        reports = [run()]
        while not all(one.done() for one in racing):
            reports.append(run())
        for one in racing:
            one.result()
    assert [report["problems"] for _, report in [*reports, run()]] == [[]] * (len(reports) + 1)
