"""Where the bytes of files lie: sealed, under random names, in a folder or in somebody's object storage.

    store = object_store()
    store.write(key, source)                     # source: anything with read(); read to its end, never rewound
    for part in store.read(key, 0, 1_000_000):   # the bytes [0, 1,000,000), in parts of up to 256 KiB
        ...

The place is chosen by STORAGE_PROVIDER: `local` is a folder of this machine; `s3`, `azure` and `gcs` are reached over
django-storages. All four keep the same promises (`attachments.storage.contract`), and the same tests hold them to it.
Whoever can read the place finds ciphertext of the format MXA1 and 32 random digits for a name, nothing else.
"""

import secrets
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from attachments.storage.contract import ObjectGone, ObjectStore, StorageUnavailable

__all__ = ["ObjectGone", "ObjectStore", "StorageUnavailable", "forget_store", "new_key", "object_store"]

# By name: the libraries of a provider are loaded, and need to be installed, only where it is used.
_STORES = {
    "local": "attachments.storage.local.LocalStore",
    "s3": "attachments.storage.s3.S3Store",
    "azure": "attachments.storage.azure.AzureStore",
    "gcs": "attachments.storage.gcs.GoogleStore",
}


def object_store() -> ObjectStore:
    """The store of this installation, one for all threads of the process. Raises StorageUnavailable when it cannot be
    opened; the next call tries again."""
    return _opened(settings.STORAGE_PROVIDER)


@cache
def _opened(provider: str) -> ObjectStore:
    store: ObjectStore = import_string(_STORES[provider])()
    return store


def forget_store() -> None:
    """The next call of `object_store` reads the settings again."""
    _opened.cache_clear()


def new_key() -> str:
    """A name for an object that nobody can guess and that says nothing: 128 random bits."""
    return secrets.token_hex(16)
