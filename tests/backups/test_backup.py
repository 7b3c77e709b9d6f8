"""`manage.py backup`: the data and the vault of one moment apart from each other, whole or not at all."""

import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import User
from attachments.models import Attachment, Status
from attachments.storage import object_store
from attachments.sweeping import remove_gone
from audit import reserve
from config.backups import keeping, last_backup, objects
from config.backups.manifest import measured, read
from core.time import now
from encryption.models import DataKey, Shred
from messaging.models import Message
from tests.backups.conftest import POSTGRESQL, Elsewhere, backed_up, backup_report
from tests.forked import ROOT
from tests.live import Server
from tests.messaging.files import send_files, upload
from tests.messaging.rooms import room_of
from tests.messaging.talking import API, answered, entries, entry_details, say, send
from tests.people import Person, make_person
from tests.retention.running import hold

pytestmark = pytest.mark.core

on_postgresql = pytest.mark.skipif(not POSTGRESQL, reason="pg_dump is PostgreSQL's")
DUMPS = ("data.dump", "vault.dump") if POSTGRESQL else ("data.sqlite3", "vault.sqlite3")


def tables_in(dump: Path) -> set[str]:
    if POSTGRESQL:
        program = Path(os.environ["PG_BINDIR"]) / "pg_restore"
        listed = subprocess.run([program, "--list", dump], capture_output=True, text=True, check=True).stdout
        return {line.split(" ")[-2] for line in listed.splitlines() if " TABLE DATA " in line}
    with closing(sqlite3.connect(dump)) as there:
        return {name for (name,) in there.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_the_vault_is_apart_and_nobody_else_can_read_either(tmp_path: Path, patient: httpx.Client, c1: str) -> None:
    """T100: a thief of the data has no key."""
    send(patient, c1)
    folder = backed_up(tmp_path / "backups")
    data, vault = (folder / name for name in DUMPS)
    assert {"messaging_message", "accounts_user", "parley_installation"} <= tables_in(data)
    assert not {name for name in tables_in(data) if name.startswith("vault_")}
    assert tables_in(vault) == {"vault_canary", "vault_data_key", "vault_organisation_key", "vault_shred"}
    for key in DataKey.objects.all():
        if not POSTGRESQL:  # whose dump is compressed
            assert bytes(key.blob or b"") not in data.read_bytes()
            assert bytes(key.blob or b"") in vault.read_bytes()
    for path in [folder, *folder.rglob("*")]:
        # A file that is linked is the storage's own, which is as closed.
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@on_postgresql
def test_room_that_is_kept_for_the_log_is_not_in_it(tmp_path: Path) -> None:
    reserve.tend()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size('audit_reserve')")
        assert cursor.fetchone()[0] >= settings.DATABASE_RESERVE > 0
    folder = backed_up(tmp_path)
    assert "audit_reserve" not in tables_in(folder / DUMPS[0]) | read(folder).data.keys()
    assert "audit_shortage" in tables_in(folder / DUMPS[0]) & read(folder).data.keys()


def test_the_manifest_says_what_is_in_it(tmp_path: Path, patient: httpx.Client, pat1: Person, c1: str) -> None:
    send(patient, c1)
    send_files(patient, c1, upload(pat1, c1))
    folder = backed_up(tmp_path)
    told = read(folder)
    assert (told.data["messaging_message"], told.data["accounts_user"]) == (2, User.objects.count())
    assert told.vault["vault_data_key"] == 1
    assert [(key.needed, len(key.fingerprint)) for key in told.master_keys.values()] == [(True, 19)]
    assert (told.objects.count, told.objects.copied, told.objects.missing) == (1, True, 0)
    assert {*told.files} == {*DUMPS, "objects.jsonl"}
    assert all(measured(folder / name) == file for name, file in told.files.items())
    assert "messaging.0008_erasing" in told.migrations
    assert (told.shreds, told.shreds_applied) == (0, 0)


def test_it_is_recorded_and_the_dashboard_knows(tmp_path: Path, c1: str) -> None:
    assert last_backup() is None
    folder = backed_up(tmp_path)
    [entry] = entries("backup.made")
    assert str(entry.object) == read(folder).id
    assert entry_details(entry)["data"] == read(folder).files[DUMPS[0]].sha256
    assert last_backup() == entry.ts
    backed_up(tmp_path)
    assert last_backup() == entries("backup.made")[1].ts


def test_files_are_those_that_the_rows_know(tmp_path: Path, patient: httpx.Client, pat1: Person, c1: str) -> None:
    sent = upload(pat1, c1, b"one")
    send_files(patient, c1, sent)
    unfinished = upload(pat1, c1, b"two")
    Attachment.objects.filter(id=unfinished).update(status=Status.FAILED)
    folder = backed_up(tmp_path)
    key = Attachment.objects.get(id=sent).storage_key
    assert [path.name for path in folder.glob("files/*/*")] == [key]
    stored = b"".join(object_store().read(key, 0, 10_000))
    assert (folder / "files" / key[:2] / key).read_bytes() == stored
    listed = backed_up(tmp_path, "--without-files")
    assert not list(listed.glob("files"))
    assert [json.loads(line) for line in (listed / "objects.jsonl").read_text().splitlines()] == [
        {"key": key, "bytes": len(stored), "sha256": "", "gone": False}
    ]


def test_a_file_that_was_deleted_and_is_held_is_in_it(
    tmp_path: Path, patient: httpx.Client, pat1: Person, c1: str
) -> None:
    """Only the storage had it otherwise, and a court may ask for it."""
    evidence, swept = (send_files(patient, c1, upload(pat1, c1, content)) for content in (b"evidence", b"other"))
    key = Attachment.objects.get(message_id=evidence["id"]).storage_key
    for message in (swept, evidence):
        answered(patient.delete(f"{API}/messages/{message['id']}"))
        if message is swept:
            remove_gone()
    hold("conversation", c1)
    remove_gone()
    folder = backed_up(tmp_path)
    assert [path.name for path in folder.glob("files/*/*")] == [key]
    [line] = (folder / "objects.jsonl").read_text().splitlines()
    assert (json.loads(line)["key"], json.loads(line)["gone"]) == (key, True)


def test_a_file_that_is_deleted_meanwhile_is_not_missing(
    tmp_path: Path, patient: httpx.Client, pat1: Person, c1: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = send_files(patient, c1, upload(pat1, c1))
    known = objects._known

    def then_deleted(snapshot: Any) -> Iterator[Any]:
        found = list(known(snapshot))
        answered(patient.delete(f"{API}/messages/{message['id']}"))
        remove_gone()
        return iter(found)

    monkeypatch.setattr(objects, "_known", then_deleted)
    told = read(backed_up(tmp_path)).objects
    assert (told.count, told.missing) == (0, 0)


def test_an_entry_of_the_ledger_that_somebody_made_up_keeps_no_backup_from_being_made(tmp_path: Path, c1: str) -> None:
    """It names a master key that nobody has."""
    Shred.objects.create(position=1, conversation=c1, reason="requested", at=now(), kek_id="k0", mac=bytes(32))
    assert "k0" not in read(backed_up(tmp_path)).master_keys


def test_a_file_that_is_missing_is_said(tmp_path: Path, patient: httpx.Client, pat1: Person, c1: str) -> None:
    file = upload(pat1, c1)
    object_store().delete(Attachment.objects.get(id=file).storage_key)
    with pytest.raises(CommandError, match="1 files that the rows name are not in the storage"):
        backed_up(tmp_path)
    [folder] = tmp_path.iterdir()
    assert read(folder).objects.missing == 1


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path, c1: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match="cannot be written to"):
        backed_up(tmp_path / "file")

    def full(*args: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("config.backups.taking.write", full)
    with pytest.raises(CommandError, match="No space left"):
        backed_up(tmp_path / "backups")
    assert list((tmp_path / "backups").iterdir()) == []
    assert not entries("backup.made")


@on_postgresql
def test_a_dump_that_fails_half_way_leaves_nothing(tmp_path: Path, c1: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what the program said of rows is not repeated."""
    wrapped(tmp_path / "bin", 'case "$*" in *--table=*) echo "DETAIL: secret" >&2; exit 1;; esac', monkeypatch)
    with pytest.raises(CommandError, match="pg_dump ended with status 1") as failure:
        backed_up(tmp_path / "backups")
    assert "secret" not in str(failure.value)
    assert list((tmp_path / "backups").iterdir()) == []


@on_postgresql
def test_no_password_is_on_a_command_line(tmp_path: Path, c1: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped(tmp_path / "bin", f'echo "$@" >> {tmp_path}/arguments', monkeypatch)
    backed_up(tmp_path / "backups")
    arguments = (tmp_path / "arguments").read_text()
    assert arguments.count("--snapshot=") == 2
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL"):
        password = httpx.URL(os.environ[name]).password
        assert password
        assert password not in arguments


def wrapped(folder: Path, first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_dump, before which something else happens."""
    folder.mkdir()
    real = Path(os.environ["PG_BINDIR"]) / "pg_dump"
    script = folder / "pg_dump"
    script.write_text(f'#!/bin/sh\n[ "$1" = --version ] || {{ {first}\n}}\nexec {real} "$@"\n')
    script.chmod(0o700)
    monkeypatch.setenv("PG_BINDIR", str(folder))


def test_data_and_vault_agree_while_people_write(
    tmp_path: Path, elsewhere: Elsewhere, server: Server, teacher: Person, student: Person
) -> None:
    """Every message of the data opens with the vault beside it, though each had a key of its own made meanwhile."""
    done = threading.Event()
    written = []

    def write() -> None:
        while not done.is_set():
            room = room_of(teacher, student)
            written.append(say(teacher, room, "while it is copied")[0])

    thread = threading.Thread(target=write)
    thread.start()
    try:
        server.sees(lambda: len(written) > 3, timeout=20)
        process = subprocess.run(
            [sys.executable, "manage.py", "backup", "--to", str(tmp_path / "backups"), "--json"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == 0, process.stderr
        count = len(written)
        server.sees(lambda: len(written) > count, timeout=20)
    finally:
        done.set()
        thread.join(30)
    folder = Path(json.loads(process.stdout)["folder"])
    told = read(folder)
    assert 3 < told.data["messaging_message"] < Message.objects.count()
    elsewhere.ran("restore", "--from", str(folder), "--check")
    opened = elsewhere.ask("""
        from messaging import querysets
        from messaging.bodies import open_body
        from messaging.models import Message
        rows = querysets.messages_by_id(Message.objects.values_list("id", flat=True)).values()
        found = [open_body(row).content for row in rows]
    """)
    assert opened == ["while it is copied"] * told.data["messaging_message"]


def test_older_vaults_go_and_their_data_stay(tmp_path: Path, c1: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old = backed_up(tmp_path)
    backed_up(tmp_path, "--vault-keep", "30")
    assert (old / DUMPS[1]).exists()
    monkeypatch.setattr(keeping, "now", lambda: now() + timedelta(days=31))
    report = backup_report(tmp_path)
    assert report["vaults_removed"] == 2
    assert list(tmp_path.glob("*/vault.*")) == [Path(report["folder"]) / DUMPS[1]]
    assert len(list(tmp_path.glob(f"*/{DUMPS[0]}"))) == 3


@pytest.mark.parametrize("days", ["0", "31"])
def test_a_vault_is_kept_for_thirty_days_at_most(tmp_path: Path, days: str) -> None:
    with pytest.raises(CommandError, match="from 1 to 30"):
        call_command("backup", "--to", str(tmp_path), "--vault-keep", days)


def test_leftovers_of_a_process_that_died_go_after_a_day(tmp_path: Path, c1: str) -> None:
    dead, young = (tmp_path / f".parley-20260101T00000{n}Z-0123abcd.part" for n in (1, 2))
    for path in (dead, young):
        path.mkdir()
    os.utime(dead, (0, 0))
    (tmp_path / "mine.part").mkdir()
    os.utime(tmp_path / "mine.part", (0, 0))
    backed_up(tmp_path)
    assert (dead.exists(), young.exists(), (tmp_path / "mine.part").exists()) == (False, True, True)


def test_nothing_of_what_people_said_is_in_the_manifest(tmp_path: Path, patient: httpx.Client, c1: str) -> None:
    make_person("canaryname", "student", display_name="Canary Person")
    send(patient, c1, "a canary sentence")
    folder = backed_up(tmp_path)
    for path in (folder / "manifest.json", folder / "objects.jsonl"):
        text = path.read_text().lower()
        assert "canary sentence" not in text
        assert "canaryname" not in text
