"""The byte formats: known answers, and the refusal of everything that was changed (T090-T092, T096-T098, T100)."""

import hmac
import os
import struct
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from encryption import formats, vectors
from encryption.formats import Place, Undecryptable

pytestmark = [pytest.mark.core, pytest.mark.no_database]

KEY = os.urandom(32)
PLACE = Place(uuid4(), uuid4(), uuid4(), 0, "text")


def bit_flips(blob: bytes) -> list[bytes]:
    """`blob` with one bit turned, for every bit."""
    return [
        blob[:index] + bytes([blob[index] ^ 1 << bit]) + blob[index + 1 :]
        for index in range(len(blob))
        for bit in range(8)
    ]


def refused(attempt: Callable[[], object]) -> bool:
    """Whether `attempt` ends in the one error with the one text."""
    try:
        attempt()
    except Undecryptable as error:
        return error.as_reply() == {"code": "integrity_error", "detail": "What is stored here cannot be opened."}
    return False


# T097


@pytest.mark.parametrize("vector", vectors.VECTORS, ids=lambda vector: vector.name)
def test_every_known_answer_holds(vector: vectors.Vector) -> None:
    assert vector.compute() == vector.expected


def built_by_hand(place: Place, epoch: int, text: bytes, random: bytes, commit: bytes | None = None) -> bytes:
    """A sealed value from nothing but HMAC and AES-GCM, by the text of the format; with another commitment if given."""
    info = b"\0\2" + struct.pack(">I", 8) + b"mx/msg/1" + struct.pack(">I", 16) + place.conversation.bytes
    prk = hmac.digest(random[:12], KEY, "sha256")
    message_key = hmac.digest(prk, info + b"\1", "sha256")
    commitment = hmac.digest(prk, message_key + info + b"\2", "sha256") if commit is None else commit
    header = b"\1\1" + struct.pack(">I", epoch) + random + commitment
    ids = (place.conversation.bytes, place.object_id.bytes, place.sender_id.bytes)
    parts = (header, *ids, struct.pack(">I", place.revision), place.kind.encode())
    aad = b"\0\6" + b"".join(struct.pack(">I", len(part)) + part for part in parts)
    return header + AESGCM(message_key).encrypt(random[12:], text, aad)


def test_a_value_is_built_from_its_parts_as_documented() -> None:
    place, random = PLACE._replace(revision=3, kind="kind ü"), os.urandom(24)
    assert formats.seal(KEY, 7, place, b"text", predictable=random) == built_by_hand(place, 7, b"text", random)


def test_expand_is_hkdf_expand() -> None:
    assert formats.expand(KEY, b"purpose") == hmac.digest(KEY, b"purpose\1", "sha256")


# Length-prefixed concatenation


def test_lp_takes_a_uuid_as_its_raw_bytes_and_text_as_utf_8() -> None:
    assert formats.lp(PLACE.object_id, "ü") == formats.lp(PLACE.object_id.bytes, "ü".encode())


@given(st.lists(st.binary(max_size=8), max_size=5), st.lists(st.binary(max_size=8), max_size=5))
def test_lp_is_unambiguous(some: list[bytes], others: list[bytes]) -> None:
    assert (formats.lp(*some) == formats.lp(*others)) == (some == others)


# Padding


@given(st.binary(max_size=300))
def test_padding_comes_off_again_and_shows_sizes_in_steps_of_64(content: bytes) -> None:
    padded = formats.pad(content)
    assert formats.unpad(padded) == content
    assert len(padded) % 64 == 0
    assert len(padded) - len(content) - 4 < 64


@pytest.mark.parametrize(
    "padded",
    [
        b"",
        b"\0\0\0",
        b"\0\0\0\1" + bytes(59),
        b"\0\0\0\1" + bytes(124),
        b"\0\0\0\1x" + bytes(58) + b"y",
        b"\0\0\0\x3d" + bytes(60),
        b"\xff\xff\xff\xff" + bytes(60),
    ],
    ids=["empty", "no length", "short", "a step too long", "not zeros", "longer than itself", "huge"],
)
def test_what_pad_does_not_make_is_refused(padded: bytes) -> None:
    assert refused(lambda: formats.unpad(padded))


