"""`manage.py keys`: status, rotate, rewrap, retire."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError
from django.db import transaction

from audit.models import Detail, Entry
from encryption import keyring as ring
from encryption import rewrapping, shredding
from encryption.canary import fingerprint, shown
from encryption.formats import blob_epoch
from encryption.keyring import Keyring, keyring, reset_keyring
from encryption.models import Canary, DataKey, DataKeyState, Installation, OrganisationKey, Shred
from encryption.rewrapping import rewrap
from tests.encryption.master_keys import all_open, another, place, present, provider, run, seal_some, with_next

pytestmark = pytest.mark.core


@pytest.fixture
def next_key(settings: Any, database: None) -> Iterator[str]:
    """As after a restart with a second key, which is active: `k2`."""
    kept = ring._keyring
    settings.MASTER_KEYS, settings.MASTER_KEY_ACTIVE = with_next()
    reset_keyring()
    keyring()
    yield "k2"
    ring._keyring = kept


def status() -> dict[str, dict[str, Any]]:
    return {key["id"]: key for key in json.loads(run("status", "--json"))["keys"]}


def wrapped_under() -> set[str]:
    rows = [*DataKey.objects.exclude(blob=None), *OrganisationKey.objects.all()]
    return {row.kek_id for row in rows}


def recorded(action: str) -> list[dict[str, Any]]:
    ids = Entry.objects.filter(action=action).order_by("id").values_list("id", flat=True)
    return [Detail.objects.get(entry=id_).payload() for id_ in ids]


def present_keys() -> dict[UUID, int]:
    return dict(DataKey.objects.filter(state=DataKeyState.ACTIVE).values_list("conversation", "epoch"))


# status


def test_status_shows_each_key_with_its_fingerprint_and_what_it_wraps() -> None:
    seal_some(keyring(), 3)
    shown_lines = run("status")
    assert f"k1  {shown(fingerprint(present(), 'k1'))}  active" in shown_lines
    assert "wraps     3 data keys, 2 organisation keys" in shown_lines
    assert "needed: wraps what is new" in shown_lines


def test_status_says_what_an_old_key_is_still_needed_for(next_key: str) -> None:
    seal_some(Keyring(present()), 1)
    assert status()["k1"]["verdict"] == "needed: run `keys rewrap`"
    run("rewrap")
    assert status()["k1"]["verdict"] == "may be removed"
    assert status()["k2"]["active"] is True


def test_status_says_that_the_audit_log_needs_an_old_key(settings: Any) -> None:
    run("rotate")  # leaves an entry under k1
    kept = ring._keyring
    settings.MASTER_KEYS, settings.MASTER_KEY_ACTIVE = with_next()
    reset_keyring()
    try:
        run("rewrap")
        key = status()["k1"]
        assert key["verdict"] == "needed to verify what it signed, for nothing else"
        assert key["signed"]["entries of the audit log"] == 1
        assert (key["data_keys"], key["organisation_keys"]) == (0, 0)
        assert "signed    entries of the audit log (1)" in run("status")
    finally:
        ring._keyring = kept


def test_status_shows_a_wrong_key_and_fails(settings: Any) -> None:
    settings.MASTER_KEYS = another("k1")
    with pytest.raises(CommandError, match="k1 is not the key that this vault knows"):
        run("status")


def test_status_shows_a_missing_key_and_fails(settings: Any) -> None:
    settings.MASTER_KEYS, settings.MASTER_KEY_ACTIVE = another("k2"), "k2"
    with pytest.raises(CommandError, match=r"under k1 \(fingerprint"):
        run("status")


def test_status_shows_no_key(next_key: str, settings: Any) -> None:
    shown_text = run("status") + run("status", "--json")
    for entry in settings.MASTER_KEYS.split(","):
        assert entry.partition(":")[2] not in shown_text


# rotate


def test_after_a_rotation_new_values_have_a_new_key_and_old_ones_still_open() -> None:
    sealed = seal_some(keyring(), 3)
    assert "3 data keys retired" in run("rotate")
    fresh = Keyring(present())
    assert all_open(fresh, sealed)
    for conversation in sealed:
        blob = fresh.seal(conversation, **place(conversation), payload={"content": "new"})
        assert blob_epoch(blob) == 2
    assert present_keys() == dict.fromkeys(sealed, 2)
    assert recorded("keys.rotated") == [{"conversation": None, "keys": 3}]


def test_one_conversation_can_be_rotated_alone() -> None:
    first, second = seal_some(keyring(), 2)
    assert "1 data keys retired" in run("rotate", "--conversation", str(first))
    assert present_keys() == {second: 1}
    assert recorded("keys.rotated") == [{"conversation": str(first), "keys": 1}]


def test_a_repeated_rotation_starts_no_second_epoch() -> None:
    seal_some(keyring(), 2)
    run("rotate")
    assert "there is no data key to retire" in run("rotate")
    assert DataKey.objects.count() == 2


def test_a_server_with_the_key_in_memory_goes_on_until_it_looks_again() -> None:
    server = Keyring(present())
    [conversation] = seal_some(server, 1)
    run("rotate")
    blob = server.seal(conversation, **place(conversation), payload={"content": "still"})
    assert blob_epoch(blob) == 1
    assert Keyring(present()).open_sealed(blob, conversation, **place(conversation)) == {"content": "still"}
    server.forget(conversation)
    assert blob_epoch(server.seal(conversation, **place(conversation), payload={})) == 2


def test_a_conversation_that_does_not_exist_in_this_form_is_refused() -> None:
    with pytest.raises(CommandError, match="is no id of a conversation"):
        run("rotate", "--conversation", "the one with Anna")


# rewrap


def test_every_record_is_wrapped_under_the_active_key_and_opens(next_key: str) -> None:
    sealed = seal_some(Keyring(present()), 5)
    before = Keyring(provider(*_settings_with("k1")))
    old = seal_some(before, 25)
    assert wrapped_under() == {"k1", "k2"}
    assert "27 keys wrapped under k2." in run("rewrap", "--batch", "10")
    assert wrapped_under() == {"k2"}
    assert all_open(Keyring(present()), sealed | old)
    assert sum(entry["records"] for entry in recorded("keys.rewrapped")) == 27
    assert {(entry["from"], entry["to"]) for entry in recorded("keys.rewrapped")} == {("k1", "k2")}


def test_without_the_old_key_everything_opens_afterwards(next_key: str, settings: Any) -> None:
    old = seal_some(Keyring(provider(*_settings_with("k1"))), 3)
    run("rewrap")
    alone = provider(settings.MASTER_KEYS.partition(",")[2], "k2")
    assert all_open(Keyring(alone), old)


def test_a_second_run_changes_nothing(next_key: str) -> None:
    seal_some(Keyring(provider(*_settings_with("k1"))), 3)
    run("rewrap")
    before = {row.id: bytes(row.blob or b"") for row in DataKey.objects.all()}
    entries = Entry.objects.count()
    assert run("rewrap").startswith("0 keys wrapped under k2.")
    assert {row.id: bytes(row.blob or b"") for row in DataKey.objects.all()} == before
    assert Entry.objects.count() == entries


def test_a_run_that_was_stopped_is_taken_up_again(next_key: str) -> None:
    old = seal_some(Keyring(provider(*_settings_with("k1"))), 20)
    run_ = rewrap(keyring().provider, batch=5)
    next(run_), next(run_), next(run_)
    del run_
    assert DataKey.objects.filter(kek_id="k2").count() == 10
    assert "10 keys wrapped" in run("rewrap")
    assert all_open(Keyring(present()), old)
    assert sum(entry["records"] for entry in recorded("keys.rewrapped")) == 22


def test_a_key_that_is_destroyed_meanwhile_stays_destroyed(next_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run has read the record already when somebody shreds it: it must not write it back."""
    seal_some(Keyring(provider(*_settings_with("k1"))), 3)
    write, [gone, *_] = rewrapping._write, DataKey.objects.order_by("id")

    def shred_first(*args: Any) -> int:
        DataKey.objects.filter(pk=gone.pk).update(state=DataKeyState.SHREDDED, blob=None)
        return write(*args)

    monkeypatch.setattr(rewrapping, "_write", shred_first)
    assert "4 keys wrapped" in run("rewrap")
    gone.refresh_from_db()
    assert (gone.blob, gone.state, gone.kek_id) == (None, DataKeyState.SHREDDED, "k1")


