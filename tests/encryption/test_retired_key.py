"""A process that still has a retired master key as its active one: it makes nothing under it, and says so."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.db import connection, transaction

from core.errors import KeyUnavailable
from core.time import now
from encryption import master_keys, shredding
from encryption.keyring import Keyring, keyring, reset_keyring
from encryption.models import Canary, DataKey, OrganisationKey, Shred
from encryption.rewrapping import rewrap
from tests.encryption.master_keys import place, present, provider, seal_some, with_next
from tests.live import Server
from tests.messaging.conftest import c1
from tests.messaging.talking import page, post, refused, send
from tests.people import Person, client_for, open_clinical

__all__ = ["c1"]

pytestmark = pytest.mark.core


@pytest.fixture(autouse=True)
def fresh_keys() -> Iterator[None]:
    yield
    reset_keyring()


def retire() -> None:
    """As `keys retire` does in another process: that one has k2."""
    Canary.objects.filter(key_id="k1").update(retired_at=now())


def test_no_data_key_is_made_under_it_and_what_there_is_goes_on() -> None:
    ring = Keyring(present())
    [conversation] = seal_some(ring, 1)
    retire()
    with pytest.raises(KeyUnavailable), transaction.atomic():
        seal_some(ring, 1)
    assert DataKey.objects.count() == 1
    blob = ring.seal(conversation, **place(conversation), payload={"content": "still"})
    assert ring.open_sealed(blob, conversation, **place(conversation)) == {"content": "still"}


def test_no_key_of_the_organisation_is_made_and_nothing_is_wrapped_or_signed_with_it() -> None:
    [conversation] = seal_some(keyring(), 1)
    seal_some(Keyring(provider(*with_next())), 1)
    retire()
    with pytest.raises(KeyUnavailable):
        list(rewrap(keyring().provider))
    assert DataKey.objects.filter(kek_id="k1").count() == 1
    with pytest.raises(KeyUnavailable), transaction.atomic():
        shredding.shred(conversation, None, reason=shredding.REQUESTED)
    assert not Shred.objects.exists()
    OrganisationKey.objects.all().delete()
    with pytest.raises(KeyUnavailable):
        Keyring(present()).ensure_organisation_keys()


def test_a_server_says_that_it_is_not_ready(server: Server, pat1: Person, doc1: Person, pat2: Person, c1: str) -> None:
    """It reads, and writes where there is a key; whoever says the first word somewhere is told to come back."""
    new = open_clinical(pat2, doc1)
    with client_for(doc1, server) as client:
        message = send(client, c1)
        assert httpx.get(f"{server.url}/health/ready").status_code == 200
        retire()
        ready = httpx.get(f"{server.url}/health/ready")
        assert (ready.status_code, ready.json()["code"]) == (503, "key_unavailable")
        assert page(client, c1)["results"] == [message]
        send(client, c1, "again")
        refused(post(client, new), 503, "key_unavailable")
    assert DataKey.objects.count() == 1


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="on SQLite whoever writes is alone")
def test_whoever_retires_it_waits_for_a_key_that_is_being_made_and_then_does_not(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """A server makes a key behind the back of a command that has counted already."""
    settings.MASTER_KEYS, settings.MASTER_KEY_ACTIVE = with_next()
    reset_keyring()
    server, new = Keyring(provider(settings.MASTER_KEYS, "k1")), keyring().provider
    list(rewrap(new))
    counted, made = threading.Event(), threading.Event()
    require_free = master_keys._require_free

    def then_somebody_writes(*args: object, **more: object) -> None:
        require_free(*args, **more)  # type: ignore[arg-type]
        counted.set()
        assert made.wait(10)

    monkeypatch.setattr(master_keys, "_require_free", then_somebody_writes)
    found: list[str] = []
    command = threading.Thread(target=_retire, args=[new, found])
    command.start()
    assert counted.wait(10)
    with transaction.atomic():
        seal_some(server, 1)
        made.set()
        _wait_until_somebody_waits()
    command.join(10)
    assert found == ["A process still runs with k1 as MASTER_KEY_ACTIVE: restart it, then run `keys rewrap` again."]
    assert Canary.objects.get(key_id="k1").retired_at is None


def _retire(new: object, found: list[str]) -> None:
    try:
        master_keys.retire(new, "k1", give_up_verifying=True)  # type: ignore[arg-type]
    except master_keys.KeyStillNeeded as reason:
        found.append(str(reason))
    finally:
        connection.close()


def _wait_until_somebody_waits() -> None:
    for _ in range(1000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            if cursor.fetchone() != (0,):
                return
            cursor.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("nobody waits for the lock")
