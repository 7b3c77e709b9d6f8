"""Files in Google Cloud Storage."""

import json
from typing import Any, ClassVar

import google.auth
from django.conf import settings
from google.api_core.exceptions import (
    GoogleAPICallError,
    GoogleAPIError,
    NotFound,
    RequestRangeNotSatisfiable,
    RetryError,
)
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY
from requests.exceptions import RequestException
from storages.backends.gcloud import GoogleCloudStorage

from attachments.storage import contract
from attachments.storage.arriving import Arriving
from attachments.storage.store import Store

_SCOPES = ("https://www.googleapis.com/auth/devstorage.read_write",)


class GoogleStore(Store):
    """An object is sent in a resumable session, and is there with its last block. Google drops a session that was not
    finished after a week, by itself and unpaid.

    Without credentials in the settings Google's library looks for some where it always does: GOOGLE_APPLICATION_
    CREDENTIALS, the service account of the machine.
    """

    failures: ClassVar = (GoogleAPIError, GoogleAuthError, InvalidResponse, DataCorruption, RequestException, OSError)

    def __init__(self) -> None:
        credentials, project = _credentials(settings.STORAGE_GCS_CREDENTIALS)
        self._storage = GoogleCloudStorage(
            bucket_name=settings.STORAGE_BUCKET, credentials=credentials, project_id=project
        )

    def _put(self, key: str, arriving: Arriving) -> None:
        # Past GoogleCloudStorage.save, which rewinds what it is given and waits for minutes.
        blob = self._storage.bucket.blob(key, chunk_size=contract.BLOCK)
        blob.upload_from_file(arriving, content_type="application/octet-stream", **_patience())

    def _get(self, key: str, start: int, stop: int) -> bytes:
        blob = self._storage.bucket.blob(key)
        try:
            window: bytes = blob.download_as_bytes(start=start, end=stop - 1, raw_download=True, **_patience())
        except RequestRangeNotSatisfiable:  # It ends before `start`.
            return b""
        return window

    def _size(self, key: str) -> int:
        blob = self._storage.bucket.blob(key)
        blob.reload(**_patience())
        return int(blob.size)

    def _remove(self, key: str) -> None:
        self._storage.bucket.delete_blob(key, **_patience())

    def _says_missing(self, error: Exception) -> bool:
        return isinstance(error, NotFound)

    def _place_is_there(self) -> bool:
        # By asking for a list: who may use the objects of a bucket need not be allowed to see the bucket itself.
        try:
            next(iter(self._storage.bucket.list_blobs(max_results=1, **_patience())), None)
        except NotFound:
            return False
        return True

    def _reason(self, error: Exception) -> str:
        if isinstance(error, RetryError):  # What went wrong each time is inside.
            return type(error.cause).__name__
        return str(error.code) if isinstance(error, GoogleAPICallError) else ""


def _patience() -> dict[str, Any]:
    # Left alone, the library would repeat for two minutes.
    retry = DEFAULT_RETRY.with_delay(initial=0.5, maximum=2.0).with_timeout(contract.RETRY_FOR)
    return {"timeout": (contract.CONNECT_TIMEOUT, contract.READ_TIMEOUT), "retry": retry}


def _credentials(given: str) -> tuple[Any, str | None]:
    if not given:
        return None, None
    credentials, project = google.auth.load_credentials_from_dict(json.loads(given), scopes=_SCOPES)
    return credentials, project
