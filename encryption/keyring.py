"""The key ring of this process: what is stored encrypted is sealed and opened here.

    keyring().seal(conversation_id, object_id=…, sender_id=…, revision=0, kind="text", payload={"content": …})

Sealed values are bound to their place (`formats.Place`): the same arguments must be given to open them, so only what
never changes in a row may be passed, and `revision` rises with every edit.
"""

import hmac
import os
import threading
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import orjson

from encryption import formats
from encryption.canary import is_retired, require_known_keys
from encryption.data_keys import DataKeys
from encryption.files import FileKey, unwrap_file_key, wrap_file_key
from encryption.formats import Place, Undecryptable, blob_epoch
from encryption.models import OrganisationKeyPurpose, installation
from encryption.organisation_keys import OrganisationKeys
from encryption.providers import EnvironmentProvider, KeyProvider

_NOBODY = UUID(int=0)
_NO_EPOCH = 0
_AUDIT_DETAIL = "audit.detail"


class Keyring:
    """Seals and opens. Safe between threads; may read the database, so not to be called on an event loop.

    Everything here raises `core.errors.KeyUnavailable` when the master key of a record cannot be had.
    """

    def __init__(self, provider: KeyProvider) -> None:
        self.provider = provider
        self._data_keys = DataKeys(provider)
        self._organisation_keys = OrganisationKeys(provider)

    # What belongs to a conversation.

    def seal(
        self,
        conversation_id: UUID,
        *,
        object_id: UUID,
        sender_id: UUID,
        revision: int,
        kind: str,
        payload: Mapping[str, Any],
        epoch: int | None = None,
    ) -> bytes:
        """`payload` as JSON, padded to steps of 64 bytes, sealed under the conversation's key.

        Without `epoch` that is the key of the current period; where there is none yet it is made, and the caller holds
        the conversation's lock in a transaction. An edit passes the epoch of what it replaces (`blob_epoch`), else
        shredding by age would miss it. Raises Shredded when the key of `epoch` was destroyed.
        """
        if epoch is None:
            epoch, key = self._data_keys.current(conversation_id)
        else:
            key = self._data_keys.of_epoch(conversation_id, epoch)
        place = Place(conversation_id, object_id, sender_id, revision, kind)
        return formats.seal(key, epoch, place, formats.pad(orjson.dumps(payload)))

    def open_sealed(
        self,
        blob: bytes | memoryview,
        conversation_id: UUID,
        *,
        object_id: UUID,
        sender_id: UUID,
        revision: int,
        kind: str,
    ) -> dict[str, Any]:
        """The payload that was sealed for exactly this place.

        Raises Undecryptable when anything was altered, moved or rolled back, Shredded when the key was destroyed.
        """
        key = self._data_keys.of_epoch(conversation_id, blob_epoch(blob))
        place = Place(conversation_id, object_id, sender_id, revision, kind)
        return _payload(formats.open_sealed(key, place, bytes(blob)))

    def new_file_key(self, conversation_id: UUID, attachment_id: UUID) -> FileKey:
        """A key for a new file (`encryption.files`), wrapped under the conversation's key of the current period.

        That one is made where there is none yet, as `seal` does: the caller holds the conversation's lock in a
        transaction. To be stored are `record` and `epoch`, which open the file until the data key is destroyed.
        """
        epoch, data_key = self._data_keys.current(conversation_id)
        key = os.urandom(formats.KEY_BYTES)
        return FileKey(key, epoch, wrap_file_key(data_key, conversation_id, attachment_id, epoch, key))

    def file_key(self, conversation_id: UUID, attachment_id: UUID, epoch: int, record: bytes | memoryview) -> bytes:
        """The key in `record`, when it was made for exactly this file and epoch.

        Raises Undecryptable when it was altered or belongs elsewhere, Shredded when the key of `epoch` was destroyed.
        """
        data_key = self._data_keys.of_epoch(conversation_id, epoch)
        return unwrap_file_key(data_key, conversation_id, attachment_id, epoch, bytes(record))

    def prepare(self, conversation_ids: Iterable[UUID]) -> None:
        """Have the current keys of many conversations at hand, made where there are none, in at most three queries.

        For a group of seals in one transaction, after the conversations are locked.
        """
        self._data_keys.prepare(conversation_ids)

    def preload(self, conversation_ids: Iterable[UUID]) -> None:
        """Bring the newest key of each conversation into memory, in at most one query."""
        self._data_keys.preload_newest(conversation_ids)

    def preload_blobs(self, blobs: Iterable[tuple[UUID, bytes | memoryview]]) -> None:
        """Bring the keys that open these (conversation, sealed value) into memory, in at most one query.

        For pages and lists, before they open one by one. What is no sealed value is passed over; opening it says so.
        """
        self._data_keys.preload(_named_epochs(blobs))

    def current_epoch_key(self, conversation_id: UUID) -> tuple[int, bytes]:
        """Epoch and key for new values of a conversation; made as `seal` does."""
        return self._data_keys.current(conversation_id)

    def key_for_epoch(self, conversation_id: UUID, epoch: int) -> bytes:
        """The key of one epoch; raises Shredded or Undecryptable as `open_sealed` does."""
        return self._data_keys.of_epoch(conversation_id, epoch)

    def forget(self, conversation_id: UUID) -> None:
        """Drop the conversation's keys from memory: after they were shredded or rotated, here or in another process."""
        self._data_keys.forget(conversation_id)

    # What belongs to a row outside conversations, or to an audit entry.

    def seal_field(self, kind: str, row_id: UUID, text: str) -> bytes:
        """`text` sealed for one column of one row; `kind` is `app.model.column`."""
        return self._seal(OrganisationKeyPurpose.FIELDS, row_id, kind, text.encode())

    def open_field(self, kind: str, row_id: UUID, blob: bytes | memoryview) -> str:
        """The text of that column in that row; raises Undecryptable when it was altered or comes from another."""
        return self._open(OrganisationKeyPurpose.FIELDS, row_id, kind, blob).decode()

    def seal_audit_detail(self, entry_id: UUID, payload: Mapping[str, Any]) -> bytes:
        """Details of one audit entry, sealed under a key of their own."""
        return self._seal(OrganisationKeyPurpose.AUDIT, entry_id, _AUDIT_DETAIL, orjson.dumps(payload))

    def open_audit_detail(self, entry_id: UUID, blob: bytes | memoryview) -> dict[str, Any]:
        """The details sealed for that entry; else raises Undecryptable."""
        return _json(self._open(OrganisationKeyPurpose.AUDIT, entry_id, _AUDIT_DETAIL, blob))

    def keyed_hash(self, purpose: str, value: bytes) -> bytes:
        """32 bytes: HMAC-SHA256 of `value` under a key for `purpose` alone (HKDF-Expand of SK).

        To find equal values without storing them. Whoever has the database but no key learns which rows are equal.
        """
        key = formats.expand(self._organisation_keys.get(OrganisationKeyPurpose.FIELDS), purpose.encode())
        return hmac.digest(key, value, "sha256")

    def ensure_organisation_keys(self) -> None:
        """Make the organisation's keys if there are none, and have them in memory. For the start of a process."""
        for purpose in OrganisationKeyPurpose:
            self._organisation_keys.get(purpose)

    def is_in_service(self) -> bool:
        """Whether the active master key may still wrap what is new: somebody may have retired it. One query."""
        return not is_retired(self.provider.active_id())

    def _seal(self, purpose: OrganisationKeyPurpose, row_id: UUID, kind: str, content: bytes) -> bytes:
        place = _organisation_place(row_id, kind)
        return formats.seal(self._organisation_keys.get(purpose), _NO_EPOCH, place, formats.pad(content))

    def _open(self, purpose: OrganisationKeyPurpose, row_id: UUID, kind: str, blob: bytes | memoryview) -> bytes:
        key = self._organisation_keys.get(purpose)
        return formats.unpad(formats.open_sealed(key, _organisation_place(row_id, kind), bytes(blob)))


