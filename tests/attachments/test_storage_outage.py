"""T141: the storage is away, hangs, or goes while something is written. 503, no half object, and back by itself."""

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from attachments.storage import (
    ObjectGone,
    ObjectStore,
    StorageUnavailable,
    contract,
    forget_store,
    new_key,
    object_store,
)
from attachments.storage.contract import BLOCK
from tests.attachments.places import AGAIN, Folder, place_of, stored_there, stream
from tests.forked import run
from tests.page.cable import cable_to
from tests.peers.storage import StoragePeer, storage_peer
from tests.servers import _unprivileged

pytestmark = pytest.mark.no_database

REMOTE = ["s3", *AGAIN]
BUCKET = "files-of-one-test"


@pytest.fixture(params=REMOTE)
def peer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoragePeer]:
    """A server that this test may break."""
    with storage_peer(request.param, tmp_path) as peer:
        peer.make_bucket(BUCKET)
        yield peer


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same timeouts, shorter."""
    monkeypatch.setattr(contract, "CONNECT_TIMEOUT", 0.5)
    monkeypatch.setattr(contract, "READ_TIMEOUT", 0.5)
    monkeypatch.setattr(contract, "RETRY_FOR", 0.5)


def attempts(store: ObjectStore, key: str) -> list[Callable[[], object]]:
    return [
        lambda: store.size(key),
        lambda: next(store.read(key, 0, 10)),
        lambda: store.delete(key),
        lambda: store.write(new_key(), stream(b"short")),
        lambda: store.write(new_key(), stream(bytes(BLOCK + 1))),
    ]


def everything_is_unavailable(store: ObjectStore, key: str) -> None:
    for attempt in attempts(store, key):
        with pytest.raises(StorageUnavailable) as caught:
            attempt()
        assert (caught.value.status, caught.value.code) == (503, "storage_unavailable")
        assert caught.value.retry_after_ms


# ---- A provider that is elsewhere ------------------------------------------------------------------------------------


def test_a_provider_that_is_gone_comes_back_by_itself(peer: StoragePeer, settings: Settings, impatient: None) -> None:
    with stored_there(peer.settings(BUCKET), settings):
        store, key = object_store(), new_key()
        store.write(key, stream(b"before"))
        peer.process.stop()
        everything_is_unavailable(store, key)
        peer.process.start()
        with contextlib.suppress(Exception):  # Azurite kept it, the others forget everything.
            peer.make_bucket(BUCKET)
        again = new_key()
        store.write(again, stream(b"after"))
        assert b"".join(store.read(again, 0, 5)) == b"after"


def test_a_provider_that_hangs_is_given_up(peer: StoragePeer, settings: Settings, impatient: None) -> None:
    with stored_there(peer.settings(BUCKET), settings):
        store, key = object_store(), new_key()
        store.write(key, stream(b"before"))
        peer.process.freeze()
        # Another: what it was asked meanwhile it may do when it wakes up.
        everything_is_unavailable(store, new_key())
        peer.process.thaw()
        assert store.size(key) == 6


def test_wrong_credentials_are_an_outage_and_not_a_missing_file(settings: Settings, tmp_path: Path) -> None:
    """Azure's server looks at them; those of the other two let everybody in."""
    with storage_peer("azure", tmp_path) as peer:
        peer.make_bucket(BUCKET)
        given = peer.settings(BUCKET)
        wrong = given["STORAGE_AZURE_CONNECTION"].replace("AccountKey=", "AccountKey=AAAA")
        with stored_there({**given, "STORAGE_AZURE_CONNECTION": wrong}, settings):
            everything_is_unavailable(object_store(), new_key())


def test_cut_off_half_way_there_is_no_half_object(peer: StoragePeer, settings: Settings, impatient: None) -> None:
    with cable_to(peer.port) as cable, stored_there(peer.settings(BUCKET, cable.port), settings):
        store, key = object_store(), new_key()
        outage = contextlib.ExitStack()
        # At the end of the source: two blocks are with the provider, and the rest is not.
        source = stream(bytes(2 * BLOCK + 1000), then=lambda: outage.enter_context(cable.unplugged()))
        with outage, pytest.raises(StorageUnavailable):
            store.write(key, source)
        assert peer.names_and_bytes(BUCKET) == {}
        with pytest.raises(ObjectGone):
            store.size(key)
        store.delete(key)
        assert peer.unfinished(BUCKET) == []
        other = new_key()
        store.write(other, stream(b"and on it goes"))
        assert peer.names_and_bytes(BUCKET) == {other: b"and on it goes"}


