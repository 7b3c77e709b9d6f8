"""POST /attachments: a file comes in."""

import hashlib
import io
import wave
from collections.abc import Iterator
from datetime import datetime, timedelta

import httpx
import pytest
from PIL import Image
from pytest_django import Settings

from attachments.details import open_details
from attachments.models import Attachment, Status
from core.time import now
from encryption.files import sealed_size
from tests.attachments import wire
from tests.attachments.filing import CHUNK, NOTE, Shelf, fetch, picture, post, row_of, text_of, uploaded
from tests.attachments.samples import webm
from tests.live import Server
from tests.messaging.talking import API, Json, answered, entries, entry_details, refused
from tests.people import Person, client_for

pytestmark = pytest.mark.core


def wav(milliseconds: int) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(8000)
        recording.writeframes(bytes(16 * milliseconds))
    return out.getvalue()


def test_the_answer_tells_of_the_file(patient: httpx.Client, pat1: Person, c1: str, shelf: Shelf) -> None:
    made = uploaded(patient, c1)
    assert made == {
        "id": made["id"],
        "conversationId": c1,
        "ownerId": str(pat1.id),
        "name": "note.txt",
        "mimeType": "text/plain",
        "size": len(NOTE),
        "sha256": hashlib.sha256(NOTE).hexdigest(),
        "status": "clean",
        "createdAt": made["createdAt"],
    }
    assert abs(datetime.fromisoformat(made["createdAt"]) - now()) < timedelta(minutes=1)
    assert answered(patient.get(f"{API}/attachments/{made['id']}")) == made
    assert fetch(patient, made).content == NOTE


def test_what_is_stored_is_one_sealed_object_under_a_random_name(patient: httpx.Client, c1: str, shelf: Shelf) -> None:
    content = text_of(3 * CHUNK + 17)
    made = uploaded(patient, c1, content, "Discharge letter Quint.txt")
    [path] = shelf.all()
    assert path == shelf.object_of(made)
    assert path.stat().st_size == sealed_size(len(content))
    assert path.stat().st_mode & 0o777 == 0o600
    sealed = path.read_bytes()
    assert not any(content[at : at + 48] in sealed for at in range(0, len(content) - 48, 4096))
    row = row_of(made)
    assert b"Quint" not in b"".join([bytes(row.record or b""), bytes(row.file_key), str(vars(row)).encode()])
    assert (row.status, row.message_id, row.thumbnail_key) == (Status.CLEAN, None, None)


@pytest.mark.parametrize("size", [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 4321])
def test_files_of_every_length_come_back_as_they_were(patient: httpx.Client, c1: str, shelf: Shelf, size: int) -> None:
    content = text_of(size)
    made = uploaded(patient, c1, content)
    assert (made["size"], made["sha256"]) == (size, hashlib.sha256(content).hexdigest())
    assert fetch(patient, made).content == content


def test_it_may_come_in_chunks_of_unknown_length(patient: httpx.Client, c1: str, shelf: Shelf) -> None:
    content = text_of(200_000)

    def body(cut: int) -> Iterator[bytes]:
        whole = wire.form(c1, content)
        for at in range(0, len(whole), cut):
            yield whole[at : at + cut]

    # Cuts fall into boundaries, headers and line ends, wherever they can.
    for cut in (997, 65536, 150_001):
        answer = patient.post(f"{API}/attachments", content=body(cut), headers={"Content-Type": wire.FORM_TYPE})
        assert fetch(patient, answered(answer, 201)).content == content


def test_content_that_looks_like_a_boundary_stays_content(patient: httpx.Client, c1: str, shelf: Shelf) -> None:
    content = b"one\r\n--\r\n--b\n--bb\r\n-\r\n--" + b"\r\n--boundary-of-test-" * 1000 + b"\r"
    body = wire.form(c1, content)[:-2]  # without the last line's end
    headers = {"Content-Type": f'multipart/form-data; boundary="{wire.NAME}"'}
    answer = patient.post(f"{API}/attachments", content=body, headers=headers)
    assert fetch(patient, answered(answer, 201)).content == content


