"""Object storage for the tests: servers that speak the protocols of S3, Azure Blob and Google Cloud.

moto and gcp-storage-emulator come from requirements-dev.lock, azurite from npm (`make peers`). Each runs once for a
test run, at a port of its own, and starts when the first test asks for it.
"""

import base64
import secrets
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from json import loads
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.peers.processes import Peer, needed
from tests.processes import free_port

AZURITE = Path(__file__).parents[2] / ".cache" / "azurite" / "node_modules"
_ACCOUNT = "parley"


class StoragePeer(ABC):
    """A provider. `settings` are those of a Parley that keeps its files there, in a bucket of their own."""

    provider: str

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.process = Peer(self._command(folder), self.port, self._environment(), folder / "log")

    @abstractmethod
    def _command(self, folder: Path) -> list[str]: ...

    def _environment(self) -> dict[str, str]:
        return {}

    @abstractmethod
    def make_bucket(self, name: str) -> None: ...

    @abstractmethod
    def remove_bucket(self, name: str) -> None:
        """With everything in it."""

    @abstractmethod
    def settings(self, bucket: str, port: int | None = None) -> dict[str, str]:
        """For the environment of a process. `port` is another way to the same server."""

    @abstractmethod
    def names_and_bytes(self, bucket: str) -> dict[str, bytes]:
        """What a thief finds: every object with its content."""

    def unfinished(self, bucket: str) -> list[str]:
        """Objects that were begun, as far as the provider keeps them for ever."""
        return []


class Moto(StoragePeer):
    provider = "s3"

    def _command(self, folder: Path) -> list[str]:
        if find_spec("moto") is None:
            needed("Tests of S3 need moto, which is in requirements-dev.lock: `make install-dev`.")
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]

    def settings(self, bucket: str, port: int | None = None) -> dict[str, str]:
        return {
            "STORAGE_PROVIDER": "s3",
            "STORAGE_BUCKET": bucket,
            "STORAGE_S3_ENDPOINT": f"http://127.0.0.1:{port or self.port}",
            "STORAGE_S3_REGION": "us-east-1",
            "STORAGE_S3_ACCESS_KEY": "an-access-key",
            "STORAGE_S3_SECRET_KEY": "a-secret-key",
        }

    def make_bucket(self, name: str) -> None:
        with self._client() as client:
            client.create_bucket(Bucket=name)

    def remove_bucket(self, name: str) -> None:
        with self._client() as client:
            for key in self.names_and_bytes(name):
                client.delete_object(Bucket=name, Key=key)
            client.delete_bucket(Bucket=name)

    def names_and_bytes(self, bucket: str) -> dict[str, bytes]:
        with self._client() as client:
            keys = [item["Key"] for item in client.list_objects_v2(Bucket=bucket).get("Contents", [])]
            return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def unfinished(self, bucket: str) -> list[str]:
        with self._client() as client:
            return [item["Key"] for item in client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]

    @contextmanager
    def _client(self) -> Iterator[Any]:
        import boto3

        client = boto3.session.Session("an-access-key", "a-secret-key", region_name="us-east-1").client(
            "s3", endpoint_url=f"http://127.0.0.1:{self.port}"
        )
        with closing(client):
            yield client


