"""The two keys of the organisation: SK for model fields and keyed hashes, AK for details of audit entries."""

import math
import os

from encryption import formats
from encryption.canary import require_in_service
from encryption.memory import KeyMemory
from encryption.models import OrganisationKey, OrganisationKeyPurpose
from encryption.providers import KeyProvider
from encryption.records import make_record, open_record


class OrganisationKeys:
    """Made once, at first use, wrapped in the vault; in memory for the life of the process.

    They never change and are not shredded, so they do not expire: a field can be read on an event loop, where nothing
    could be loaded, once the process has warmed up.
    """

    def __init__(self, provider: KeyProvider) -> None:
        self._provider = provider
        self._keys: KeyMemory[OrganisationKeyPurpose, bytes] = KeyMemory(len(OrganisationKeyPurpose), math.inf)

    def get(self, purpose: OrganisationKeyPurpose) -> bytes:
        """The key; made if there is none. Raises Undecryptable when its record is damaged: it is never replaced.

        Several may ask first at once, inside transactions or not: the database keeps one row and all get that key.
        """
        key = self._keys.get(purpose)
        return self._load_or_make(purpose) if key is None else key

    def _load_or_make(self, purpose: OrganisationKeyPurpose) -> bytes:
        generation = self._keys.generation
        rows = OrganisationKey.objects.filter(purpose=purpose)
        if row := rows.first():
            key = self._unwrap(row)
            self._keys.remember({purpose: key}, generation)
            return key
        # Waits for another transaction that is just making it, and leaves that one's row alone.
        OrganisationKey.objects.bulk_create([self._new(purpose)], ignore_conflicts=True)
        key = self._unwrap(rows.get())
        self._keys.remember_on_commit({purpose: key})
        return key

    def _new(self, purpose: OrganisationKeyPurpose) -> OrganisationKey:
        require_in_service(self._provider.active_id())
        row = OrganisationKey(purpose=purpose, kek_id=self._provider.active_id())
        row.blob = make_record(self._provider, row, os.urandom(formats.KEY_BYTES), row.kek_id)
        return row

    def _unwrap(self, row: OrganisationKey) -> bytes:
        return open_record(self._provider, row)
