"""`backup --verify-into`: the backup is tried out, and nothing is left of that."""

import os
import secrets
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from config.backups import checking
from config.backups.postgres import PostgresEngine
from messaging.models import Message, Report
from tests.backups.conftest import POSTGRESQL, backed_up, backup_report, empty_database
from tests.messaging.files import send_files, upload
from tests.messaging.talking import API, answered, entries, send
from tests.people import Person

pytestmark = pytest.mark.core


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where a drill may be held: what `--verify-into` is given, and the password where it looks for it."""
    if not POSTGRESQL:
        yield str(tmp_path / "scratch")
        return
    name = f"parley_scratch_{secrets.token_hex(4)}"
    with empty_database(name):
        owner = urlsplit(os.environ["DATABASE_OWNER_URL"])
        monkeypatch.setenv("PGPASSWORD", owner.password or "")
        place = f"{owner.username}@{owner.hostname}:{owner.port}"
        yield urlunsplit(owner._replace(netloc=place, path=f"/{name}"))


def is_empty(scratch: str) -> bool:
    if not POSTGRESQL:
        return not Path(scratch).exists()
    with psycopg.connect(scratch) as there:
        tables = there.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        functions = there.execute("SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace").fetchone()
    return (tables, functions) == ((0,), (0,))


def test_it_is_restored_and_looked_through(
    tmp_path: Path, scratch: str, patient: httpx.Client, doctor: httpx.Client, pat1: Person, c1: str
) -> None:
    said = [send(patient, c1, f"{number}") for number in range(20)]
    answered(doctor.post(f"{API}/messages/{said[0]['id']}/report", json={"reason": "spam"}), 201)
    send_files(patient, c1, upload(pat1, c1))
    report = backup_report(tmp_path / "backups", "--verify-into", scratch)["drill"]
    checked = report["checked"]
    assert (report["sound"], report["missing"], checked["log"], checked["counters"]) == (True, 0, [], [])
    assert (checked["messages"]["opened"], checked["reports"]["opened"], checked["files"]["opened"]) == (21, 1, 1)
    assert checked["log_entries"] > 6
    assert is_empty(scratch)
    assert [path.name for path in (tmp_path / "backups").iterdir()] == [entry_folder(tmp_path)]
    [entry] = entries("backup.verified")
    assert (entry.outcome, entry.reason) == ("allow", "sound")


def test_what_it_opened_is_told(tmp_path: Path, scratch: str, patient: httpx.Client, c1: str) -> None:
    """Every message as long as there are no more than it opens."""
    for number in range(20):
        send(patient, c1, f"{number}")
    out = StringIO()
    call_command("backup", "--to", str(tmp_path / "backups"), "--verify-into", scratch, stdout=out)
    assert "drill: sound; opened 20 messages, 0 reports, 0 files; looked through" in out.getvalue()
    assert [len(checking._some(Message.objects.all(), most)) for most in (7, 20, 21)] == [7, 20, 20]


def entry_folder(tmp_path: Path) -> str:
    [folder] = (tmp_path / "backups").glob("parley-*")
    return folder.name


def test_what_is_damaged_is_found(
    tmp_path: Path, scratch: str, patient: httpx.Client, doctor: httpx.Client, c1: str, tamper: Callable[..., int]
) -> None:
    message = send(patient, c1)
    answered(doctor.post(f"{API}/messages/{message['id']}/report", json={"reason": "spam"}), 201)
    body = bytearray(Message.objects.get().body)
    body[-1] ^= 1
    assert tamper("UPDATE messaging_message SET body = %s", [bytes(body)])
    evidence = bytearray(Report.objects.get().evidence)
    evidence[-1] ^= 1
    assert tamper("UPDATE messaging_report SET evidence = %s", [bytes(evidence)])
    with pytest.raises(CommandError, match="The drill found something wrong"):
        backed_up(tmp_path / "backups", "--verify-into", scratch)
    assert is_empty(scratch)
    [entry] = entries("backup.verified")
    assert (entry.outcome, entry.reason) == ("deny", "unsound")


def test_a_place_that_is_not_empty_is_left_alone(tmp_path: Path, scratch: str, c1: str) -> None:
    if POSTGRESQL:
        with psycopg.connect(scratch) as there:
            there.execute("CREATE TABLE somebodys (id int)")
    else:
        Path(scratch).mkdir()
        (Path(scratch) / "somebodys").touch()
    with pytest.raises(CommandError, match="Nothing was changed"):
        backed_up(tmp_path / "backups", "--verify-into", scratch)
    assert not is_empty(scratch)
    assert not (tmp_path / "backups").exists()


@pytest.mark.parametrize("place", ["http://x", "mysql://somebody@localhost/db", "postgres://somebody@localhost:x/db"])
def test_a_place_that_is_none_is_refused_before_anything_is_done(tmp_path: Path, place: str) -> None:
    with pytest.raises(CommandError, match="postgres://name@host/database"):
        backed_up(tmp_path / "backups", "--verify-into", place)
    assert not (tmp_path / "backups").exists()


@pytest.mark.skipif(not POSTGRESQL, reason="only an address can hold a password")
def test_a_password_on_the_command_line_is_refused(tmp_path: Path, c1: str) -> None:
    with pytest.raises(CommandError, match="PGPASSWORD") as refusal:
        backed_up(tmp_path, "--verify-into", os.environ["DATABASE_OWNER_URL"])
    assert (urlsplit(os.environ["DATABASE_OWNER_URL"]).password or "?") not in str(refusal.value)


@pytest.mark.skipif(not POSTGRESQL, reason="of PostgreSQL's programs")
def test_a_database_that_is_away_is_said(tmp_path: Path) -> None:
    database = {**connection.settings_dict, "PORT": 1}
    with pytest.raises(Exception, match="does not answer"):
        PostgresEngine(database).is_empty()