# Sealed values


def test_what_was_sealed_opens_in_its_place() -> None:
    blob = formats.seal(KEY, 3, PLACE, b"K<3.5 and Na>145")
    assert formats.open_sealed(KEY, PLACE, blob) == b"K<3.5 and Na>145"
    assert formats.blob_epoch(blob) == formats.blob_epoch(memoryview(blob)) == 3
    assert len(blob) == 78 + len(b"K<3.5 and Na>145")


def test_an_empty_value_can_be_sealed() -> None:
    assert formats.open_sealed(KEY, PLACE, formats.seal(KEY, 1, PLACE, b"")) == b""


def test_every_single_turned_bit_is_refused() -> None:
    """T090, T098: header, salt, nonce, commit, ciphertext and tag alike."""
    blob = formats.seal(KEY, 1, PLACE, b"Your lab result is ready.")
    flipped = bit_flips(blob)
    assert len(flipped) == 103 * 8
    assert all(refused(partial(formats.open_sealed, KEY, PLACE, changed)) for changed in flipped)


@pytest.mark.parametrize(
    "change",
    [
        {"conversation": uuid4()},
        {"object_id": uuid4()},
        {"sender_id": uuid4()},
        {"revision": 1},
        {"kind": "system"},
        {"kind": ""},
        {"object_id": PLACE.sender_id, "sender_id": PLACE.object_id},
    ],
    ids=["conversation", "object", "sender", "revision", "kind", "no kind", "object and sender exchanged"],
)
def test_a_value_opens_nowhere_else(change: dict[str, Any]) -> None:
    """T090-T092: moved to another conversation or row, another author, another revision, posing as the system."""
    blob = formats.seal(KEY, 1, PLACE, b"text")
    assert refused(lambda: formats.open_sealed(KEY, PLACE._replace(**change), blob))


def test_an_older_revision_does_not_come_back() -> None:
    """T092: the blob of before an edit opens neither as the new revision nor the new one as the old."""
    edited = PLACE._replace(revision=1)
    before, after = formats.seal(KEY, 1, PLACE, b"10 mg"), formats.seal(KEY, 1, edited, b"1 mg")
    assert refused(lambda: formats.open_sealed(KEY, edited, before))
    assert refused(lambda: formats.open_sealed(KEY, PLACE, after))


def test_another_key_opens_nothing() -> None:
    """T098"""
    blob = formats.seal(KEY, 1, PLACE, b"text")
    assert refused(lambda: formats.open_sealed(os.urandom(32), PLACE, blob))


@pytest.mark.parametrize("size", [0, 1, 61, 62, 77, 78, 102])
def test_a_cut_value_is_refused(size: int) -> None:
    blob = formats.seal(KEY, 1, PLACE, b"Your lab result is ready.")
    assert refused(lambda: formats.open_sealed(KEY, PLACE, blob[:size]))


def test_an_extended_value_is_refused() -> None:
    blob = formats.seal(KEY, 1, PLACE, b"text")
    assert refused(lambda: formats.open_sealed(KEY, PLACE, blob + b"\0"))


def test_the_key_commitment_is_checked_even_when_the_cipher_agrees() -> None:
    """T098: GCM alone lets one ciphertext open under two keys. Here everything is right but the commitment."""
    random = os.urandom(24)
    assert formats.open_sealed(KEY, PLACE, built_by_hand(PLACE, 1, b"text", random)) == b"text"
    assert refused(lambda: formats.open_sealed(KEY, PLACE, built_by_hand(PLACE, 1, b"text", random, commit=bytes(32))))


@pytest.mark.parametrize("blob", [b"", b"\1\1\0\0\0\1", b"\2\1" + bytes(76), b"\1\2" + bytes(76)])
def test_the_epoch_of_something_else_is_refused(blob: bytes) -> None:
    assert refused(lambda: formats.blob_epoch(blob))


