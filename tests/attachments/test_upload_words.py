"""What somebody is told whose file is not taken: the limit that counts there, and what to do."""

import httpx
import pytest
from pytest_django import Settings

from tests.attachments import wire
from tests.attachments.filing import post, text_of
from tests.attachments.wire import answer_on, field, file_head, line_to
from tests.live import Server
from tests.messaging.talking import API, refused
from tests.people import Person

MIB = 1 << 20
AS_UTF8 = "Save it as UTF-8 (Excel: CSV UTF-8)."


@pytest.mark.parametrize(
    ("limit", "words"), [(10 * MIB, "10 MiB"), (3 << 10, "3 KiB"), (1000, "1000 bytes"), (5_000_000, "5000000 bytes")]
)
def test_the_limit_is_told_in_one_sentence_wherever_it_shows(
    server: Server, pat1: Person, c1: str, settings: Settings, limit: int, words: str
) -> None:
    """Announced, in a body around the file that never ends, and in the file."""
    settings.ATTACHMENT_MAX_BYTES, settings.CHAT_MAX_ATTACHMENT_SIZE = limit, 1
    begun = field("conversationId", c1) + file_head()
    lengthy = b"".join(wire.chunk(b"\r\n" * 32768) for _ in range(limit // 65536 + 3))
    for sent in (
        wire.announcing(pat1.token, limit + 65537),
        wire.in_chunks(pat1.token) + lengthy,
        wire.in_chunks(pat1.token) + wire.chunk(begun + text_of(limit + 1)),
    ):
        with line_to(server) as line:
            line.sendall(sent)
            status, problem = answer_on(line)
        assert (status, problem["code"]) == (413, "too_large")
        assert problem["detail"] == f"A file here has at most {words}."


def test_before_the_room_is_known_the_largest_limit_counts(
    server: Server, pat1: Person, as_teacher: httpx.Client, settings: Settings
) -> None:
    settings.ATTACHMENT_MAX_BYTES, settings.CHAT_MAX_ATTACHMENT_SIZE = 2 * MIB, MIB
    with line_to(server) as line:
        line.sendall(wire.announcing(pat1.token, 3 * MIB))
        assert answer_on(line)[1]["detail"] == "A file here has at most 2 MiB."
    room = as_teacher.post(f"{API}/conversations", json={"kind": "private", "name": "Anatomy"}).json()["id"]
    problem = refused(post(as_teacher, room, text_of(MIB + 1)), 413, "too_large")
    assert problem["detail"] == "A file here has at most 1 MiB."


@pytest.mark.parametrize("content", ["Müller;5\n".encode("latin-1"), b"x" * 9000 + b"\xff"], ids=["head", "tail"])
def test_text_of_another_encoding_is_told_what_to_do(patient: httpx.Client, c1: str, content: bytes) -> None:
    answer = post(patient, c1, content, "values.csv", "text/csv")
    assert answer.status_code == 415
    assert answer.json()["detail"].endswith(AS_UTF8)


@pytest.mark.parametrize("name", ["letter.eml", "scan.xyz"])
def test_an_ending_that_is_not_taken_is_named(patient: httpx.Client, c1: str, name: str) -> None:
    """Not told apart from what pretends to be something else, whose content could be renamed."""
    problem = refused(post(patient, c1, b"From: a\n\nHello\n", name, "text/plain"), 415, "type_mismatch")
    assert problem["detail"] == f"Files that end in .{name[-3:]} are not accepted."
