"""Refusals at start-up: the settings call `require_usable_storage`, so that nothing starts that could not keep a file.

Every sentence names the setting and never its value. Whether the storage answers is another question: `check --deploy`
asks it, and the server starts without, because text needs no files.
"""

import json
from importlib.util import find_spec

from django.core.exceptions import ImproperlyConfigured

PROVIDERS = ("local", "s3", "azure", "gcs")

_LIBRARIES = {"s3": "boto3", "azure": "azure.storage.blob", "gcs": "google.cloud.storage"}


def require_usable_storage(
    provider: str, bucket: str, s3_access_key: str, s3_secret_key: str, azure_connection: str, gcs_credentials: str
) -> None:
    """Returns when the provider has been told all it needs; raises ImproperlyConfigured with the first thing missing.

    S3 and Google may do without credentials: their libraries know those of the machine.
    """
    if provider == "local":
        if bucket:
            # Half of a change. The other half forgotten, files would go to a disk that nobody looks after.
            raise ImproperlyConfigured("STORAGE_BUCKET is set, but STORAGE_PROVIDER is local: set both or neither.")
        return
    if not bucket:
        raise ImproperlyConfigured(f"STORAGE_BUCKET is missing: name the bucket or container for {provider}.")
    if provider == "s3" and bool(s3_access_key) != bool(s3_secret_key):
        raise ImproperlyConfigured("STORAGE_S3_ACCESS_KEY and STORAGE_S3_SECRET_KEY go together: one is missing.")
    if provider == "azure":
        _require_connection(azure_connection)
    if provider == "gcs" and gcs_credentials:
        _require_credentials(gcs_credentials)
    _require_library(provider)


def _require_connection(connection: str) -> None:
    if not connection:
        raise ImproperlyConfigured("STORAGE_AZURE_CONNECTION is missing: the connection string of the account.")
    names = {part.partition("=")[0].strip().lower() for part in connection.split(";")}
    if not (names & {"accountname", "blobendpoint"} and names & {"accountkey", "sharedaccesssignature"}):
        raise ImproperlyConfigured(
            "STORAGE_AZURE_CONNECTION is no connection string: it has AccountName=…;AccountKey=… in it, or "
            "BlobEndpoint=…;SharedAccessSignature=…."
        )


def _require_credentials(credentials: str) -> None:
    try:
        read = json.loads(credentials)
    except ValueError:
        read = None
    if not isinstance(read, dict) or "type" not in read:
        raise ImproperlyConfigured(
            "STORAGE_GCS_CREDENTIALS is not the JSON of Google's credentials; STORAGE_GCS_CREDENTIALS_FILE may name a "
            "file that holds it."
        )


def _require_library(provider: str) -> None:
    library = _LIBRARIES[provider]
    try:
        found = find_spec(library)
    except ModuleNotFoundError:  # A package above it is missing already.
        found = None
    if found is None:
        raise ImproperlyConfigured(
            f"STORAGE_PROVIDER is {provider}, and its library {library} is missing: install requirements-storage.lock."
        )
