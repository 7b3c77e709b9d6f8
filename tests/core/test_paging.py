"""Cursors: opaque, signed, and good for one person and one list only."""

from uuid import uuid4

import pytest
from django.test import RequestFactory

from core.errors import Invalid, InvalidCursor
from core.rest import cursor_answer, page_of, query_int, read_cursor, sign_cursor

pytestmark = [pytest.mark.core, pytest.mark.no_database]


def test_a_cursor_gives_its_position_back_to_its_owner() -> None:
    who = uuid4()
    assert read_cursor("people", who, sign_cursor("people", who, ["b", 7])) == ["b", 7]


def test_a_cursor_of_another_person_or_list_or_an_altered_one_is_refused() -> None:
    who = uuid4()
    cursor = sign_cursor("people", who, ["b"])
    for name, whose, text in (
        ("people", uuid4(), cursor),
        ("rooms", who, cursor),
        ("people", who, cursor[:-1] + ("A" if cursor[-1] != "A" else "B")),
        ("people", who, "nonsense"),
        ("people", who, ""),
        ("people", who, "é:é:é"),
    ):
        with pytest.raises(InvalidCursor):
            read_cursor(name, whose, text)


def test_pages_join_without_a_hole_or_a_repeat() -> None:
    who, everything, seen, cursor = uuid4(), list(range(25)), [], ""
    while True:
        request = RequestFactory().get("/", {"limit": "10", **({"cursor": cursor} if cursor else {})})
        page = page_of(request, "numbers", who)
        start = page.position[0] + 1 if page.position else 0
        answer = cursor_answer(page, everything[start : start + page.limit + 1], lambda n: n, lambda n: [n])
        seen += answer["results"]
        if answer["nextCursor"] is None:
            break
        cursor = answer["nextCursor"]
    assert seen == everything


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "201", "1.5", "1e2", "٣", "9" * 30, " 5"])
def test_a_number_outside_its_range_is_refused(text: str) -> None:
    request = RequestFactory().get("/", {"limit": text})
    with pytest.raises(Invalid):
        query_int(request, "limit", 50, 1, 200)