def test_salt_and_nonce_never_repeat_and_the_same_text_never_looks_the_same() -> None:
    """T096, T100"""
    blobs = {formats.seal(KEY, 1, PLACE, b"the same text") for _ in range(20_000)}
    assert len({blob[6:18] for blob in blobs}) == len({blob[18:30] for blob in blobs}) == 20_000
    assert len({blob[62:-16] for blob in blobs}) == 20_000
    assert {blob[:6] for blob in blobs} == {b"\1\1\0\0\0\1"}


# Wrapped keys

WRAP_KEY = AESGCM(os.urandom(32))
ORG = uuid4()


def wrap(aad: bytes) -> bytes:
    return formats.wrap(WRAP_KEY, KEY, aad)


def test_a_wrapped_key_is_a_record_of_61_bytes() -> None:
    aad = formats.data_key_aad(ORG, PLACE.conversation, 1, "k1")
    record = formats.DATA_KEY_RECORD + wrap(aad)
    assert len(record) == 61
    assert formats.unwrap(WRAP_KEY, formats.wrapped_in_record(formats.DATA_KEY_RECORD, record), aad) == KEY


def test_every_single_turned_bit_of_a_wrapped_key_is_refused() -> None:
    aad = formats.data_key_aad(ORG, PLACE.conversation, 1, "k1")

    def opened(record: bytes) -> bytes:
        return formats.unwrap(WRAP_KEY, formats.wrapped_in_record(formats.DATA_KEY_RECORD, record), aad)

    flipped = bit_flips(formats.DATA_KEY_RECORD + wrap(aad))
    assert len(flipped) == 61 * 8
    assert all(refused(partial(opened, changed)) for changed in flipped)


@pytest.mark.parametrize("size", [0, 1, 28, 60, 62])
def test_a_record_of_another_size_is_refused(size: int) -> None:
    assert refused(lambda: formats.wrapped_in_record(formats.OTHER_KEY_RECORD, b"\3" + bytes(size)[1:]))


def test_a_wrapped_key_too_short_for_its_nonce_and_tag_is_refused() -> None:
    assert refused(lambda: formats.unwrap(WRAP_KEY, bytes(27), b""))


def places_of_keys() -> list[bytes]:
    """Every place that differs in one thing from that of a data key, and those of the other keys."""
    other = UUID(int=PLACE.conversation.int ^ 1)
    tags = (formats.INDEX_KEY_TAG, formats.AUDIT_KEY_TAG, formats.FIELD_KEY_TAG)
    return [
        formats.data_key_aad(ORG, PLACE.conversation, 1, "k1"),
        formats.data_key_aad(uuid4(), PLACE.conversation, 1, "k1"),
        formats.data_key_aad(ORG, other, 1, "k1"),
        formats.data_key_aad(ORG, PLACE.conversation, 2, "k1"),
        formats.data_key_aad(ORG, PLACE.conversation, 1, "k2"),
        *(formats.other_key_aad(tag, ORG, PLACE.conversation, "k1") for tag in tags),
        *(formats.other_key_aad(tag, ORG, None, "k1") for tag in tags),
        *(formats.other_key_aad(tag, ORG, None, "k2") for tag in tags),
    ]


def test_a_wrapped_key_opens_in_no_other_place() -> None:
    places = places_of_keys()
    assert len(set(places)) == len(places)
    for place in places:
        wrapped = wrap(place)
        assert formats.unwrap(WRAP_KEY, wrapped, place) == KEY
        others = [other for other in places if other != place]
        assert all(refused(partial(formats.unwrap, WRAP_KEY, wrapped, other)) for other in others)


def test_what_an_organisation_key_is_bound_to_is_as_documented() -> None:
    aad = formats.other_key_aad(formats.FIELD_KEY_TAG, ORG, None, "k1")
    assert aad == formats.lp("mx/sk-wrap/1", ORG, "", "k1")
