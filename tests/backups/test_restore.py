"""`manage.py restore`: into an empty database only, when everything fits; and nothing comes back that had ended."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from accounts.services import block_user, erase_user
from config.backups import manifest
from core.actor import SYSTEM
from core.time import now
from encryption.models import Installation
from messaging.erasing import erase_what_they_said
from messaging.models import Conversation
from messaging.services import shred_conversation
from tests.backups.conftest import POSTGRESQL, Elsewhere, backed_up
from tests.encryption.master_keys import another as another_key
from tests.encryption.master_keys import environment
from tests.messaging.files import send_files, upload
from tests.messaging.rooms import room_of
from tests.messaging.talking import API, answered, say, send
from tests.people import Person, make_person, sign_in

pytestmark = pytest.mark.core

DATA, VAULT = ("data.dump", "vault.dump") if POSTGRESQL else ("data.sqlite3", "vault.sqlite3")

TEXTS = """
    from messaging import querysets
    from messaging.bodies import open_body
    from messaging.models import Message
    rows = querysets.messages_by_id(Message.objects.values_list("id", flat=True)).values()
    found = sorted(open_body(row).content for row in rows if row.body)
"""

EPOCH = """
    from encryption.models import Installation
    found = Installation.objects.get().epoch
"""


def refused(elsewhere: Elsewhere, folder: Path, words: str, *options: str, **environment: str) -> None:
    """Restoring says this, and the database is as empty as it was."""
    done = elsewhere.run("restore", "--from", str(folder), *options, **environment)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert words in done.stderr, done.stderr
    assert elsewhere.ask("from django.db import connection\nfound = connection.introspection.table_names()") == []


def test_everything_is_there_again(
    tmp_path: Path, elsewhere: Elsewhere, patient: httpx.Client, pat1: Person, c1: str
) -> None:
    send(patient, c1, "Good morning.")
    file = send_files(patient, c1, upload(pat1, c1, b"a letter"))["attachments"][0]["id"]
    folder = backed_up(tmp_path / "backups")
    report = json.loads(elsewhere.ran("restore", "--from", str(folder), "--check", "--json"))
    assert (report["sound"], report["missing"], report["behind"], report["warnings"]) == (True, 0, 0, [])
    checked = report["checked"]
    assert (checked["messages"]["opened"], checked["files"]["opened"], checked["log"]) == (2, 1, [])
    assert elsewhere.ask(TEXTS) == ["", "Good morning."]
    content = elsewhere.ask(f"""
        from attachments.contents import contents
        from attachments.details import open_details
        from attachments.models import Attachment
        row = Attachment.objects.get(id="{file}")
        found = b"".join(contents(row, open_details(row))).decode()
    """)
    assert content == "a letter"
    recorded = elsewhere.ask("""
        from audit.models import Entry
        found = list(Entry.objects.filter(action="backup.restored").values_list("object", flat=True))
    """)
    assert recorded == [manifest.read(folder).id]
    assert "no problems" in elsewhere.ran("verify_audit_log")


def test_nobody_is_signed_in_and_the_epoch_is_new(
    tmp_path: Path, elsewhere: Elsewhere, patient: httpx.Client, pat1: Person, c1: str
) -> None:
    """A token that was revoked after the backup must not be worth anything again."""
    sign_in(pat1)
    folder = backed_up(tmp_path)
    elsewhere.ran("restore", "--from", str(folder))
    live, epoch, sign_outs = elsewhere.ask("""
        from accounts.models import LoginSession, User
        from encryption.models import Installation
        live = LoginSession.objects.filter(revoked_at=None).count()
        found = [live, Installation.objects.get().epoch, User.objects.get(username="pat1").sign_outs]
    """)
    assert (live, sign_outs) == (0, 1)
    assert epoch != str(Installation.objects.get().epoch)


def test_only_an_empty_database_is_taken(tmp_path: Path, elsewhere: Elsewhere, c1: str) -> None:
    folder = backed_up(tmp_path)
    elsewhere.ran("restore", "--from", str(folder))
    before = elsewhere.ask(EPOCH)
    again = elsewhere.run("restore", "--from", str(folder))
    assert (again.returncode, "not empty" in again.stderr) == (1, True)
    assert before == elsewhere.ask(EPOCH)


def test_another_master_key_is_refused_with_both_fingerprints(tmp_path: Path, elsewhere: Elsewhere, c1: str) -> None:
    """Nothing is written under a key that opens nothing."""
    folder = backed_up(tmp_path)
    expected = manifest.read(folder).master_keys["k1"].fingerprint
    refused(elsewhere, folder, "it was changed, or another key signed it", **environment(another_key("k1"), "k1"))
    without = environment(another_key("k2"), "k2")
    refused(elsewhere, folder, "signed under the master key 'k1'", **without)
    refused(elsewhere, folder, f"lacks k1 (fingerprint {expected})", "--trust-manifest", **without)


@pytest.mark.parametrize("name", [DATA, VAULT, "objects.jsonl"])
def test_what_was_changed_is_refused(tmp_path: Path, elsewhere: Elsewhere, c1: str, name: str) -> None:
    folder = backed_up(tmp_path)
    content = bytearray((folder / name).read_bytes() or b"\n")
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(bytes(content))
    refused(elsewhere, folder, "is not what was written")


def test_an_object_that_was_changed_is_refused(
    tmp_path: Path, elsewhere: Elsewhere, pat1: Person, patient: httpx.Client, c1: str
) -> None:
    send_files(patient, c1, upload(pat1, c1))
    folder = backed_up(tmp_path)
    [path] = folder.glob("files/*/*")
    content = bytearray(path.read_bytes())
    path.unlink()  # it may be the storage's own
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    refused(elsewhere, folder, "is missing, or not what was written")


def test_a_manifest_that_was_changed_is_refused(tmp_path: Path, elsewhere: Elsewhere, c1: str) -> None:
    """Else whoever can write where backups lie could have accounts restored that they made up."""
    folder = backed_up(tmp_path)
    told: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    told["erased"] = {str(SYSTEM.id): True}
    (folder / "manifest.json").write_text(json.dumps(told))
    refused(elsewhere, folder, "is not what was written")
    (folder / "manifest.json").write_text("{}")
    refused(elsewhere, folder, "of another form")
    (folder / "manifest.json").write_text('{"format": "parley-backup/1"}')
    refused(elsewhere, folder, "is damaged")
    (folder / "manifest.json").unlink()
    refused(elsewhere, folder, "holds no backup")


def test_a_backup_of_a_newer_version_is_refused(tmp_path: Path, elsewhere: Elsewhere, c1: str) -> None:
    folder = backed_up(tmp_path)
    told = manifest.read(folder)
    told.migrations.append("messaging.9999_to_come")
    resigned(folder, told)
    refused(elsewhere, folder, "does not know messaging.9999_to_come")


def test_a_vault_of_another_installation_is_refused(tmp_path: Path, elsewhere: Elsewhere, c1: str) -> None:
    folder = backed_up(tmp_path)
    stranger = tmp_path / "stranger"
    shutil.copytree(folder, stranger)
    told = manifest.read(stranger)
    told.org = "00000000-0000-4000-8000-000000000000"
    resigned(stranger, told)
    refused(elsewhere, folder, "two installations", "--vault", str(stranger))


def resigned(folder: Path, told: manifest.Manifest) -> None:
    (folder / manifest.NAME).unlink()
    manifest.write(folder, told)


def test_without_any_vault_it_is_refused(tmp_path: Path, elsewhere: Elsewhere, c1: str) -> None:
    folder = backed_up(tmp_path)
    (folder / VAULT).unlink()
    refused(elsewhere, folder, "name one with --vault")


def test_the_newest_vault_beside_it_is_taken(tmp_path: Path, elsewhere: Elsewhere, pat1: Person, c1: str) -> None:
    say(pat1, c1, "of the first day")
    old = backed_up(tmp_path)
    new = backed_up(tmp_path)
    (old / VAULT).unlink()  # as thirty days later
    report = json.loads(elsewhere.ran("restore", "--from", str(old), "--json"))
    assert report["vault"] == manifest.read(new).id
    assert elsewhere.ask(TEXTS) == ["of the first day"]


def shred(conversation: str) -> None:
    shred_conversation(actor=SYSTEM, subject=Conversation.objects.get(pk=UUID(conversation)), reason="erasure")


@contextmanager
def clock_wrong_by(monkeypatch: pytest.MonkeyPatch, **time: float) -> Iterator[None]:
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr("config.backups.taking.now", lambda: now() + timedelta(**time))
        yield


def test_the_newest_vault_is_the_one_that_knows_most_whatever_the_clock_said(
    tmp_path: Path, elsewhere: Elsewhere, pat1: Person, c1: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock went back between two backups, and a conversation was destroyed."""
    say(pat1, c1, "destroyed later")
    first = backed_up(tmp_path)
    shred(c1)
    with clock_wrong_by(monkeypatch, hours=-1):
        second = backed_up(tmp_path)
    report = json.loads(elsewhere.ran("restore", "--from", str(first), "--json"))
    assert (report["vault"], report["behind"]) == (manifest.read(second).id, 1)
    assert "a clock was wrong" in report["warnings"][0]


