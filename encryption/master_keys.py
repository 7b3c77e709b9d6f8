"""How the master keys of this vault stand, and the end of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from core.time import now
from encryption import ledger, wiring
from encryption.canary import canaries, fingerprint, shown
from encryption.models import Canary, DataKey, OrganisationKey
from encryption.providers import KeyNotDestroyed, KeyProvider


class KeyStillNeeded(Exception):
    """The key cannot be retired; the text says what needs it and what to do."""


@dataclass(frozen=True)
class MasterKeyStatus:
    """One master key that the settings have or the vault knows.

    `fingerprint` is of the key that is here, `expected` what the vault knows of it: None where there is none. `signed`
    counts by their names what only this key verifies (`wiring.signatures`).
    """

    id: str
    fingerprint: str | None
    expected: str | None
    active: bool
    retired_at: datetime | None
    data_keys: int
    organisation_keys: int
    signed: Mapping[str, int]

    @property
    def wraps(self) -> int:
        return self.data_keys + self.organisation_keys

    @property
    def is_wrong(self) -> bool:
        """Another key than the vault expects, or none although something is wrapped under it."""
        if self.fingerprint is None:
            return self.wraps > 0
        return self.expected is not None and self.fingerprint != self.expected

    @property
    def verdict(self) -> str:
        """Whether it may be removed, in a few words for people."""
        if self.is_wrong:
            return "missing" if self.fingerprint is None else "another key than expected"
        if self.active:
            return "needed: wraps what is new"
        if self.wraps or self.signed.get(ledger.NAME):
            return "needed: run `keys rewrap`"
        if any(self.signed.values()):
            return "needed to verify what it signed, for nothing else"
        return "may be removed"


def statuses(provider: KeyProvider) -> list[MasterKeyStatus]:
    """Every master key that is here or that the vault needs or knows, by id. Reads all keys of the vault and everything
    that is signed: seconds where there are millions."""
    known = canaries()
    data_keys = _counted(DataKey)
    organisation_keys = _counted(OrganisationKey)
    signed = {name: count() for name, count in wiring.signatures.items()}
    here = {*provider.key_ids()}
    ids = here | known.keys() | data_keys.keys() | organisation_keys.keys()
    for counts in signed.values():
        ids |= counts.keys()
    return [
        MasterKeyStatus(
            id=id_,
            fingerprint=shown(fingerprint(provider, id_)) if id_ in here else None,
            expected=shown(known[id_].fingerprint) if id_ in known else None,
            active=id_ == provider.active_id(),
            retired_at=known[id_].retired_at if id_ in known else None,
            data_keys=data_keys.get(id_, 0),
            organisation_keys=organisation_keys.get(id_, 0),
            signed={name: counts.get(id_, 0) for name, counts in signed.items()},
        )
        for id_ in sorted(ids)
    ]


def _counted(model: type[DataKey] | type[OrganisationKey]) -> dict[str, int]:
    rows = model._default_manager.exclude(blob=None).values_list("kek_id").order_by("kek_id")
    return dict(rows.annotate(Count("pk")))


def retire(provider: KeyProvider, key_id: str, *, give_up_verifying: bool = False) -> str:
    """End the service of a master key that wraps nothing any more (`keys.retired` in the audit log): no process can
    make it the active one again. Returns what is left to do: a key in an environment is removed by people.

    Raises KeyStillNeeded when it is unknown, active, or wraps something, or the shred ledger cannot be followed without
    it; also when it signed something else, unless `give_up_verifying`. A repeat changes nothing. A process that goes on
    with it as the active one wraps and destroys nothing any more (`canary.require_in_service`).
    """
    found = {status.id: status for status in statuses(provider)}.get(key_id)
    _require_free(provider, key_id, found, give_up_verifying=give_up_verifying)
    with wiring.transaction():
        if Canary.objects.filter(key_id=key_id, retired_at=None).update(retired_at=now()):
            _require_nothing_since(provider, key_id)
            wiring.record("keys.retired", {"key": key_id})
    try:
        provider.destroy(key_id)
    except KeyNotDestroyed as rest:
        return str(rest)
    return f"{key_id} is gone."


def _require_free(
    provider: KeyProvider, key_id: str, found: MasterKeyStatus | None, *, give_up_verifying: bool
) -> None:
    if found is None:
        raise KeyStillNeeded(f"There is no master key {key_id}.")
    if found.active:
        raise KeyStillNeeded(f"{key_id} is active: name another as MASTER_KEY_ACTIVE, restart, then run `keys rewrap`.")
    if found.wraps:
        raise KeyStillNeeded(f"{key_id} wraps {found.wraps} keys: run `keys rewrap` first.")
    if entries := ledger.count_genuine(provider, key_id):
        raise KeyStillNeeded(f"{key_id} signed {ledger.NAME} ({entries}): run `keys rewrap` first.")
    signed = [f"{name} ({count})" for name, count in found.signed.items() if count]
    if signed and not give_up_verifying:
        raise KeyStillNeeded(
            f"{key_id} wraps nothing any more, but signed {' and '.join(signed)}, which cannot be verified without it."
            " Leave it in MASTER_KEYS; or, when it has to be destroyed, --give-up-verifying."
        )


def _require_nothing_since(provider: KeyProvider, key_id: str) -> None:
    """Nothing came while it was looked at: whoever used the key has committed, for its canary's lock was waited for."""
    wraps = any(model._default_manager.filter(kek_id=key_id).exclude(blob=None).exists() for model in _WRAPPED)
    if wraps or ledger.count_genuine(provider, key_id):
        raise KeyStillNeeded(
            f"A process still runs with {key_id} as MASTER_KEY_ACTIVE: restart it, then run `keys rewrap` again."
        )


_WRAPPED: tuple[type[DataKey] | type[OrganisationKey], ...] = (DataKey, OrganisationKey)
