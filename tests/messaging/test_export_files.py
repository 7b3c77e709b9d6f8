"""The files in one's own data, while other things happen: they go away, the storage hangs, many want theirs at once."""

import io
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from zipfile import ZipFile

import httpx
import pytest
from pytest_django.fixtures import Settings

from attachments.storage import object_store
from attachments.storage.local import LocalStore
from core.limits import Rate
from messaging.export import fetching, places
from messaging.export.fetching import Fetch
from tests.live import Server
from tests.messaging.files import LETTER, PICTURE, ids_of, row_of, send_files, upload
from tests.messaging.rooms import room_of
from tests.messaging.talking import API, Json, answered, entries, page, refused, send
from tests.people import Person, client_for

pytestmark = pytest.mark.core

LARGE = bytes(range(256)) * 2048  # eight chunks


def download(client: httpx.Client) -> httpx.Response:
    return client.get(f"{API}/me/export", timeout=60)


def export(client: httpx.Client) -> tuple[ZipFile, list[Json]]:
    """The zip, which is whole, and what its `files.jsonl` tells."""
    answer = download(client)
    assert answer.status_code == 200, answer.text
    archive = ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return archive, [json.loads(line) for line in archive.read("files.jsonl").splitlines()]


def files_in(archive: ZipFile) -> dict[str, bytes]:
    """By the file's id."""
    return {name.split("/")[1]: archive.read(name) for name in archive.namelist() if name.startswith("files/")}


# ---- Whether they may have it is asked when its turn comes, and again ------------------------------------------------


@pytest.fixture
def before_fetch(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], object]], None]:
    """`before_fetch(2, act)`: `act` happens before the second part is read from the storage, one chunk each."""
    monkeypatch.setattr(fetching, "_CHUNKS_AT_ONCE", 1)
    real = Fetch._read

    def arrange(number: int, act: Callable[[], object]) -> None:
        count = iter(range(1, 1_000_000))

        def read(self: Fetch) -> None:
            if next(count) == number:
                act()
            real(self)

        monkeypatch.setattr(Fetch, "_read", read)

    return arrange


@pytest.fixture
def room(teacher: Person, student: Person) -> str:
    return room_of(teacher, student)


@pytest.fixture
def sent(teacher: Person, room: str, as_teacher: httpx.Client) -> list[Json]:
    """Three messages with a file each."""
    return [send_files(as_teacher, room, upload(teacher, room, LARGE, **PICTURE)) for _ in range(3)]


def test_who_is_removed_meanwhile_gets_no_more(
    student: Person,
    room: str,
    sent: list[Json],
    as_teacher: httpx.Client,
    as_student: httpx.Client,
    before_fetch: Callable[[int, Callable[[], object]], None],
    settings: Settings,
) -> None:
    """At the latest after SWEEP_INTERVAL, as downloads; and nothing stands in the log as viewed that was not."""
    settings.SWEEP_INTERVAL = 0
    first = ids_of(sent[0])[0]

    def remove() -> None:
        assert as_teacher.delete(f"{API}/conversations/{room}/members/{student.id}").is_success

    before_fetch(3, remove)
    archive, lines = export(as_student)
    found = files_in(archive)
    assert [*found] == [first]
    assert LARGE.startswith(found[first])
    assert 0 < len(found[first]) < len(LARGE)
    assert lines == []
    assert [str(entry.object) for entry in entries("file.viewed", student)] == [first]
    assert entries("file.unreadable") == []


def test_what_was_deleted_and_swept_meanwhile_is_not_called_damaged(
    student: Person,
    sent: list[Json],
    as_teacher: httpx.Client,
    as_student: httpx.Client,
    before_fetch: Callable[[int, Callable[[], object]], None],
) -> None:
    """Nor is what was deleted with it given out, though its object is still there."""
    keys = [row_of(ids_of(message)[0]).storage_key for message in sent]

    def delete() -> None:
        for message in sent[:2]:
            answered(as_teacher.delete(f"{API}/messages/{message['id']}"))
        object_store().delete(keys[0])

    before_fetch(1, delete)
    archive, lines = export(as_student)
    last = ids_of(sent[2])[0]
    assert files_in(archive) == {last: LARGE}
    assert [(line["id"], "contentError" in line) for line in lines] == [(last, False)]
    assert entries("file.unreadable") == []


