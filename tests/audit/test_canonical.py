"""The bytes of an entry, against the published vector and against another writer of JSON."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import canonical
from audit.canonical import Fields
from encryption.formats import expand

pytestmark = [pytest.mark.no_database, pytest.mark.core]

MASTER_KEY = bytes(range(32))
ORG = UUID("99999999-9999-4999-8999-999999999999")
TEXT = (
    b'{"action":"message.created","actor":"33333333-3333-4333-8333-333333333333",'
    b'"conv":"11111111-1111-4111-8111-111111111111","id":"44444444-4444-4444-8444-444444444444","kid":"k1",'
    b'"object":"22222222-2222-4222-8222-222222222222",'
    b'"object_h":"0000000000000000000000000000000000000000000000000000000000000000",'
    b'"outcome":"allow","ts":"2026-01-02T03:04:05.678901Z","v":1}'
)
MAC = bytes.fromhex("850ce76be9851f6c061884190f817bca369170e80fb089b27d9fe8a6d4e9aa4d")
LEAF = bytes.fromhex("291c98f4d0559c28a8bfafd8b951411e18ed7f0ceefc4b28a964bb2af2f567a6")
GENESIS = bytes.fromhex("e6508ad9515f9f666b89675682406b31a3140cd678912455f5fe6c061f4a8f6d")
FIRST = bytes.fromhex("091202a62e7678dd53b6a460616095885925d7aff4f0d16398f3b068669538cb")


def fields(**changes: Any) -> Fields:
    return Fields(
        action="message.created",
        actor="33333333-3333-4333-8333-333333333333",
        actor_role=None,
        conv="11111111-1111-4111-8111-111111111111",
        detail_h=None,
        id="44444444-4444-4444-8444-444444444444",
        ip_h=None,
        kid="k1",
        object="22222222-2222-4222-8222-222222222222",
        object_h="00" * 32,
        outcome="allow",
        reason=None,
        session=None,
        ts="2026-01-02T03:04:05.678901Z",
        v=1,
    )._replace(**changes)


def test_the_canonical_text_is_that_of_the_vector() -> None:
    assert canonical.canonical(fields()) == TEXT


def test_mac_leaf_and_chain_are_those_of_the_vector() -> None:
    mac = canonical.mac(expand(MASTER_KEY, canonical.MAC_INFO), TEXT)
    leaf = canonical.leaf(TEXT, mac)
    assert (mac, leaf) == (MAC, LEAF)
    assert canonical.genesis(ORG) == GENESIS
    assert canonical.link(GENESIS, 1, leaf) == FIRST


def test_keys_stand_in_order_whatever_is_absent() -> None:
    everything = fields(actor_role="patient", detail_h="11" * 32, ip_h="22" * 32, reason="not_found", session="s")
    assert list(Fields._fields) == sorted(Fields._fields)
    assert list(json.loads(canonical.canonical(everything))) == sorted(Fields._fields)


def test_what_is_absent_is_left_out_and_empty_counts_as_absent() -> None:
    assert canonical.canonical(fields(reason="", session="")) == TEXT


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_reason_is_written_as_every_writer_of_canonical_json_writes_it(reason: str) -> None:
    expected = {name: value for name, value in fields(reason=reason)._asdict().items() if value}
    written = json.dumps(expected, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert canonical.canonical(fields(reason=reason)) == written


def test_a_time_always_has_six_decimals_and_is_utc() -> None:
    noon = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
    assert canonical.timestamp(noon) == "2026-01-02T12:00:00.000000Z"
    assert canonical.timestamp(noon.astimezone(timezone(timedelta(hours=5)))) == "2026-01-02T12:00:00.000000Z"