def test_a_picture_has_its_size_and_a_thumbnail(patient: httpx.Client, c1: str, shelf: Shelf) -> None:
    made = uploaded(patient, c1, picture(1200, 800), "photo.png", "image/png")
    assert (made["mimeType"], made["width"], made["height"]) == ("image/png", 1200, 800)
    assert len(shelf.all()) == 2
    url = answered(patient.post(f"{API}/attachments/{made['id']}/url", json={"thumbnail": True}))["url"]
    answer = patient.get(url)
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["content-disposition"].startswith("inline")
    small = Image.open(io.BytesIO(answer.content))
    assert (small.format, max(small.size)) == ("WEBP", 320)
    assert not any(b"WEBP" in path.read_bytes() for path in shelf.all())


def test_a_picture_loses_where_it_was_taken(patient: httpx.Client, c1: str, shelf: Shelf) -> None:
    """T087."""
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x010F], exif[0x0112] = "Canary camera", 6
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})
    Image.open(io.BytesIO(picture())).save(out, "JPEG", exif=exif.tobytes())
    assert b"Canary camera" in out.getvalue()
    made = uploaded(patient, c1, out.getvalue(), "photo.jpg", "image/jpeg")
    served = fetch(patient, made).content
    assert b"Canary camera" not in served
    kept = Image.open(io.BytesIO(served)).getexif()
    assert (dict(kept.get_ifd(0x8825)), kept.get(0x0112)) == ({}, 6)
    assert (made["size"], made["sha256"]) == (len(served), hashlib.sha256(served).hexdigest())


def test_a_recording_has_its_length_and_keeps_its_waveform(patient: httpx.Client, c1: str, shelf: Shelf) -> None:
    """What is measured counts more than what the client says."""
    fields = {"durationMs": "9999", "waveform": "[0, 50, 100]"}
    made = uploaded(patient, c1, wav(1500), "voice.wav", "audio/wav", **fields)
    assert (made["mimeType"], made["durationMs"], made["waveform"]) == ("audio/wav", 1500, [0, 50, 100])


def test_where_nothing_can_be_measured_the_client_says_how_long(patient: httpx.Client, c1: str, shelf: Shelf) -> None:
    told = {"durationMs": "4200", "waveform": "[0, 50, 100]"}
    made = uploaded(patient, c1, webm("A_OPUS"), "voice.webm", "audio/webm", **told)
    assert (made["durationMs"], made["waveform"]) == (4200, [0, 50, 100])


def test_what_is_not_played_has_no_length(patient: httpx.Client, c1: str, shelf: Shelf) -> None:
    made = uploaded(patient, c1, NOTE, durationMs="4200", waveform="[0, 50, 100]")
    assert not {"durationMs", "waveform"} & made.keys()


def test_every_upload_is_recorded(patient: httpx.Client, pat1: Person, c1: str, shelf: Shelf) -> None:
    made = uploaded(patient, c1)
    [entry] = entries("file.uploaded", pat1)
    assert (str(entry.object), str(entry.conv), entry.outcome) == (made["id"], c1, "allow")
    assert bytes(entry.object_h or b"") == hashlib.sha256(bytes(row_of(made).record or b"")).digest()
    assert entry_details(entry) == {"status": "clean", "size": len(NOTE), "scanner": ""}
    assert entries("file.blocked") == []


def test_nothing_is_stored_when_it_cannot_be_recorded(
    patient: httpx.Client, c1: str, shelf: Shelf, log_cannot_be_written: None
) -> None:
    refused(post(patient, c1), 503, "audit_unavailable")
    assert shelf.all() == []
    assert not Attachment.objects.exists()


