"""Files in Azure Blob Storage."""

from typing import Any, ClassVar

from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import BlobServiceClient, ExponentialRetry
from django.conf import settings
from storages.backends.azure_storage import AzureStorage

from attachments.storage import contract
from attachments.storage.arriving import Arriving
from attachments.storage.store import Store

_RANGE_NOT_SATISFIABLE = 416


class _Account(AzureStorage):  # type: ignore[misc]  # django-storages publishes no types
    """Given a connection string, django-storages leaves out the options, timeouts and retries among them."""

    def _get_service_client(self) -> BlobServiceClient:
        return BlobServiceClient.from_connection_string(self.connection_string, **self.client_options)


class AzureStore(Store):
    """A blob is sent in blocks, which become a blob with the last request. Azure drops blocks that never became one
    after a week, by itself and unpaid."""

    failures: ClassVar = (AzureError, OSError)

    def __init__(self) -> None:
        self._storage = _Account(
            connection_string=settings.STORAGE_AZURE_CONNECTION,
            azure_container=settings.STORAGE_BUCKET,
            client_options=_options(),
        )

    def _put(self, key: str, arriving: Arriving) -> None:
        # Past AzureStorage.save, which rewinds what it is given.
        self._storage.client.upload_blob(key, arriving, overwrite=True, max_concurrency=1)

    def _get(self, key: str, start: int, stop: int) -> bytes:
        try:
            window: bytes = self._storage.client.download_blob(key, offset=start, length=stop - start).readall()
        except HttpResponseError as error:
            if error.status_code == _RANGE_NOT_SATISFIABLE:  # It ends before `start`.
                return b""
            raise
        return window

    def _size(self, key: str) -> int:
        length: int = self._storage.size(key)
        return length

    def _remove(self, key: str) -> None:
        self._storage.client.delete_blob(key)

    def _says_missing(self, error: Exception) -> bool:
        return _code(error) == "BlobNotFound"

    def _place_is_there(self) -> bool:
        # A container that is gone has a code of its own.
        return True

    def _reason(self, error: Exception) -> str:
        return _code(error)


def _options() -> dict[str, Any]:
    return {
        "connection_timeout": contract.CONNECT_TIMEOUT,
        "read_timeout": contract.READ_TIMEOUT,
        "retry_policy": ExponentialRetry(initial_backoff=1, increment_base=0, retry_total=1, random_jitter_range=0),
        "max_block_size": contract.BLOCK,
    }


def _code(error: Exception) -> str:
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")
