"""What the audit log says of downloads: each is in it, and none fills it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest

from attachments.serving import telling
from audit import log
from core.errors import AuditUnavailable
from core.time import now
from tests.attachments.filing import NOTE, Shelf, fetch, link_to, open_link, uploaded
from tests.attachments.samples import wav
from tests.messaging.talking import Json, entries, refused
from tests.people import Person

pytestmark = pytest.mark.core


@pytest.fixture
def url(patient: httpx.Client, c1: str, shelf: Shelf) -> str:
    return link_to(patient, uploaded(patient, c1))


def views(person: Person, made: Json) -> list[str]:
    found = entries("file.viewed", person)
    assert {str(entry.object) for entry in found} <= {made["id"]}
    return [entry.reason for entry in found]


def test_the_first_use_of_a_link_is_recorded(patient: httpx.Client, pat1: Person, c1: str, shelf: Shelf) -> None:
    made = uploaded(patient, c1)
    url = link_to(patient, made)
    for _ in range(3):
        assert open_link(patient, url).content == NOTE
        assert open_link(patient, url, Range="bytes=0-1").status_code == 206
    assert views(pat1, made) == ["link", "opened"]
    fetch(patient, made)
    assert views(pat1, made) == ["link", "opened", "link", "opened"]


def voice_message(client: httpx.Client, conversation: str) -> Json:
    return uploaded(client, conversation, wav(), "voice.wav", "audio/wav", waveform="[1, 2, 3]")


def test_of_voice_each_minute_of_its_use_is_recorded(
    patient: httpx.Client, pat1: Person, c1: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = voice_message(patient, c1)
    url, begin = link_to(patient, made), now()
    for minutes in (0, 0.9, 1.1, 1.2, 3):
        monkeypatch.setattr(telling, "now", lambda: begin + timedelta(minutes=minutes))  # noqa: B023  used in this round
        for _ in range(3):
            assert open_link(patient, url, Range="bytes=0-1").status_code == 206
    assert views(pat1, made) == ["link", "opened", "opened", "opened"]


def test_many_uses_at_once_have_one_entry(
    patient: httpx.Client, pat1: Person, c1: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And each waits for it: the first to come has asked for it, and is not the first to be answered for sure."""
    made = voice_message(patient, c1)
    url = link_to(patient, made)
    with ThreadPoolExecutor(20) as others:
        answers = list(others.map(lambda _: open_link(patient, url, Range="bytes=0-1").status_code, range(60)))
    assert {*answers} == {206}
    assert views(pat1, made) == ["link", "opened"]


@pytest.mark.parametrize("upload", [uploaded, voice_message], ids=["a file", "a voice message"])
def test_head_is_recorded_as_looking_at_the_description(
    patient: httpx.Client, pat1: Person, c1: str, shelf: Shelf, upload: Callable[[httpx.Client, str], Json]
) -> None:
    made = upload(patient, c1)
    url = link_to(patient, made)
    for _ in range(3):
        assert open_link(patient, url, "HEAD").status_code == 200
    assert views(pat1, made) == ["link", "details"]
    assert len(open_link(patient, url).content) == made["size"]
    assert views(pat1, made) == ["link", "details", "opened"]


def test_what_is_altered_is_recorded_once_a_minute(
    patient: httpx.Client, pat1: Person, c1: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = uploaded(patient, c1)
    url, begin = link_to(patient, made), now()
    shelf.object_of(made).write_bytes(b"something else")
    for minutes in (0, 0.9, 1.1):
        monkeypatch.setattr(telling, "now", lambda: begin + timedelta(minutes=minutes))  # noqa: B023  used in this round
        for _ in range(3):
            refused(open_link(patient, url), 502, "integrity_error")
    assert [str(entry.object) for entry in entries("file.unreadable", pat1)] == [made["id"]] * 2


def test_looking_at_its_description_is_recorded(patient: httpx.Client, pat1: Person, c1: str, shelf: Shelf) -> None:
    made = uploaded(patient, c1)
    assert patient.get(f"/api/v1/attachments/{made['id']}").json() == made
    assert views(pat1, made) == ["details"]


def test_what_cannot_be_recorded_is_not_given_out(patient: httpx.Client, url: str, log_cannot_be_written: None) -> None:
    for _ in range(2):
        refused(open_link(patient, url), 503, "audit_unavailable")
    head = open_link(patient, url, "HEAD")
    assert head.status_code == 503
    assert "content-disposition" not in head.headers


def test_an_entry_that_could_not_be_written_tells_of_nothing(
    patient: httpx.Client, pat1: Person, c1: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again, and the link works as soon as the log does."""
    made = uploaded(patient, c1)
    url = link_to(patient, made)
    with monkeypatch.context() as broken:
        broken.setattr(log, "transaction", _no_transaction)
        refused(open_link(patient, url), 503, "audit_unavailable")
    assert open_link(patient, url).content == NOTE
    assert views(pat1, made) == ["link", "opened"]


def _no_transaction() -> None:
    raise AuditUnavailable