def test_two_runs_beside_each_other_wrap_each_record_once(next_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seal_some(Keyring(provider(*_settings_with("k1"))), 6)
    write = rewrapping._write
    counts: list[int] = []

    def after_another_run(*args: Any) -> int:
        """Between the reading and the writing of each batch of one run, another does all of it."""
        if not counts:
            counts.append(0)
            counts.extend(done.records for done in [*rewrap(keyring().provider)][-1:])
        return write(*args)

    monkeypatch.setattr(rewrapping, "_write", after_another_run)
    assert "0 keys wrapped under k2." in run("rewrap")
    assert wrapped_under() == {"k2"}
    assert counts[-1] == sum(entry["records"] for entry in recorded("keys.rewrapped")) == 8


def test_a_damaged_record_is_left_and_named_and_the_others_are_wrapped(next_key: str) -> None:
    """T098: header, nonce, ciphertext or tag, the answer is one and the same."""
    seal_some(Keyring(provider(*_settings_with("k1"))), 5)
    damaged = [*DataKey.objects.order_by("id")[:4]]
    for row, at in zip(damaged, (0, 5, 20, 60), strict=True):
        blob = bytearray(row.blob or b"")
        blob[at] ^= 1
        DataKey.objects.filter(pk=row.pk).update(blob=bytes(blob))
    with pytest.raises(CommandError, match=r"4 records do not open and were left as they are") as caught:
        run("rewrap")
    assert all(str(row.pk) in str(caught.value) for row in damaged)
    assert DataKey.objects.filter(kek_id="k1").count() == 4
    assert DataKey.objects.filter(kek_id="k2").count() == 1


def test_rewrapping_needs_the_right_keys(settings: Any) -> None:
    kept = ring._keyring
    settings.MASTER_KEYS = another("k1")
    reset_keyring()
    try:
        with pytest.raises(Exception, match="k1 is not the key"):
            run("rewrap")
    finally:
        ring._keyring = kept
    assert wrapped_under() == {"k1"}


@pytest.mark.parametrize("size", ["0", "-1", "many", "100000"])
def test_a_batch_has_a_size(size: str) -> None:
    with pytest.raises(CommandError, match="a batch has 1 to"):
        run("rewrap", f"--batch={size}")


# retire


def test_a_key_that_wraps_nothing_is_retired_and_what_is_left_to_do_is_said(next_key: str) -> None:
    run("rewrap")
    assert "k1 is retired. A process cannot take k1 out of its environment" in run("retire", "k1")
    assert Canary.objects.get(key_id="k1").retired_at is not None
    assert recorded("keys.retired") == [{"key": "k1"}]
    run("retire", "k1")
    assert len(recorded("keys.retired")) == 1


def test_a_key_that_is_needed_is_not_retired(next_key: str) -> None:
    with pytest.raises(CommandError, match="k2 is active"):
        run("retire", "k2")
    with pytest.raises(CommandError, match="k1 wraps 2 keys: run `keys rewrap` first"):
        run("retire", "k1")
    with pytest.raises(CommandError, match="There is no master key k9"):
        run("retire", "k9")
    assert not Canary.objects.exclude(retired_at=None).exists()


def test_a_key_that_signed_something_is_retired_only_by_who_gives_up_verifying(settings: Any) -> None:
    run("rotate")
    kept = ring._keyring
    settings.MASTER_KEYS, settings.MASTER_KEY_ACTIVE = with_next()
    reset_keyring()
    try:
        run("rewrap")
        with pytest.raises(CommandError, match=r"signed entries of the audit log \(1\), which cannot be"):
            run("retire", "k1")
        assert "k1 is retired" in run("retire", "k1", "--give-up-verifying")
    finally:
        ring._keyring = kept


# The shred ledger, which is signed as well


@pytest.fixture
def ledger(database: None) -> list[int]:
    """Two entries under k1."""
    for conversation in seal_some(keyring(), 2):
        with transaction.atomic():
            shredding.shred(conversation, None, reason=shredding.REQUESTED)
    return [1, 2]


def test_the_ledger_is_signed_anew_and_followed_without_the_old_key(
    ledger: list[int], next_key: str, settings: Any
) -> None:
    assert status()["k1"]["verdict"] == "needed: run `keys rewrap`"
    assert "2 entries of the shred ledger signed under k2." in run("rewrap", "--batch", "1")
    assert list(Shred.objects.order_by("position").values_list("position", "kek_id")) == [(1, "k2"), (2, "k2")]
    assert [entry.get("entries") for entry in recorded("keys.rewrapped")][-2:] == [1, 1]
    assert "signed" not in run("rewrap")
    assert "k1 is retired" in run("retire", "k1", "--give-up-verifying")
    settings.MASTER_KEYS = settings.MASTER_KEYS.partition(",")[2]
    reset_keyring()
    Installation.objects.update(shreds_applied=0)
    assert shredding.replay() == 2
    assert list(shredding.flaws()) == []


def test_a_key_that_signed_the_ledger_is_retired_by_nobody(ledger: list[int], next_key: str) -> None:
    """Its entries could not be followed any more, and after a restore nobody could be served."""
    OrganisationKey.objects.update(kek_id="k2")  # so that it wraps nothing
    for arguments in (("k1",), ("k1", "--give-up-verifying")):
        with pytest.raises(CommandError, match=r"k1 signed entries of the shred ledger \(2\): run `keys rewrap` first"):
            run("retire", *arguments)
    assert not Canary.objects.exclude(retired_at=None).exists()


def test_entries_that_are_not_genuine_are_left_and_named(
    ledger: list[int], next_key: str, tamper: Callable[..., int]
) -> None:
    """Nobody has Parley sign what they wrote."""
    assert tamper("UPDATE vault_shred SET epoch = 7 WHERE position = 1") == 1
    with pytest.raises(CommandError, match="Entry 1 of the shred ledger is not what was written"):
        run("rewrap")
    assert list(Shred.objects.order_by("position").values_list("position", "kek_id")) == [(1, "k1"), (2, "k2")]
    assert any("Entry 1" in flaw for flaw in shredding.flaws())


def _settings_with(active: str) -> tuple[str, str]:
    from django.conf import settings

    return settings.MASTER_KEYS, active


def test_ids_are_uuids_everywhere() -> None:
    with pytest.raises(CommandError):
        run("rotate", "--conversation", f"{uuid4()}x")