def test_a_path_is_told_of_what_is_in_the_zip_alone(
    teacher: Person,
    student: Person,
    as_teacher: httpx.Client,
    as_student: httpx.Client,
    before_fetch: Callable[[int, Callable[[], object]], None],
) -> None:
    """What is sent meanwhile where the export has been already is told of, and has no file there."""
    first, second = sorted(room_of(teacher, student) for _ in range(2))
    early, late = upload(teacher, second), upload(teacher, first)
    send_files(as_teacher, second, early)
    before_fetch(1, lambda: send_files(as_teacher, first, late))
    archive, lines = export(as_student)
    assert files_in(archive) == {early: LETTER}
    assert {line["id"]: "path" in line for line in lines} == {early: True, late: False}


# ---- The storage hangs -----------------------------------------------------------------------------------------------


class Hanging:
    """A storage that does not answer until it is told to."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.answers = threading.Event()

    def wait(self) -> None:
        self.asked.set()
        assert self.answers.wait(60)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    found, real = Hanging(), LocalStore._size

    def size(self: LocalStore, key: str) -> int:
        found.wait()
        return real(self, key)

    monkeypatch.setattr(LocalStore, "_size", size)
    yield found
    found.answers.set()


@pytest.fixture
def exports(server: Server) -> Iterator[Callable[[Person, int], list[Any]]]:
    """`exports(pat1, 4)`: so many of theirs begin at the same time; the answers, to be had in the future."""
    with ThreadPoolExecutor(20) as threads:

        def take(who: Person) -> httpx.Response:
            with client_for(who, server) as client:
                return download(client)

        yield lambda who, count: [threads.submit(take, who) for _ in range(count)]


def test_a_storage_that_hangs_keeps_nobody_from_reading_and_writing(
    server: Server,
    pat1: Person,
    doc1: Person,
    c1: str,
    c2: str,
    patient: httpx.Client,
    stranger: httpx.Client,
    exports: Callable[[Person, int], list[Any]],
    hanging: Hanging,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """T141: however many exports wait for it, they hold no thread of the database."""
    monkeypatch.setattr(places.exports, "most_of_one", 5)
    send_files(patient, c1, upload(pat1, c1))
    waiting = [*exports(pat1, 5), *exports(doc1, 5)]
    assert hanging.asked.wait(30)
    server.sees(lambda: places.exports.taken == 10, 30)
    for _ in range(10):  # each that is on its way there would hold one by now
        send(stranger, c2, "help")
    assert len(page(stranger, c2)["results"]) == 10
    hanging.answers.set()
    for answer in waiting:
        assert ZipFile(io.BytesIO(answer.result().content)).testzip() is None


# ---- How many at once ------------------------------------------------------------------------------------------------


def test_one_person_has_two_at_once(
    server: Server,
    pat1: Person,
    c1: str,
    patient: httpx.Client,
    exports: Callable[[Person, int], list[Any]],
    hanging: Hanging,
    settings: Settings,
) -> None:
    """A third is told to come again, and does not count as one of the few times a day."""
    settings.LIMITS = {**settings.LIMITS, "EXPORT": Rate(3, 86400)}
    send_files(patient, c1, upload(pat1, c1))
    waiting = exports(pat1, 2)
    server.sees(lambda: places.exports.taken == 2, 30)
    assert refused(download(patient), 429, "rate_limited")["retryAfterMs"] == 30_000
    hanging.answers.set()
    assert [answer.result().status_code for answer in waiting] == [200, 200]
    server.sees(lambda: not places.exports.taken)
    assert files_in(export(patient)[0]).popitem()[1] == LETTER
    refused(download(patient), 429, "rate_limited")
    server.sees(lambda: not places.exports.taken)


def test_a_process_makes_only_so_many_at_once(
    server: Server,
    pat1: Person,
    c1: str,
    patient: httpx.Client,
    doctor: httpx.Client,
    exports: Callable[[Person, int], list[Any]],
    hanging: Hanging,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(places.exports, "most", 1)
    send_files(patient, c1, upload(pat1, c1))
    [waiting] = exports(pat1, 1)
    server.sees(lambda: places.exports.taken == 1, 30)
    assert refused(download(doctor), 503, "overloaded")["retryAfterMs"] == 30_000
    hanging.answers.set()
    assert waiting.result().status_code == 200
    server.sees(lambda: not places.exports.taken)
    export(doctor)


def test_whoever_goes_away_gives_the_place_back(
    server: Server, pat1: Person, c1: str, patient: httpx.Client, hanging: Hanging
) -> None:
    """Also while the storage hangs."""
    send_files(patient, c1, upload(pat1, c1))
    with patient.stream("GET", f"{API}/me/export") as answer:
        assert answer.status_code == 200
        parts = answer.iter_raw()
        assert next(parts)
        assert hanging.asked.wait(30)
        assert places.exports.taken == 1
    server.sees(lambda: not places.exports.taken)
