"""Where files are kept is settled before anything starts: what is missing is named, and its value never shown."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_django import Settings

from config.checks import files
from tests.attachments.places import Bucket, stored_there
from tests.config.test_settings import deploy_check, environment, shown, start
from tests.forked import run
from tests.peers.storage import StoragePeer

pytestmark = pytest.mark.no_database

SECRET = "hunter22"
AZURE = f"DefaultEndpointsProtocol=https;AccountName=clinic;AccountKey={SECRET};EndpointSuffix=core.windows.net"
SHARED = f"BlobEndpoint=https://clinic.blob.core.windows.net;SharedAccessSignature=sig={SECRET}"
IN_AZURE = {"STORAGE_PROVIDER": "azure", "STORAGE_BUCKET": "b"}
AT_GOOGLE = {"STORAGE_PROVIDER": "gcs", "STORAGE_BUCKET": "b"}


@pytest.mark.parametrize(
    ("named", "changes"),
    [
        ("STORAGE_PROVIDER", {"STORAGE_PROVIDER": "ftp"}),
        ("STORAGE_BUCKET", {"STORAGE_BUCKET": "files"}),
        ("STORAGE_BUCKET", {"STORAGE_PROVIDER": "s3"}),
        ("STORAGE_BUCKET", {"STORAGE_PROVIDER": "azure", "STORAGE_AZURE_CONNECTION": AZURE}),
        ("STORAGE_BUCKET", {"STORAGE_PROVIDER": "gcs"}),
        ("STORAGE_S3_ENDPOINT", {"STORAGE_PROVIDER": "s3", "STORAGE_BUCKET": "b", "STORAGE_S3_ENDPOINT": SECRET}),
        ("STORAGE_S3_ACCESS_KEY", {"STORAGE_PROVIDER": "s3", "STORAGE_BUCKET": "b", "STORAGE_S3_ACCESS_KEY": SECRET}),
        ("STORAGE_S3_ACCESS_KEY", {"STORAGE_PROVIDER": "s3", "STORAGE_BUCKET": "b", "STORAGE_S3_SECRET_KEY": SECRET}),
        ("STORAGE_AZURE_CONNECTION", {"STORAGE_PROVIDER": "azure", "STORAGE_BUCKET": "b"}),
        ("STORAGE_AZURE_CONNECTION", {**IN_AZURE, "STORAGE_AZURE_CONNECTION": SECRET}),
        ("STORAGE_AZURE_CONNECTION", {**IN_AZURE, "STORAGE_AZURE_CONNECTION": f"AccountName=a;Key={SECRET}"}),
        ("STORAGE_GCS_CREDENTIALS", {**AT_GOOGLE, "STORAGE_GCS_CREDENTIALS": SECRET}),
        ("STORAGE_GCS_CREDENTIALS", {**AT_GOOGLE, "STORAGE_GCS_CREDENTIALS": f'{{"private_key": "{SECRET}"}}'}),
        ("STORAGE_GCS_CREDENTIALS_FILE", {**AT_GOOGLE, "STORAGE_GCS_CREDENTIALS_FILE": "/nowhere/key.json"}),
    ],
)
def test_what_is_missing_is_named(named: str, changes: dict[str, str]) -> None:
    ended = start(**changes)
    assert ended.returncode != 0
    assert ended.stderr.startswith(f"Parley does not start: {named}")
    assert "Traceback" not in ended.stderr
    assert SECRET not in ended.stderr


@pytest.mark.parametrize(
    "changes",
    [
        {"STORAGE_PROVIDER": "local"},
        {"STORAGE_PROVIDER": "s3", "STORAGE_BUCKET": "b"},
        {
            "STORAGE_PROVIDER": "s3",
            "STORAGE_BUCKET": "b",
            "STORAGE_S3_ACCESS_KEY": "a",
            "STORAGE_S3_SECRET_KEY": SECRET,
            "STORAGE_S3_ENDPOINT": "https://minio.invalid",
        },
        {"STORAGE_PROVIDER": "azure", "STORAGE_BUCKET": "b", "STORAGE_AZURE_CONNECTION": AZURE},
        {"STORAGE_PROVIDER": "azure", "STORAGE_BUCKET": "b", "STORAGE_AZURE_CONNECTION": SHARED},
        {"STORAGE_PROVIDER": "gcs", "STORAGE_BUCKET": "b"},
    ],
)
def test_it_starts_without_asking_the_storage(changes: dict[str, str]) -> None:
    """Text needs no files: a storage that is away at the start keeps nobody from writing."""
    assert start(**changes).returncode == 0


def test_credentials_may_lie_in_files(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text(json.dumps({"type": "service_account", "client_email": "parley@clinic.invalid"}))
    google = {"STORAGE_PROVIDER": "gcs", "STORAGE_BUCKET": "b", "STORAGE_GCS_CREDENTIALS_FILE": str(file)}
    assert start(**google).returncode == 0
    file.write_text(f"{AZURE}\n")
    azure = {"STORAGE_PROVIDER": "azure", "STORAGE_BUCKET": "b", "STORAGE_AZURE_CONNECTION_FILE": str(file)}
    assert shown("settings.STORAGE_AZURE_CONNECTION", **azure) == AZURE


@pytest.mark.parametrize(
    ("provider", "library"), [("s3", "boto3"), ("azure", "azure"), ("gcs", "google.cloud.storage")]
)
def test_a_library_that_is_not_installed_is_named_with_the_lock_that_has_it(provider: str, library: str) -> None:
    without = f"""
