"""What was shredded does not come back: which copies open it, which do not, and that nothing of it is left over."""

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from django.apps import apps
from django.conf import settings
from django.db.models import UUIDField

from attachments.models import Attachment
from attachments.sweeping import remove_gone
from audit.models import Entry
from core.actor import SYSTEM
from core.jobs import run_due
from core.models import Task
from encryption.models import DataKey, Shred
from messaging.models import Conversation
from messaging.services import shred_conversation
from tests.backups.conftest import POSTGRESQL, Elsewhere, backed_up
from tests.encryption.master_keys import another as another_key
from tests.encryption.master_keys import environment
from tests.live import Server
from tests.messaging.files import PICTURE, send_files, upload
from tests.messaging.rooms import add, room_of
from tests.messaging.talking import API, answered, page, refused, send
from tests.messaging.test_react import react
from tests.people import PASSWORD, Person, anonymous_client, client_for
from tests.processes import served

pytestmark = pytest.mark.core

WORDS = "marzipan at midnight"

OPENED = """
    from core.errors import Shredded
    from encryption.formats import Undecryptable
    from messaging import querysets
    from messaging.bodies import open_body
    from messaging.models import Message
    found = []
    for row in querysets.messages_by_id(Message.objects.values_list("id", flat=True)).values():
        try:
            found.append(open_body(row).content)
        except (Shredded, Undecryptable) as error:
            found.append(type(error).__name__)
    found.sort()
"""
BEHIND = """
    from encryption import shredding
    found = shredding.is_behind()
"""


@pytest.fixture
def room(server: Server, teacher: Person, student: Person) -> str:
    """A conversation in which WORDS were said, with everything that can hang on one."""
    place = room_of(teacher, name="Room of secrets")
    with client_for(teacher, server) as own, client_for(student, server) as other:
        answered(add(own, place, student), 201)
        message = send(own, place, WORDS)
        answered(own.patch(f"{API}/messages/{message['id']}", json={"content": f"{WORDS} again"}))
        answered(react(other, message["id"], "👍"))
        answered(other.post(f"{API}/messages/{message['id']}/report", json={"reason": "spam"}), 201)
        send_files(own, place, upload(teacher, place, thumbnail=b"small", **PICTURE))
        upload(teacher, place)
    return place


def shred(room: str) -> None:
    shred_conversation(actor=SYSTEM, subject=Conversation.objects.get(pk=UUID(room)), reason="erasure")


def test_an_old_copy_of_the_data_opens_nothing_with_the_present_vault(
    tmp_path: Path, elsewhere: Elsewhere, server: Server, room: str, c1: str, patient: httpx.Client
) -> None:
    """Before anybody is served the ledger is followed; then it answers 410, and the rest is as it was."""
    kept = send(patient, c1, "K<3.5 and Na>145")
    old = backed_up(tmp_path / "backups")
    shred(room)
    backed_up(tmp_path / "backups")
    told = elsewhere.ran("restore", "--from", str(old))
    assert "1 entries of the shred ledger are followed when a server or worker starts" in told

    assert elsewhere.ask(BEHIND) is True
    assert elsewhere.ask(OPENED) == ["K<3.5 and Na>145", "Shredded", "Shredded"]
    with served(**elsewhere.environment) as process:
        with anonymous_client(process) as client:
            assert client.get("/health/ready").status_code == 200
        with signed_in(process, "teacher") as client:
            refused(client.get(f"{API}/conversations/{room}"), 410, "shredded")
            refused(client.get(f"{API}/conversations/{room}/messages"), 410, "shredded")
        with signed_in(process, "pat1") as client:
            [message] = page(client, c1)["results"]
            assert (message["id"], message["content"]) == (kept["id"], "K<3.5 and Na>145")
    assert elsewhere.ask(BEHIND) is False
    assert "no problems" in elsewhere.ran("verify_audit_log")


def test_an_old_vault_opens_it_which_is_why_vaults_are_kept_briefly(
    tmp_path: Path, elsewhere: Elsewhere, room: str
) -> None:
    """Whoever has data and vault of before, and the master key. `docs/shredding.md` says so."""
    old = backed_up(tmp_path / "backups")
    shred(room)
    backed_up(tmp_path / "backups")
    elsewhere.ran("restore", "--from", str(old), "--vault", str(old))
    assert f"{WORDS} again" in elsewhere.ask(OPENED)