def _organisation_place(row_id: UUID, kind: str) -> Place:
    return Place(installation().org, row_id, _NOBODY, revision=0, kind=kind)


def _payload(padded: bytes) -> dict[str, Any]:
    return _json(formats.unpad(padded))


def _json(content: bytes) -> dict[str, Any]:
    payload: dict[str, Any] = orjson.loads(content)
    return payload


def _named_epochs(blobs: Iterable[tuple[UUID, bytes | memoryview]]) -> Iterable[tuple[UUID, int]]:
    for conversation_id, blob in blobs:
        try:
            yield conversation_id, blob_epoch(blob)
        except Undecryptable:
            continue


_lock = threading.Lock()
_keyring: Keyring | None = None


def keyring() -> Keyring:
    """The one key ring of this process, with the master keys of the settings.

    Raises ImproperlyConfigured when those are not the keys of this database's vault (`encryption.canary`): then nothing
    may be read or written.
    """
    global _keyring
    if _keyring is None:
        with _lock:
            if _keyring is None:
                provider = EnvironmentProvider.from_settings()
                require_known_keys(provider)
                _keyring = Keyring(provider)
    return _keyring


def reset_keyring() -> None:
    """Forget the key ring and every key in it: the next use starts from the settings and the database."""
    global _keyring
    with _lock:
        _keyring = None