def test_a_vault_of_the_future_that_knows_less_is_left_alone(
    tmp_path: Path, elsewhere: Elsewhere, pat1: Person, pat2: Person, c1: str, c2: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One backup was made while the clock was ahead: those of afterwards have their own vault, and newer keys."""
    say(pat1, c1, "first")
    with clock_wrong_by(monkeypatch, days=1):
        backed_up(tmp_path)
    say(pat2, c2, "begun when the clock was right again")
    folder = backed_up(tmp_path)
    report = json.loads(elsewhere.ran("restore", "--from", str(folder), "--check", "--json"))
    assert (report["vault"], report["warnings"], report["sound"]) == (manifest.read(folder).id, [], True)
    assert elsewhere.ask(TEXTS) == ["begun when the clock was right again", "first"]


def test_an_older_vault_is_taken_when_it_is_named_and_said_to_be_older(
    tmp_path: Path, elsewhere: Elsewhere, teacher: Person, student: Person
) -> None:
    """The last resort: what was sealed under keys made since cannot be read, and the rest can."""
    say(teacher, room_of(teacher, student), "before")
    old = backed_up(tmp_path)
    say(teacher, room_of(teacher, student), "after")
    new = backed_up(tmp_path)
    done = elsewhere.run("restore", "--from", str(new), "--vault", str(old), "--check", "--json")
    report = json.loads(done.stdout)
    assert "older than the data" in report["warnings"][0]
    assert (done.returncode, report["sound"], report["checked"]["messages"]["opened"]) == (1, False, 1)
    assert len(report["checked"]["messages"]["damaged"]) == 1


def test_a_damaged_file_of_the_same_length_is_replaced(
    tmp_path: Path, elsewhere: Elsewhere, pat1: Person, patient: httpx.Client, c1: str
) -> None:
    """Those that are whole are left alone."""
    for content in (b"a letter", b"a song"):
        send_files(patient, c1, upload(pat1, c1, content))
    folder = backed_up(tmp_path)
    damaged, whole = (path for path in folder.glob("files/*/*"))
    places = [elsewhere.data_dir / path.relative_to(folder) for path in (damaged, whole)]
    for source, place in zip((damaged, whole), places, strict=True):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(source.read_bytes())
    spoilt = bytearray(damaged.read_bytes())
    spoilt[-1] ^= 1
    places[0].write_bytes(bytes(spoilt))
    before = places[1].stat()
    report = json.loads(elsewhere.ran("restore", "--from", str(folder), "--check", "--json"))
    assert places[0].read_bytes() == damaged.read_bytes()
    assert (places[1].stat().st_ino, places[1].stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert (report["missing"], report["checked"]["files"]["opened"], report["unnamed"]) == (0, 2, [])


def test_a_file_that_had_gone_and_is_removed_since_is_not_missing(
    tmp_path: Path, elsewhere: Elsewhere, pat1: Person, patient: httpx.Client, c1: str
) -> None:
    message = send_files(patient, c1, upload(pat1, c1))
    answered(patient.delete(f"{API}/messages/{message['id']}"))
    folder = backed_up(tmp_path, "--without-files")
    assert len((folder / "objects.jsonl").read_text().splitlines()) == 1
    assert json.loads(elsewhere.ran("restore", "--from", str(folder), "--json"))["missing"] == 0


def test_files_that_came_behind_the_backup_are_named(
    tmp_path: Path, elsewhere: Elsewhere, pat1: Person, patient: httpx.Client, c1: str
) -> None:
    """Nothing that was restored knows of them, so nothing would ever remove them."""
    folder = backed_up(tmp_path)
    place = elsewhere.data_dir / "files" / "3f"
    place.mkdir(parents=True)
    (place / f"3f{'0' * 30}").write_bytes(b"sealed")
    done = elsewhere.run("restore", "--from", str(folder), "--json")
    assert (done.returncode, json.loads(done.stdout)["unnamed"]) == (0, [f"3f{'0' * 30}"])


def test_files_that_are_missing_are_counted(
    tmp_path: Path, elsewhere: Elsewhere, pat1: Person, patient: httpx.Client, c1: str
) -> None:
    """As of a bucket that is somebody else's to copy."""
    send_files(patient, c1, upload(pat1, c1))
    folder = backed_up(tmp_path, "--without-files")
    done = elsewhere.run("restore", "--from", str(folder))
    assert (done.returncode, "1 files are not in the storage" in done.stdout) == (1, True)


def test_who_was_erased_since_is_erased_again(
    tmp_path: Path, elsewhere: Elsewhere, teacher: Person, student: Person
) -> None:
    """T156: an old copy does not bring anybody back, as long as a newer one lies beside it."""
    room = room_of(teacher, student)
    say(student, room, "marzipan at midnight")
    say(teacher, room, "Good.")
    block_user(actor=student.actor, subject=make_person("enemy", "student").user)
    old = backed_up(tmp_path)
    erase_user(actor=SYSTEM, user=student.user)
    erase_what_they_said(student.id)
    backed_up(tmp_path)
    report = json.loads(elsewhere.ran("restore", "--from", str(old), "--json"))
    assert report["erased"] == 1
    assert "student" not in elsewhere.ask("""
        from accounts.models import User
        from core.jobs import run_due
        run_due()
        found = list(User.objects.values_list("username", flat=True))
    """)
    assert elsewhere.ask(TEXTS) == ["Good."]


def test_the_servers_role_has_its_rights_again_and_no_more(tmp_path: Path, elsewhere: Elsewhere, c1: str) -> None:
    """T105: the log is only appended to, also after a restore."""
    folder = backed_up(tmp_path)
    assert os.environ["MASTER_KEYS"] not in (folder / manifest.NAME).read_text()
    elsewhere.ran("restore", "--from", str(folder))
    tried = elsewhere.ask("""
        from django.db import DatabaseError, connection
        found = []
        for statement in ("UPDATE audit_entry SET reason = reason", "DELETE FROM audit_entry"):
            try:
                with connection.cursor() as cursor:
                    cursor.execute(statement)
                found.append("done")
            except DatabaseError:
                found.append("refused")
    """)
    assert tried == ["refused", "refused"]
