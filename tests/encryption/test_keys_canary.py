"""The canary: no start with another key than the vault knows, or without one that it needs."""

import os
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import SystemCheckError

from encryption import formats
from encryption import keyring as ring
from encryption.canary import canaries, fingerprint, flaws, require_known_keys, shown
from encryption.keyring import Keyring, keyring, reset_keyring
from encryption.models import Canary, DataKey, Installation, OrganisationKey, installation
from encryption.providers import EnvironmentProvider
from tests.encryption.master_keys import another, environment, present, process, provider, with_next
from tests.encryption.test_commands import run

pytestmark = pytest.mark.core


@pytest.fixture
def afresh(database: None) -> Iterator[Callable[[], Keyring]]:
    """The key ring as a process that starts now would make it."""

    def start() -> Keyring:
        reset_keyring()
        return keyring()

    kept = ring._keyring
    yield start
    ring._keyring = kept


def refusal(keys: EnvironmentProvider) -> str:
    with pytest.raises(ImproperlyConfigured) as caught:
        require_known_keys(keys)
    return str(caught.value)


# The right keys


def test_the_first_use_of_a_key_leaves_its_canary() -> None:
    keys = provider(*with_next())
    require_known_keys(present())
    assert canaries().keys() == {"k1"}
    require_known_keys(keys)
    assert canaries().keys() == {"k1", "k2"}
    assert bytes(canaries()["k2"].fingerprint) == fingerprint(keys, "k2")


def test_a_key_that_only_stands_by_has_no_canary_and_can_still_be_exchanged() -> None:
    keys, _ = with_next()
    require_known_keys(provider(keys, "k1"))
    assert canaries().keys() == {"k1"}
    require_known_keys(provider(*with_next()))


def test_a_canary_is_written_once(afresh: Callable[[], Keyring]) -> None:
    before = bytes(Canary.objects.get().sealed)
    afresh()
    assert bytes(Canary.objects.get().sealed) == before


def test_a_canary_tells_nothing_of_the_key() -> None:
    key = os.urandom(32)
    keys = EnvironmentProvider({"k5": key}, "k5")
    row_of = {fingerprint(keys, "k5"), formats.expand(key, formats.WRAP_KEY_INFO)[:8], key[:8]}
    assert len(row_of) == 3
    assert shown(bytes(range(8))) == "0001-0203-0405-0607"


def test_the_fingerprint_is_the_same_on_every_machine() -> None:
    """HKDF-Expand(00..1f, "mx/kek/fingerprint/1"), computed by hand: HMAC-SHA256(key, info || 0x01)."""
    import hashlib
    import hmac

    key = bytes(range(32))
    expected = hmac.digest(key, b"mx/kek/fingerprint/1\x01", hashlib.sha256)[:8]
    assert fingerprint(EnvironmentProvider({"k1": key}, "k1"), "k1") == expected


def test_a_vault_from_before_there_were_canaries_gets_them_by_what_the_key_opens() -> None:
    keyring().current_epoch_key(uuid4())
    Canary.objects.all().delete()
    require_known_keys(present())
    assert canaries().keys() == {"k1"}


# The wrong keys


def test_another_key_under_a_known_id_is_refused_with_both_fingerprints() -> None:
    wrong = provider(another("k1"), "k1")
    expected, found = fingerprint(present(), "k1"), fingerprint(wrong, "k1")
    sentence = refusal(wrong)
    assert sentence.startswith("MASTER_KEYS: k1 is not the key that this vault knows by that id")
    assert f"its fingerprint is {shown(found)}, expected is {shown(expected)}" in sentence


def test_another_key_is_refused_by_a_vault_from_before_there_were_canaries_too() -> None:
    keyring().current_epoch_key(uuid4())
    Canary.objects.all().delete()
    wrong = provider(another("k1"), "k1")
    assert "does not open what the vault holds under that id" in refusal(wrong)
    assert not Canary.objects.exists()


def test_a_key_that_the_vault_needs_and_the_settings_lack_is_named_with_its_fingerprint() -> None:
    sentence = refusal(provider(another("k2"), "k2"))
    assert f"under k1 (fingerprint {shown(fingerprint(present(), 'k1'))}), which MASTER_KEYS does not have" in sentence
    assert canaries().keys() == {"k1"}, "a refused process leaves nothing behind"


def test_keys_exchanged_for_each_other_are_refused() -> None:
    keys, _ = with_next()
    require_known_keys(provider(keys, "k2"))
    first, second = (entry.partition(":")[2] for entry in keys.split(","))
    sentence = refusal(provider(f"k1:{second},k2:{first}", "k2"))
    assert "k1 is not the key" in sentence
    assert "k2 is not the key" in sentence


def test_a_vault_of_another_installation_is_refused() -> None:
    """The vault of one backup and the data of another: the key is right, and still nothing would open."""
    Installation.objects.update(org=uuid4())
    installation.cache_clear()
    try:
        assert "belongs to another installation than the data" in refusal(present())
    finally:
        installation.cache_clear()


def test_a_changed_canary_is_refused(tamper: Callable[..., int]) -> None:
    sealed = bytearray(Canary.objects.get().sealed)
    sealed[-1] ^= 1
    Canary.objects.update(sealed=bytes(sealed))
    assert "does not open the vault's canary" in refusal(present())


def test_a_retired_key_cannot_be_active_again() -> None:
    keys, _ = with_next()
    require_known_keys(provider(keys, "k2"))
    Canary.objects.filter(key_id="k2").update(retired_at="2026-01-01T00:00:00Z")
    assert "MASTER_KEY_ACTIVE names k2, which was retired" in refusal(provider(keys, "k2"))
    require_known_keys(provider(keys, "k1"))


def test_two_first_starts_with_different_keys_end_with_one_of_them() -> None:
    keys, theirs = with_next(), with_next()
    require_known_keys(provider(*keys))
    assert "k2 is not the key" in refusal(provider(*theirs))


# Every process


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["work"], ["seed_demo"], ["keys", "rotate"]])
def test_no_process_starts_with_a_wrong_key_and_it_says_which_is_expected(command: list[str]) -> None:
    """T099"""
    keys = another("k1")
    ended = process(*command, **environment(keys, "k1"))
    assert ended.returncode != 0
    expected = fingerprint(present(), "k1")
    assert f"expected is {shown(expected)}" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert keys.partition(":")[2] not in ended.stdout + ended.stderr


def test_no_key_ring_is_made_of_a_wrong_key(afresh: Callable[[], Keyring], settings: Any) -> None:
    settings.MASTER_KEYS = another("k1")
    with pytest.raises(ImproperlyConfigured):
        afresh()
    assert ring._keyring is None


def test_migrate_and_check_name_a_wrong_key_too(settings: Any) -> None:
    settings.MASTER_KEYS = another("k1")
    with pytest.raises(SystemCheckError, match=r"\(encryption\.E002\) MASTER_KEYS: k1 is not the key"):
        run("check", "--database", "default")


def test_there_is_nothing_to_say_of_the_right_keys() -> None:
    keyring().current_epoch_key(uuid4())
    assert flaws(present()) == []
    assert DataKey.objects.exists()
    assert OrganisationKey.objects.count() == 2
