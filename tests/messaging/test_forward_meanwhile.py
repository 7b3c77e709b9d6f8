"""Forwarding a message with files, which takes its time: what becomes of the message meanwhile."""

import pkgutil
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.messaging.talking import API, Json, answered, entries, head_of, refused
from tests.messaging.test_forward_files import copies_in, forward, here, sent, there
from tests.people import Person

__all__ = ["here", "sent", "there"]


def deleted(sent: Json, here: str, student: Person, as_teacher: httpx.Client) -> None:
    answered(as_teacher.delete(f"{API}/messages/{sent['id']}"))


def removed(sent: Json, here: str, student: Person, as_teacher: httpx.Client) -> None:
    assert as_teacher.delete(f"{API}/conversations/{here}/members/{student.id}").is_success


def happening(after: str, act: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """`act` happens whenever this function has done its work."""
    real = pkgutil.resolve_name(after)

    def then(*args: Any) -> Any:
        result = real(*args)
        act()
        return result

    monkeypatch.setattr(after, then)


@pytest.mark.core
@pytest.mark.parametrize(("act", "status", "code"), [(deleted, 410, "gone"), (removed, 404, "not_found")])
@pytest.mark.parametrize("after", ["messaging.copies.copy_files", "messaging.services.forwarding._again"])
def test_what_is_taken_away_while_it_is_copied_is_not_sent(
    student: Person,
    here: str,
    there: str,
    sent: Json,
    as_teacher: httpx.Client,
    as_student: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[..., None],
    status: int,
    code: str,
    after: str,
) -> None:
    """Also when that is so late that only the lock keeps it back. What was copied stands in the log as discarded."""
    happening(after, lambda: act(sent, here, student, as_teacher), monkeypatch)
    refused(forward(as_student, sent, there), status, code)
    assert (copies_in(there), head_of(there)) == ([], 0)
    copied = [entry.object for entry in entries("file.copied", student)]
    assert len(copied) == 2
    discarded = entries("file.discarded", student)
    assert [entry.object for entry in discarded] == copied
    assert {(str(entry.conv), entry.reason) for entry in discarded} == {(there, "not_sent")}


def test_what_is_edited_while_it_is_copied_is_sent_as_it_is_then(
    here: str,
    there: str,
    sent: Json,
    as_teacher: httpx.Client,
    as_student: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def edit() -> None:
        answered(as_teacher.patch(f"{API}/messages/{sent['id']}", json={"content": "For all"}))

    happening("messaging.copies.copy_files", edit, monkeypatch)
    assert answered(forward(as_student, sent, there), 201)["content"] == "For all"
    assert entries("file.discarded") == []