class Azurite(StoragePeer):
    provider = "azure"

    def __init__(self, folder: Path) -> None:
        self._key = base64.b64encode(secrets.token_bytes(64)).decode()
        super().__init__(folder)

    def _command(self, folder: Path) -> list[str]:
        node = shutil.which("node")
        if node is None or not (AZURITE / "azurite").is_dir():
            needed("Tests of Azure need azurite: install the packages 'nodejs' and 'npm', then `make peers`.")
        # The client is newer than what it knows of.
        options = ["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--location", str(folder / "blobs")]
        program = str(AZURITE / "azurite" / "dist" / "src" / "blob" / "main.js")
        return [str(node), program, "--blobHost", "127.0.0.1", "--blobPort", str(self.port), *options]

    def _environment(self) -> dict[str, str]:
        return {"AZURITE_ACCOUNTS": f"{_ACCOUNT}:{self._key}"}

    def settings(self, bucket: str, port: int | None = None) -> dict[str, str]:
        place = f"BlobEndpoint=http://127.0.0.1:{port or self.port}/{_ACCOUNT}"
        return {
            "STORAGE_PROVIDER": "azure",
            "STORAGE_BUCKET": bucket,
            "STORAGE_AZURE_CONNECTION": f"AccountName={_ACCOUNT};AccountKey={self._key};{place}",
        }

    def make_bucket(self, name: str) -> None:
        with self._container(name) as container:
            container.create_container()

    def remove_bucket(self, name: str) -> None:
        with self._container(name) as container:
            container.delete_container()

    def names_and_bytes(self, bucket: str) -> dict[str, bytes]:
        with self._container(bucket) as container:
            return {name: container.download_blob(name).readall() for name in container.list_blob_names()}

    @contextmanager
    def _container(self, name: str) -> Iterator[Any]:
        from azure.storage.blob import BlobServiceClient

        connection = self.settings(name)["STORAGE_AZURE_CONNECTION"]
        with BlobServiceClient.from_connection_string(connection) as client:
            yield client.get_container_client(name)


class GoogleEmulator(StoragePeer):
    provider = "gcs"

    def _command(self, folder: Path) -> list[str]:
        if find_spec("gcp_storage_emulator") is None:
            needed("Tests of Google Cloud need gcp-storage-emulator, in requirements-dev.lock: `make install-dev`.")
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--in-memory", "--quiet"]
        return [sys.executable, "-m", "gcp_storage_emulator", "start", *options]

    def settings(self, bucket: str, port: int | None = None) -> dict[str, str]:
        return {
            "STORAGE_PROVIDER": "gcs",
            "STORAGE_BUCKET": bucket,
            # Of Google's library: whoever sets it needs no credentials.
            "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port or self.port}",
        }

    def make_bucket(self, name: str) -> None:
        self._ask("POST", "/storage/v1/b?project=parley", json={"name": name})

    def remove_bucket(self, name: str) -> None:
        for key in self.names_and_bytes(name):
            self._ask("DELETE", f"/storage/v1/b/{name}/o/{key}")
        self._ask("DELETE", f"/storage/v1/b/{name}")

    def names_and_bytes(self, bucket: str) -> dict[str, bytes]:
        found = self._ask("GET", f"/storage/v1/b/{bucket}/o").json()["items"]
        return {item["name"]: self._ask("GET", f"/{bucket}/{item['name']}").content for item in found}

    def _ask(self, method: str, path: str, **body: Any) -> httpx.Response:
        answer = httpx.request(method, f"http://127.0.0.1:{self.port}{path}", trust_env=False, **body)
        return answer.raise_for_status()


_PEERS: dict[str, type[StoragePeer]] = {peer.provider: peer for peer in (Moto, Azurite, GoogleEmulator)}


@contextmanager
def storage_peer(provider: str, folder: Path) -> Iterator[StoragePeer]:
    """A server of this provider, for one test that is going to break it."""
    peer = _PEERS[provider](folder)
    try:
        peer.process.start()
        yield peer
    finally:
        peer.process.stop()


@pytest.fixture(scope="session")
def storage_peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], StoragePeer]]:
    """`storage_peers("s3")`: the server that all tests of this process share."""
    running: dict[str, StoragePeer] = {}

    def get(provider: str) -> StoragePeer:
        if provider not in running:
            peer = _PEERS[provider](tmp_path_factory.mktemp(provider))
            running[provider] = peer
            peer.process.start()
        return running[provider]

    yield get
    for peer in running.values():
        peer.process.stop()


def pytest_report_header() -> str:
    """Which servers the tests of the storage have here."""
    return (
        f"object storage: {_said('moto', 'S3')}, {_azurite()} (Azure), {_said('gcp-storage-emulator', 'Google Cloud')}"
    )


def _said(package: str, protocol: str) -> str:
    try:
        return f"{package} {version(package)} ({protocol})"
    except PackageNotFoundError:
        return f"no {package} ({protocol})"


def _azurite() -> str:
    about = AZURITE / "azurite" / "package.json"
    return f"azurite {loads(about.read_text())['version']}" if about.is_file() else "no azurite"
