"""Master keys from the environment: read strictly, used without showing them."""

import base64
import hmac
import os
import pickle
from uuid import uuid4

import pytest

from core.errors import KeyUnavailable
from encryption import formats, vectors
from encryption.formats import Undecryptable
from encryption.providers import EnvironmentProvider, KeyNotDestroyed, parse_master_keys

pytestmark = [pytest.mark.core, pytest.mark.no_database]

OLD, NEW = os.urandom(32), os.urandom(32)


@pytest.fixture
def provider() -> EnvironmentProvider:
    return EnvironmentProvider({"k1": OLD, "k2": NEW}, active="k2")


def test_keys_are_read_with_their_ids_in_either_alphabet_of_base64() -> None:
    text = f" k1:{base64.b64encode(OLD).decode()} , k2:{base64.urlsafe_b64encode(NEW).decode()},"
    assert parse_master_keys(text) == {"k1": OLD, "k2": NEW}


def test_a_key_that_is_no_longer_active_still_opens_what_it_wrapped(provider: EnvironmentProvider) -> None:
    before = EnvironmentProvider({"k1": OLD}, active="k1")
    wrapped = before.wrap(before.active_id(), b"secret", b"place")
    assert provider.active_id() == "k2"
    assert provider.unwrap("k1", wrapped, b"place") == b"secret"


def test_a_wrapped_key_opens_under_its_own_master_key_and_place_only(provider: EnvironmentProvider) -> None:
    wrapped = provider.wrap("k1", b"secret", b"place")
    for key_id, place in (("k2", b"place"), ("k1", b"other place")):
        with pytest.raises(Undecryptable):
            provider.unwrap(key_id, wrapped, place)


def test_wrapping_follows_the_documented_derivation() -> None:
    provider = EnvironmentProvider({vectors.KEK_ID: vectors.KEK}, active=vectors.KEK_ID)
    aad = formats.data_key_aad(vectors.ORG, vectors.PLACE.conversation, vectors.EPOCH, vectors.KEK_ID)
    assert provider.unwrap(vectors.KEK_ID, vectors.WRAPPED_DEK[1:], aad) == vectors.DEK


def test_a_derived_key_gives_the_documented_mac_of_an_audit_entry() -> None:
    canonical = (
        b'{"action":"message.created","actor":"33333333-3333-4333-8333-333333333333",'
        b'"conv":"11111111-1111-4111-8111-111111111111","id":"44444444-4444-4444-8444-444444444444","kid":"k1",'
        b'"object":"22222222-2222-4222-8222-222222222222",'
        b'"object_h":"0000000000000000000000000000000000000000000000000000000000000000","outcome":"allow",'
        b'"ts":"2026-01-02T03:04:05.678901Z","v":1}'
    )
    key = EnvironmentProvider({"k1": vectors.KEK}, active="k1").derive("k1", b"mx/audit/mac/1")
    assert (
        hmac.digest(key, canonical, "sha256").hex()
        == "850ce76be9851f6c061884190f817bca369170e80fb089b27d9fe8a6d4e9aa4d"
    )


def test_the_wrap_key_cannot_be_derived_from_outside(provider: EnvironmentProvider) -> None:
    with pytest.raises(ValueError, match="stays inside"):
        provider.derive("k1", formats.WRAP_KEY_INFO)


def test_an_unknown_key_is_unavailable_whatever_is_asked_of_it(provider: EnvironmentProvider) -> None:
    with pytest.raises(KeyUnavailable):
        provider.wrap("k3", b"secret", b"")
    with pytest.raises(KeyUnavailable):
        provider.unwrap("k3", bytes(60), b"")
    with pytest.raises(KeyUnavailable):
        provider.derive("k3", b"purpose")


def test_a_key_of_the_environment_is_destroyed_by_the_operator_only(provider: EnvironmentProvider) -> None:
    with pytest.raises(KeyNotDestroyed, match="remove it from MASTER_KEYS"):
        provider.destroy("k1")
    provider.destroy(f"k{uuid4()}")


def test_a_provider_with_its_keys_is_healthy(provider: EnvironmentProvider) -> None:
    provider.health()


def test_a_provider_that_does_not_open_what_it_wrapped_says_so(
    provider: EnvironmentProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "unwrap", lambda *_: b"something else")
    with pytest.raises(KeyUnavailable, match="does not unwrap"):
        provider.health()


def test_a_provider_shows_ids_and_never_keys(provider: EnvironmentProvider) -> None:
    shown = f"{provider!r} {provider}"
    assert shown.startswith("<EnvironmentProvider k1, k2; active k2>")
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(provider)