def test_a_whole_copy_opens_it_until_its_master_key_is_destroyed(
    tmp_path: Path, elsewhere: Elsewhere, another: Elsewhere, room: str
) -> None:
    """A full pg_dump, or a copy of the SQLite file, of before: data and vault of one moment in one file."""
    whole = full_copy(tmp_path / "whole")
    shred(room)
    copied_to(whole, elsewhere)
    assert f"{WORDS} again" in elsewhere.ask(OPENED)

    copied_to(whole, another)
    without = environment(another_key("k2"), "k2")  # k1 is gone everywhere
    keys = another.run("keys", "status", **without)
    assert (keys.returncode, "missing" in keys.stdout) == (1, True)
    refusal = another.run("work", **without)
    assert (refusal.returncode, "which MASTER_KEYS does not have" in refusal.stderr) == (1, True)
    raw = another.ask(FORCED, **without)
    assert raw == ["KeyUnavailable"] * 2


FORCED = """
    from core.errors import KeyUnavailable
    from encryption import keyring as module
    from encryption.providers import EnvironmentProvider
    from messaging import querysets
    from messaging.bodies import open_body
    from messaging.models import Message
    module._keyring = module.Keyring(EnvironmentProvider.from_settings())  # past the canary
    found = []
    for row in querysets.messages_by_id(Message.objects.values_list("id", flat=True)).values():
        try:
            found.append(open_body(row).content)
        except KeyUnavailable as error:
            found.append(type(error).__name__)
"""


def full_copy(path: Path) -> Path:
    if not POSTGRESQL:
        with (
            closing(sqlite3.connect(settings.DATABASES["default"]["NAME"])) as source,
            closing(sqlite3.connect(path)) as to,
        ):
            source.backup(to)
        return path
    dump = [program("pg_dump"), "--format=custom", f"--file={path}", os.environ["DATABASE_OWNER_URL"]]
    subprocess.run(dump, check=True, capture_output=True)
    return path


def copied_to(whole: Path, place: Elsewhere) -> None:
    if not POSTGRESQL:
        shutil.copyfile(whole, place.data_dir / "there.sqlite3")
        return
    url = place.environment["DATABASE_OWNER_URL"]
    subprocess.run([program("pg_restore"), f"--dbname={url}", str(whole)], check=True, capture_output=True)


def program(name: str) -> str:
    return str(Path(os.environ["PG_BINDIR"]) / name)


def test_no_row_and_no_file_of_it_is_left_over(room: str, server: Server) -> None:
    """But the row that says that it was shredded, who was a member, the places of its messages, and the log."""
    assert left(room) >= {"Message", "Event", "Report", "Attachment", "DataKey", "Membership"}
    others = in_storage() - known()  # of tests before
    assert known() <= in_storage()
    assert len(known()) == 3
    shred(room)
    Task.objects.exclude(name="messaging.remove_shredded").delete()
    run_due()
    remove_gone()
    assert left(room) == {"Conversation", "Stream", "Membership", "RemovedMessage", "DataKey", "Shred", "Entry", "Task"}
    assert not DataKey.objects.filter(conversation=room).exclude(blob=None).exists()
    assert Shred.objects.filter(conversation=room).count() == 1
    assert Conversation.objects.get(pk=UUID(room)).details is None
    assert (known(), in_storage()) == (set(), others)
    assert Entry.objects.filter(conv=room, action="conversation.shredded").count() == 1


def left(room: str) -> set[str]:
    """Models with a row that names the conversation, or something in it."""
    return {model.__name__ for model in apps.get_models() if any(_naming(model, {UUID(room)}))}


def _naming(model: Any, ids: set[UUID]) -> Iterator[bool]:
    for field in model._meta.concrete_fields:
        last = field
        while last.is_relation:
            last = last.target_field
        if isinstance(last, UUIDField):
            yield model._default_manager.filter(**{f"{field.attname}__in": ids}).exists()
    if model is Task:
        yield any(str(id_) in json.dumps(task.payload) for task in Task.objects.all() for id_ in ids)


def known() -> set[str]:
    keys = Attachment.objects.values_list("storage_key", "thumbnail_key")
    return {key for row in keys for key in row if key is not None}


def in_storage() -> set[str]:
    return {path.name for path in (Path(settings.DATA_DIR) / "files").glob("*/*")}


def signed_in(process: Any, username: str) -> httpx.Client:
    """With their password: whoever was signed in before the restore is not any more."""
    with anonymous_client(process) as client:
        token = answered(client.post(f"{API}/auth/token", json={"username": username, "password": PASSWORD}))
    headers = {"Authorization": f"Bearer {token['access']}"}
    return httpx.Client(base_url=process.url, headers=headers, timeout=30, trust_env=False)
