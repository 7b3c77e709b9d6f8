"""The organisation's two keys: made once whoever asks first, never replaced; and what is sealed under them."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import uuid4

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from encryption.formats import Undecryptable
from encryption.keyring import Keyring
from encryption.models import OrganisationKey
from encryption.providers import EnvironmentProvider

pytestmark = pytest.mark.core

MASTER_KEY = os.urandom(32)


def another_process() -> Keyring:
    """A key ring with an empty memory, over the same database and master keys."""
    return Keyring(EnvironmentProvider({"k1": MASTER_KEY}, active="k1"))


@pytest.fixture(autouse=True)
def no_keys_yet(database: None) -> None:
    """A new installation; the suite's own key ring keeps its keys in memory, and the next test gets their rows back."""
    OrganisationKey.objects.all().delete()


@pytest.fixture
def ring() -> Keyring:
    return another_process()


# Made once


def test_both_keys_are_made_at_the_first_start_and_kept_at_the_next(ring: Keyring) -> None:
    ring.ensure_organisation_keys()
    made = [*OrganisationKey.objects.order_by("purpose").values_list("purpose", "blob")]
    another_process().ensure_organisation_keys()
    assert [purpose for purpose, _ in made] == ["ak", "sk"]
    assert [len(blob) for _, blob in made] == [61, 61]
    assert [*OrganisationKey.objects.order_by("purpose").values_list("purpose", "blob")] == made


def test_many_who_ask_first_at_once_get_the_same_key() -> None:
    start = threading.Barrier(8)

    def ask(_: int) -> bytes:
        ring = another_process()
        start.wait(30)
        try:
            return ring.keyed_hash("test", b"value")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        hashes = set(pool.map(ask, range(8)))
    assert len(hashes) == 1
    assert OrganisationKey.objects.filter(purpose="sk").count() == 1


def test_many_who_ask_first_inside_transactions_get_the_same_key() -> None:
    start = threading.Barrier(4)

    def ask(_: int) -> bytes:
        ring = another_process()
        start.wait(30)
        try:
            with transaction.atomic():
                return ring.keyed_hash("test", b"value")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ask, range(4)))) == 1


def test_a_key_whose_transaction_failed_is_never_used_again(ring: Keyring) -> None:
    row = uuid4()
    with suppress(ZeroDivisionError), transaction.atomic():
        ring.seal_field("app.model.column", row, "lost with its row")
        raise ZeroDivisionError
    assert not OrganisationKey.objects.exists()
    blob = ring.seal_field("app.model.column", row, "Ada")
    assert another_process().open_field("app.model.column", row, blob) == "Ada"


def test_a_key_in_memory_needs_no_query(ring: Keyring) -> None:
    ring.ensure_organisation_keys()
    with CaptureQueriesContext(connection) as none:
        ring.open_field("a.b.c", row := uuid4(), ring.seal_field("a.b.c", row, "Ada"))
        ring.open_audit_detail(row, ring.seal_audit_detail(row, {"old": 1}))
        ring.keyed_hash("test", b"value")
    assert len(none) == 0


def test_a_damaged_key_is_refused_and_not_replaced(ring: Keyring) -> None:
    ring.ensure_organisation_keys()
    stolen = OrganisationKey.objects.get(purpose="ak").blob
    OrganisationKey.objects.filter(purpose="sk").update(blob=stolen)
    with pytest.raises(Undecryptable):
        another_process().keyed_hash("test", b"value")
    assert bytes(OrganisationKey.objects.get(purpose="sk").blob) == bytes(stolen)


# Fields


def test_a_field_opens_in_its_row_and_column_only(ring: Keyring) -> None:
    row = uuid4()
    blob = ring.seal_field("accounts.user.email", row, "ada@hosp.example")
    assert ring.open_field("accounts.user.email", row, memoryview(blob)) == "ada@hosp.example"
    for kind, other in (("accounts.user.email", uuid4()), ("accounts.user.display_name", row)):
        with pytest.raises(Undecryptable):
            ring.open_field(kind, other, blob)


def test_a_field_shows_neither_its_text_nor_its_exact_length(ring: Keyring) -> None:
    row = uuid4()
    blobs = [ring.seal_field("a.b.c", row, text) for text in ("Ada", "Ada", "Augusta Ada King", "")]
    assert len({len(blob) for blob in blobs}) == 1
    assert len(set(blobs)) == 4
    assert not any(b"Ada" in blob for blob in blobs)


# Details of audit entries


def test_details_open_for_their_entry_only_and_under_a_key_of_their_own(ring: Keyring) -> None:
    entry = uuid4()
    blob = ring.seal_audit_detail(entry, {"role": ["nurse", "doctor"]})
    assert ring.open_audit_detail(entry, blob) == {"role": ["nurse", "doctor"]}
    with pytest.raises(Undecryptable):
        ring.open_audit_detail(uuid4(), blob)
    with pytest.raises(Undecryptable):
        ring.open_field("audit.detail", entry, blob)


# Keyed hashes


@pytest.mark.parametrize(("purpose", "value", "same"), [("mrn", b"1", True), ("mrn", b"2", False), ("ip", b"1", False)])
def test_a_keyed_hash_depends_on_purpose_and_value(ring: Keyring, purpose: str, value: bytes, same: bool) -> None:
    reference = ring.keyed_hash("mrn", b"1")
    assert len(reference) == 32
    assert (another_process().keyed_hash(purpose, value) == reference) is same


def test_a_keyed_hash_differs_between_installations(ring: Keyring) -> None:
    reference = ring.keyed_hash("mrn", b"1")
    OrganisationKey.objects.all().delete()
    assert another_process().keyed_hash("mrn", b"1") != reference
