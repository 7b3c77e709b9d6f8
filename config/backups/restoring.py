"""Restoring a backup into an empty database, so that nothing that was destroyed comes back, and nobody's numbers lie.

The order matters: a process serves only with a vault that fits, so the vault comes when the data are made ready. After
that the ledger is ahead of the data wherever something was shredded since, and `encryption.shredding` has every process
catch up before it serves.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hmac import compare_digest
from pathlib import Path
from uuid import UUID, uuid4

from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.models import F

import audit
from accounts.models import Ended, LoginSession, User
from accounts.services import erase_user
from config.backups import keeping, manifest, objects
from config.backups.engines import Engine, engine_of, owners_alias
from config.backups.manifest import Manifest
from config.backups.trouble import Trouble
from core.actor import SYSTEM
from core.errors import LegalHold
from core.time import now
from encryption.canary import fingerprint, shown
from encryption.keyring import keyring, reset_keyring
from encryption.models import Installation, installation
from encryption.providers import KeyProvider


@dataclass(frozen=True)
class Plan:
    """A backup and the vault that goes with it, both looked through: nothing is wrong with them."""

    folder: Path
    data: Manifest
    vault_folder: Path
    vault: Manifest
    warnings: list[str] = field(default_factory=list)


@dataclass
class Restored:
    """What was restored. `missing` objects are not in the storage, and the `unnamed` ones there belong to no row.
    `behind` entries of the ledger are to be followed before anybody is served. `erased` people were erased once more.
    """

    backup: str
    made_at: str
    vault: str
    epoch: str
    behind: int
    erased: int = 0
    missing: int = 0
    unnamed: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def plan(folder: Path, vault: Path | None, *, trusted: bool = False, with_files: bool = True) -> Plan:
    """Look through everything first: signatures, hashes, keys, versions, whether the database is empty. Without `vault`
    the newest one beside the backup is taken. Changes nothing. Raises Trouble."""
    engine = engine_of(owners_alias())
    data = manifest.read(folder)
    if data.engine != engine.name:
        raise Trouble(f"This is a backup of {data.engine}; DATABASE_URL names a database of {engine.name}.")
    manifest.require_genuine(folder, data, trusted=trusted)
    vault_folder = vault or keeping.newest_vault(folder, data, engine.vault_file, trusted=trusted)
    told = manifest.read(vault_folder)
    manifest.require_genuine(vault_folder, told, trusted=trusted)
    _require_same_installation(data, told)
    _require_known_migrations(told)
    warnings = [*_about_age(data, told), *_require_keys(told)]
    manifest.require_whole(folder, data, [engine.data_file, objects.LIST])
    manifest.require_whole(vault_folder, told, [engine.vault_file])
    if with_files and data.objects.copied:
        objects.require_whole(folder)
    if not engine.is_empty():
        raise Trouble("The database is not empty: restore into a new one. Nothing was changed.")
    return Plan(folder, data, vault_folder, told, warnings)


def carry_out(plan: Plan, *, with_files: bool = True) -> Restored:
    """Restore it; servers and workers are stopped meanwhile. Raises Trouble, after which the database has to be made
    anew.

    Afterwards the installation has a new epoch, so that clients load everything anew instead of trusting numbers that
    will be given out a second time; nobody is signed in; and whoever had been erased when the vault was copied is.
    """
    alias = owners_alias()
    engine = engine_of(alias)
    connections.close_all()
    engine.restore(plan.folder / engine.data_file)
    _make_ready(alias)
    connections.close_all()
    _restore_vault(engine, plan)
    # What this version has and the backup had not, and what the server's role may do.
    call_command("migrate", database=alias, interactive=False, verbosity=0)
    installation.cache_clear()
    reset_keyring()
    told = _told(plan)
    if with_files:
        told.missing, told.unnamed = _restore_objects(plan), objects.unnamed()
    told.erased = sum(_erase_again(plan.vault.erased_people, told.warnings))
    with audit.transaction():
        details = {"vault": plan.vault.id, "made_at": plan.data.made_at, "behind": told.behind, "missing": told.missing}
        audit.record("backup.restored", actor=SYSTEM, object_id=UUID(plan.data.id), details=details)
    return told


def _make_ready(alias: str) -> None:
    """While there is no vault, and so nobody can serve."""
    Installation.objects.using(alias).update(epoch=uuid4())
    # A session that has ended since must not live again, nor a refresh token that was used.
    live = LoginSession.objects.using(alias).filter(revoked_at=None)
    live.update(revoked_at=now(), reason=Ended.RESTORED)
    User.objects.using(alias).update(sign_outs=F("sign_outs") + 1)
    Session.objects.using(alias).all().delete()


def _restore_vault(engine: Engine, plan: Plan) -> None:
    try:
        engine.restore(plan.vault_folder / engine.vault_file)
    except Trouble as trouble:
        raise Trouble(f"{trouble} The data are restored without their vault: make the database anew.") from trouble


def _told(plan: Plan) -> Restored:
    here = Installation.objects.get()
    return Restored(
        backup=plan.data.id,
        made_at=plan.data.made_at,
        vault=plan.vault.id,
        epoch=str(here.epoch),
        behind=max(0, plan.vault.shreds - here.shreds_applied),
        warnings=[*plan.warnings],
    )


def _restore_objects(plan: Plan) -> int:
    """How many are missing then."""
    if plan.data.objects.copied:
        objects.restore(plan.folder)
    return objects.missing(plan.folder)


def _erase_again(erased: dict[UUID, bool], warnings: list[str]) -> Iterator[bool]:
    """People who were erased after the data were copied."""
    for user in User.objects.filter(id__in=[*erased], erased_at=None):
        try:
            erase_user(actor=SYSTEM, user=user, with_records=erased[user.id])
            yield True
        except LegalHold:
            warnings.append(f"{user.id} had been erased, and a legal hold of before covers them: erase them again.")


def _require_same_installation(data: Manifest, vault: Manifest) -> None:
    if data.org != vault.org:
        raise Trouble("Data and vault are of two installations: nothing of the one opens with the other.")


def _require_known_migrations(vault: Manifest) -> None:
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if newer := set(vault.migrations) - known:
        raise Trouble(f"The backup was made by a newer version of Parley: this one does not know {min(newer)}.")


def _about_age(data: Manifest, vault: Manifest) -> Iterator[str]:
    if not vault.is_as_new_as(data):
        yield (
            "The vault is older than the data: what was sealed under keys made since then cannot be read, and keys that"
            " were destroyed since then are back until a server starts and retention runs."
        )
    elif vault.moment < data.moment:
        yield "By its time the vault is older than the data, by what it knows it is not: a clock was wrong."
    if vault.epoch != data.epoch:
        yield (
            "A backup was restored between the data and the vault: what was sealed under keys that it had not cannot be"
            " read."
        )
    if vault.migrations != data.migrations:
        yield "Data and vault were made by different versions of Parley."


def _require_keys(vault: Manifest) -> Iterator[str]:
    """Raises Trouble when one is missing or another than expected; yields what cannot be verified without the rest."""
    provider = keyring().provider
    for key_id, expected in vault.master_keys.items():
        found = _fingerprint(provider, key_id)
        if found is not None and not compare_digest(found, expected.fingerprint):
            raise Trouble(
                f"MASTER_KEYS: {key_id} has the fingerprint {found}, and this vault expects {expected.fingerprint}."
            )
        if found is None and expected.needed:
            raise Trouble(f"MASTER_KEYS lacks {key_id} (fingerprint {expected.fingerprint}), which opens this vault.")
        if found is None:
            yield f"Without {key_id} (fingerprint {expected.fingerprint}) what it signed cannot be verified."


def _fingerprint(provider: KeyProvider, key_id: str) -> str | None:
    return shown(fingerprint(provider, key_id)) if key_id in provider.key_ids() else None