def test_nothing_secret_is_logged_about_an_outage(
    peer: StoragePeer, settings: Settings, impatient: None, caplog: pytest.LogCaptureFixture
) -> None:
    given = peer.settings(BUCKET)
    with stored_there(given, settings):
        store, key = object_store(), new_key()
        peer.process.stop()
        everything_is_unavailable(store, key)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("attachments")]
    assert len(ours) == 5
    assert not [line for line in ours if key in line or BUCKET in line]


# ---- A folder --------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Iterator[Folder]:
    def none(provider: str) -> StoragePeer:
        raise AssertionError(provider)

    with place_of("local", settings, tmp_path, none) as place:
        assert isinstance(place, Folder)
        yield place


def test_a_folder_that_is_gone_is_not_made_again_while_the_server_runs(folder: Folder) -> None:
    """It was unmounted, and what is below belongs to another disk."""
    store, key = object_store(), new_key()
    store.write(key, stream(b"before"))
    elsewhere = folder.path.rename(folder.path.with_name("unmounted"))
    everything_is_unavailable(store, key)
    assert not folder.path.exists()
    elsewhere.rename(folder.path)
    assert b"".join(store.read(key, 0, 6)) == b"before"


def test_a_folder_that_cannot_be_made_is_an_outage_until_it_can(folder: Folder) -> None:
    folder.path.write_text("a file in its place")
    forget_store()
    with pytest.raises(StorageUnavailable):
        object_store()
    folder.path.unlink()
    store, key = object_store(), new_key()
    store.write(key, stream(b"now"))
    assert store.size(key) == 3


READ_ONLY = """
import io, django
django.setup()
from attachments.storage import StorageUnavailable, object_store
store, outcome = object_store(), []
for attempt in (
    lambda: store.write("0" * 31 + "1", io.BytesIO(b"new")),
    lambda: store.write("f" * 31 + "1", io.BytesIO(b"new, in a new folder")),
    lambda: store.delete("0" * 32),
):
    try:
        attempt()
    except StorageUnavailable:
        outcome.append("unavailable")
print(*outcome, b"".join(store.read("0" * 32, 0, 9)).decode())
"""


def test_a_folder_that_is_read_only_can_still_be_read(folder: Folder) -> None:
    store = object_store()
    store.write("0" * 32, stream(b"readable"))
    for path in (folder.path, folder.path / "00"):
        path.chmod(0o500)
    user = _unprivileged()  # Root would be let in all the same.
    environment = {**os.environ, "DATA_DIR": str(folder.path.parent), "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = subprocess.run(
        [*user.prefix, sys.executable, "-c", READ_ONLY],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **user.process,
    )
    for path in (folder.path, folder.path / "00"):
        path.chmod(0o700)
    assert done.stdout.split() == ["unavailable"] * 3 + ["readable"], done.stderr
    assert list(folder.contents()) == ["0" * 32]
    assert folder.unfinished() == []


def test_a_disk_that_is_full_half_way_leaves_no_half_object(folder: Folder) -> None:
    """The system refuses further bytes of this file, as it does on a full disk."""
    store, key = object_store(), new_key()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 * contract.PART + 5, hard))
    try:
        with pytest.raises(StorageUnavailable):
            store.write(key, stream(bytes(BLOCK)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path for path in folder.path.rglob("*") if path.is_file()] == []
    with pytest.raises(ObjectGone):
        store.size(key)
    store.write(key, stream(b"there is room again"))
    assert store.size(key) == 19


KILLED = """
import os, signal, django
django.setup()
from types import SimpleNamespace
from attachments.storage import object_store
left = [bytes(300_000)] * 3
def read(size):
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return left.pop()[:size]
object_store().write("0" * 32, SimpleNamespace(read=read))
"""


def test_a_process_that_dies_while_it_writes_leaves_no_half_object(folder: Folder) -> None:
    environment = {**os.environ, "DATA_DIR": str(folder.path.parent), "DJANGO_SETTINGS_MODULE": "config.settings"}
    assert run("-c", KILLED, environment=environment).returncode == -9
    store = object_store()
    assert folder.contents() == {}
    assert folder.unfinished() == ["0" * 32 + ".part"]
    with pytest.raises(ObjectGone):
        store.size("0" * 32)
    store.delete("0" * 32)
    assert folder.unfinished() == []


def test_nobody_else_on_the_machine_may_read_the_folder(folder: Folder) -> None:
    object_store().write(new_key(), stream(b"sealed"))
    files = {path.stat().st_mode & 0o777 for path in folder.path.rglob("*") if path.is_file()}
    folders = {path.stat().st_mode & 0o777 for path in [folder.path, *folder.path.iterdir()]}
    assert (files, folders) == ({0o600}, {0o700})
