"""Files in S3, at Amazon or at whoever speaks the same protocol (MinIO, Ceph, …)."""

import contextlib
from typing import Any, ClassVar

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from storages.backends.s3 import S3Storage

from attachments.storage import contract
from attachments.storage.arriving import Arriving
from attachments.storage.store import Store


class S3Store(Store):
    """An object of up to 5 MiB is put at once, a longer one in parts that become an object when the last one is there.

    Without keys in the settings boto3 looks for some where it always does: the environment, a role of the machine.
    """

    failures: ClassVar = (BotoCoreError, Boto3Error, ClientError, OSError)

    def __init__(self) -> None:
        self._bucket: str = settings.STORAGE_BUCKET
        self._storage = S3Storage(
            bucket_name=self._bucket,
            endpoint_url=settings.STORAGE_S3_ENDPOINT or None,
            region_name=settings.STORAGE_S3_REGION or None,
            access_key=settings.STORAGE_S3_ACCESS_KEY or None,
            secret_key=settings.STORAGE_S3_SECRET_KEY or None,
            client_config=_configuration(),
            transfer_config=_transfer(),
        )

    def _put(self, key: str, arriving: Arriving) -> None:
        self._storage.save(key, arriving)

    def _get(self, key: str, start: int, stop: int) -> bytes:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key, Range=f"bytes={start}-{stop - 1}")
        except ClientError as error:
            if _code(error) == "InvalidRange":  # It ends before `start`.
                return b""
            raise
        with contextlib.closing(answer["Body"]) as body:
            window: bytes = body.read()
            return window

    def _size(self, key: str) -> int:
        length: int = self._client.head_object(Bucket=self._bucket, Key=key)["ContentLength"]
        return length

    def _remove(self, key: str) -> None:
        self._storage.delete(key)
        # Parts of an upload whose process died are no object. They stay, invisible and paid for, until told to go.
        left = self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=key).get("Uploads", [])
        for upload in left:
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload["UploadId"])

    def _says_missing(self, error: Exception) -> bool:
        # The answer to a HEAD has no body that could say what is missing.
        return _code(error) in {"NoSuchKey", "404"}

    def _place_is_there(self) -> bool:
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if _code(error) == "404":
                return False
            raise
        return True

    def _reason(self, error: Exception) -> str:
        return _code(error)

    @property
    def _client(self) -> Any:
        # Not `connection`, which makes a session for every thread: a client is safe to share, and takes 0.1 s to make.
        return self._storage.bucket.meta.client


def _configuration() -> Config:
    return Config(
        connect_timeout=contract.CONNECT_TIMEOUT,
        read_timeout=contract.READ_TIMEOUT,
        retries={"total_max_attempts": 2, "mode": "standard"},
        max_pool_connections=32,
        signature_version="s3v4",
        # Newer checksums are Amazon's; others refuse them. What is stored proves by itself that it was not changed.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def _transfer() -> TransferConfig:
    # In the calling thread: more would only hold more blocks in memory.
    return TransferConfig(
        multipart_threshold=contract.BLOCK,
        multipart_chunksize=contract.BLOCK,
        use_threads=False,
        preferred_transfer_client="classic",
    )


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""