import importlib.abc, sys
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {library!r} or name.startswith({library + "."!r}):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
sys.argv = ["manage.py", "check"]
import manage
manage.main()
"""
    changes = {"STORAGE_PROVIDER": provider, "STORAGE_BUCKET": "b", "STORAGE_AZURE_CONNECTION": AZURE}
    ended = run("-c", without, environment=environment(**changes))
    assert ended.returncode != 0
    assert ended.stderr.startswith(f"Parley does not start: STORAGE_PROVIDER is {provider}")
    assert "requirements-storage.lock" in ended.stderr


# ---- check --deploy --------------------------------------------------------------------------------------------------


def test_a_storage_that_keeps_files_is_fine(storage_peers: Callable[[str], StoragePeer]) -> None:
    bucket = Bucket(storage_peers("s3"))
    assert "parley.W012" not in deploy_check(**bucket.peer.settings(bucket.name))
    assert bucket.contents() == {}


def test_a_bucket_that_does_not_exist_is_said(storage_peers: Callable[[str], StoragePeer]) -> None:
    report = deploy_check(**storage_peers("s3").settings("no-such-bucket"))
    assert "parley.W012" in report
    assert "NoSuchBucket" in report


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("a file in its place")
    assert "parley.W012" in deploy_check(DATA_DIR=str(tmp_path))
    assert "parley.W012" not in deploy_check()
    assert list((Path(os.environ["DATA_DIR"]) / "files").glob("*/*")) == []


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        (True, {"STORAGE_PROVIDER": "s3", "STORAGE_S3_ENDPOINT": "http://minio.invalid:9000"}),
        (False, {"STORAGE_PROVIDER": "s3", "STORAGE_S3_ENDPOINT": "https://minio.invalid:9000"}),
        (False, {"STORAGE_PROVIDER": "s3", "STORAGE_S3_ENDPOINT": "http://127.0.0.1:1"}),
        (True, {"STORAGE_PROVIDER": "azure", "STORAGE_AZURE_CONNECTION": SHARED.replace("https", "http")}),
        (False, {"STORAGE_PROVIDER": "azure", "STORAGE_AZURE_CONNECTION": SHARED}),
        (True, {"STORAGE_PROVIDER": "azure", "STORAGE_AZURE_CONNECTION": AZURE.replace("https", "http")}),
    ],
)
def test_a_storage_that_is_reached_in_the_clear_is_said(
    settings: Settings, expected: bool, changes: dict[str, str]
) -> None:
    given = {"STORAGE_BUCKET": "files", "STORAGE_S3_ACCESS_KEY": "a", "STORAGE_S3_SECRET_KEY": "b", **changes}
    with stored_there(given, settings):
        assert ("parley.W011" in {found.id for found in files(None)}) is expected