def test_a_file_of_which_nobody_says_yet_that_it_is_clean(
    patient: httpx.Client, c1: str, shelf: Shelf, settings: Settings
) -> None:
    """T076: clamd is away; it can neither be opened nor discussed, and its owner sees it all the same."""
    settings.ATTACHMENT_SCANNER, settings.CLAMD_URL = "clamd", f"unix:{shelf.folder}/nobody.sock"
    made = uploaded(patient, c1, picture(), "photo.png", "image/png")
    assert made["status"] == "scanning"
    assert answered(patient.get(f"{API}/attachments/{made['id']}")) == made
    answer = patient.post(f"{API}/attachments/{made['id']}/url", json={})
    refused(answer, 409, "scan_pending")
    assert int(answer.headers["retry-after"]) > 0
    assert row_of(made).scanned_at is None


def test_names_are_kept_as_people_write_them(patient: httpx.Client, c1: str, shelf: Shelf) -> None:
    for name in ("Überweisung Frau Müller.txt", "検査結果.txt", "a'b;c=d&e.txt"):
        made = uploaded(patient, c1, NOTE, name)
        assert made["name"] == name
        assert open_details(row_of(made)).name == name


NAMES: list[tuple[str, bool]] = [
    ("../../x.txt", True),
    ("..\\..\\x.txt", True),
    ("a\r\nSet-Cookie: p=1.txt", True),
    ("CON.txt", True),
    ("", True),
    ("x" * 300 + ".txt", True),
    ("%2e%2e%2fx.txt", True),
    ("invoice\u202etxt.exe", False),
]


@pytest.mark.parametrize(("name", "taken"), NAMES, ids=[ascii(name)[:20] for name, _ in NAMES])
def test_hostile_names_stay_names(patient: httpx.Client, c1: str, shelf: Shelf, name: str, taken: bool) -> None:
    """T082: nothing outside of the store, and headers that are whole."""
    answer = post(patient, c1, NOTE, name)
    if not taken:
        refused(answer, 415, "unsupported_type")
        assert shelf.all() == []
        return
    made = answered(answer, 201)
    assert 0 < len(made["name"].encode()) <= 255
    assert not {"/", "\\", "\r", "\n", "\u202e"} & {*made["name"]}
    assert shelf.all() == [shelf.object_of(made)]
    served = fetch(patient, made)
    assert "set-cookie" not in served.headers
    assert served.headers["content-disposition"].startswith('attachment; filename="')
    assert "filename*=UTF-8''" in served.headers["content-disposition"]


def test_in_rooms_too(server: Server, teacher: Person, as_teacher: httpx.Client, shelf: Shelf) -> None:
    body = {"kind": "course", "name": "Anatomy", "courseId": "C1"}
    made = as_teacher.post(f"{API}/conversations", json=body)
    if made.status_code == 403:
        body = {"kind": "group", "name": "Anatomy"}
        made = as_teacher.post(f"{API}/conversations", json=body)
    room = answered(made, 201)["id"]
    assert uploaded(as_teacher, room)["conversationId"] == room


def test_two_uploads_of_the_same_file_have_nothing_in_common(
    patient: httpx.Client, doctor: httpx.Client, c1: str, shelf: Shelf
) -> None:
    """T085: equal files cannot be told to be equal by whoever has the storage and the database."""
    made = [uploaded(client, c1) for client in (patient, patient, doctor)]
    objects = {shelf.object_of(one).read_bytes() for one in made}
    rows = [row_of(one) for one in made]
    assert len(objects) == len({bytes(row.file_key) for row in rows}) == len({bytes(row.record or b"") for row in rows})
    assert len(objects) == 3


def test_a_page_of_another_site_may_upload_when_it_is_named(
    server: Server, pat1: Person, c1: str, shelf: Shelf, settings: Settings
) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://portal.example"]
    with client_for(pat1, server) as client:
        client.headers["Origin"] = "https://portal.example"
        answer = post(client, c1)
        made: Json = answered(answer, 201)
        assert answer.headers["access-control-allow-origin"] == "https://portal.example"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-request-id"]
        url = answered(client.post(f"{API}/attachments/{made['id']}/url", json={}))["url"]
        assert client.get(url).headers["access-control-allow-origin"] == "https://portal.example"
