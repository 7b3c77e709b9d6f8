"""Whatever somebody who can write to the storage makes of an object is refused, and nothing wrong is given out (T085).

Who reads a file asks the storage for the object's size first (`require_stored_size`), then reads. Most changes here
keep the size, or are read without asking for it, so that the chunks alone have to tell.
"""

import os
from collections.abc import Callable, Iterator
from itertools import permutations
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encryption.files import CHUNK, HEADER_BYTES, TAG_BYTES, sealed_size
from encryption.formats import Undecryptable
from tests.encryption.objects import BORDERS, CONTENT, File, built_by_hand, chunks_of

pytestmark = pytest.mark.no_database

FILE = File(CONTENT)
SEALED = FILE.sealed()
HEADER = SEALED[:HEADER_BYTES]
CHUNKS = chunks_of(SEALED)
WHOLE = File(CONTENT[: 4 * CHUNK])
"""Of four chunks that are all of one length, so that a size shows none of what is done to them."""
OBJECTS = [WHOLE.sealed(), WHOLE.sealed(), WHOLE._replace(attachment=uuid4()).sealed()]
"""Two of that file, and one of another with the same content under the same key."""


def refused(attempt: Callable[[], object]) -> bool:
    """Whether `attempt` ends in the one error with the one text."""
    try:
        attempt()
    except Undecryptable as error:
        return error.as_reply() == {"code": "integrity_error", "detail": "What is stored here cannot be opened."}
    return False


def given_out(reading: Iterator[bytes]) -> bytes | None:
    """What a reader has got when the refusal comes; None when there is no refusal."""
    out: list[bytes] = []
    return b"".join(out) if refused(lambda: out.extend(reading)) else None


def size_is_refused(file: File, sealed: bytes) -> bool:
    return refused(lambda: file.opener(sealed).require_stored_size(len(sealed)))


def flip(data: bytes, at: int, bit: int = 0) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def test_the_object_itself_is_not_refused() -> None:
    """What all refusals here are measured against."""
    assert b"".join(FILE.reading(SEALED)) == CONTENT
    assert not size_is_refused(FILE, SEALED)


# Bytes


@pytest.mark.parametrize("at", range(HEADER_BYTES))
def test_every_bit_of_the_header_counts(at: int) -> None:
    for bit in range(8):
        assert given_out(FILE.reading(flip(SEALED, at, bit))) == b""


@given(st.integers(HEADER_BYTES, len(SEALED) - 1), st.integers(0, 7))
@settings(deadline=None)
def test_a_turned_bit_spoils_its_chunk_and_nothing_before(at: int, bit: int) -> None:
    number = (at - HEADER_BYTES) // (CHUNK + TAG_BYTES)
    changed = flip(SEALED, at, bit)
    assert given_out(FILE.reading(changed)) == CONTENT[: number * CHUNK]
    assert given_out(FILE.reading(changed, number * CHUNK, number * CHUNK + 1)) == b""


@pytest.mark.parametrize("number", range(len(CHUNKS)))
def test_the_first_and_last_byte_and_the_tag_of_every_chunk_count(number: int) -> None:
    chunk = CHUNKS[number]
    for at in (0, len(chunk) - TAG_BYTES - 1, *range(len(chunk) - TAG_BYTES, len(chunk))):
        changed = HEADER + b"".join([*CHUNKS[:number], flip(chunk, at), *CHUNKS[number + 1 :]])
        assert given_out(FILE.reading(changed)) == CONTENT[: number * CHUNK]


# Truncated


@pytest.mark.parametrize("size", [0, 1, HEADER_BYTES - 1])
def test_an_object_without_its_header_is_refused(size: int) -> None:
    assert given_out(FILE.reading(SEALED[:size])) == b""


@given(st.integers(HEADER_BYTES, len(SEALED) - 1))
@settings(deadline=None)
def test_a_cut_object_is_refused_by_its_size_and_by_its_end(size: int) -> None:
    assert size_is_refused(FILE, SEALED[:size])
    left = (size - HEADER_BYTES) // (CHUNK + TAG_BYTES)
    assert given_out(FILE.reading(SEALED[:size])) == CONTENT[: left * CHUNK]


@pytest.mark.parametrize("left", range(1, len(CHUNKS)))
def test_a_file_cannot_end_at_a_border_of_chunks(left: int) -> None:
    """Even when the size that is remembered of the file was cut with it: the chunk there is not sealed as the last."""
    cut = SEALED[: HEADER_BYTES + left * (CHUNK + TAG_BYTES)]
    assert len(cut) == sealed_size(left * CHUNK)
    assert given_out(FILE.reading(cut, size=left * CHUNK)) == CONTENT[: (left - 1) * CHUNK]


@pytest.mark.parametrize("size", [size for size in BORDERS if size] + [len(CONTENT) - 1, len(CONTENT) + 1, 5 * CHUNK])
def test_a_file_of_another_size_is_refused(size: int) -> None:
    assert given_out(FILE.reading(SEALED, size=size)) is not None


@pytest.mark.parametrize("size", [-1, -CHUNK, 2**48 + 1, 2**63])
def test_a_size_that_no_file_has_is_refused(size: int) -> None:
    assert refused(lambda: FILE.opener(SEALED, size))


# Extended


@pytest.mark.parametrize("more", [b"\0", CHUNKS[-1], CHUNKS[0], SEALED], ids=["byte", "last", "first", "itself"])
def test_a_lengthened_object_is_refused(more: bytes) -> None:
    assert size_is_refused(FILE, SEALED + more)
    longer = len(CONTENT) + len(more)
    assert given_out(FILE.reading(SEALED + more, size=longer)) == CONTENT[: 4 * CHUNK]


@pytest.mark.parametrize(("start", "stop"), [(0, len(CONTENT)), (CHUNK, 2 * CHUNK), (0, 1)])
def test_a_storage_that_gives_more_than_was_asked_for_is_refused(start: int, stop: int) -> None:
    """Before the last chunk: a reader that has got everything it expects does not look for an error behind it."""
    opener = FILE.opener(SEALED)
    first, end = opener.object_range(start, stop)
    last = (stop - 1) // CHUNK * CHUNK
    for more in ([b"x"], [b"", b"x"], [SEALED]):
        assert given_out(opener.open([SEALED[first:end], *more], start, stop)) == CONTENT[start:last]
        assert given_out(opener.open([SEALED[first:end] + b"".join(more)], start, stop)) == CONTENT[start:last]
    assert b"".join(opener.open([b"", SEALED[first:end], b"", b""], start, stop)) == CONTENT[start:stop]


# Reordered, duplicated


def test_chunks_in_every_other_order_are_refused() -> None:
    sealed = WHOLE.sealed()
    chunks = chunks_of(sealed)
    for order in permutations(range(4)):
        changed = sealed[:HEADER_BYTES] + b"".join(chunks[number] for number in order)
        right = next((at for at, number in enumerate(order) if at != number), None)
        assert given_out(WHOLE.reading(changed)) == (None if right is None else CONTENT[: right * CHUNK])


def test_a_chunk_in_the_place_of_another_is_refused() -> None:
    sealed = WHOLE.sealed()
    chunks = chunks_of(sealed)
    for number, place in permutations(range(4), 2):
        changed = sealed[:HEADER_BYTES] + b"".join([*chunks[:place], chunks[number], *chunks[place + 1 :]])
        assert given_out(WHOLE.reading(changed)) == CONTENT[: place * CHUNK]


@pytest.mark.parametrize("number", range(4))
def test_a_chunk_that_comes_twice_is_refused(number: int) -> None:
    doubled = HEADER + b"".join([*CHUNKS[: number + 1], *CHUNKS[number:]])
    assert size_is_refused(FILE, doubled)
    assert given_out(FILE.reading(doubled, size=len(CONTENT) + CHUNK)) == CONTENT[: (number + 1) * CHUNK]


@pytest.mark.parametrize("number", range(4))
def test_a_chunk_that_is_left_out_is_refused(number: int) -> None:
    without = HEADER + b"".join([*CHUNKS[:number], *CHUNKS[number + 1 :]])
    assert size_is_refused(FILE, without)
    assert given_out(FILE.reading(without, size=len(CONTENT) - CHUNK)) == CONTENT[: number * CHUNK]


# Spliced, swapped


@pytest.mark.parametrize("number", range(len(CHUNKS)))
def test_a_chunk_of_another_object_is_refused(number: int) -> None:
    """Even of the same file, sealed again under the same key: each object has a key of its own."""
    foreign = chunks_of(FILE.sealed())
    spliced = HEADER + b"".join([*CHUNKS[:number], foreign[number], *CHUNKS[number + 1 :]])
    assert given_out(FILE.reading(spliced)) == CONTENT[: number * CHUNK]
    ended = HEADER + b"".join([*CHUNKS[:number], *foreign[number:]])
    assert given_out(FILE.reading(ended)) == CONTENT[: number * CHUNK]


def test_the_header_of_another_object_is_refused() -> None:
    assert given_out(FILE.reading(FILE.sealed()[:HEADER_BYTES] + b"".join(CHUNKS))) == b""


@pytest.mark.parametrize(
    "other",
    [
        FILE._replace(attachment=uuid4()),
        FILE._replace(conversation=uuid4()),
        FILE._replace(key=os.urandom(32)),
        FILE._replace(conversation=FILE.attachment, attachment=FILE.conversation),
    ],
    ids=["another file", "another conversation", "another key", "ids exchanged"],
)
def test_the_object_of_another_file_is_refused(other: File) -> None:
    """T085, T090: replaced in the storage, or moved to another conversation, in either direction."""
    assert given_out(FILE.reading(other.sealed())) == b""
    assert given_out(other.reading(SEALED)) == b""


def test_a_file_and_its_thumbnail_are_two_objects_under_one_key() -> None:
    thumbnail = FILE._replace(attachment=UUID(int=FILE.attachment.int ^ 1))
    assert b"".join(thumbnail.reading(thumbnail.sealed())) == CONTENT
    assert given_out(thumbnail.reading(SEALED)) == given_out(FILE.reading(thumbnail.sealed())) == b""


# Anything


@given(
    st.sampled_from([sealed[:HEADER_BYTES] for sealed in OBJECTS]),
    st.lists(st.sampled_from([chunk for sealed in OBJECTS for chunk in chunks_of(sealed)]), max_size=6),
)
@settings(deadline=None)
def test_nothing_that_can_be_made_of_pieces_passes_for_another_file(header: bytes, chunks: list[bytes]) -> None:
    made = header + b"".join(chunks)
    out = given_out(WHOLE.reading(made))
    if out is None:
        assert size_is_refused(WHOLE, made) or made in OBJECTS[:2]
    else:
        assert len(out) < len(WHOLE.content)
        assert WHOLE.content.startswith(out)


# The header, made anew by somebody who can compute it


def test_the_key_commitment_is_checked_even_when_the_cipher_agrees() -> None:
    """T098: GCM alone lets one ciphertext open under two keys. Here everything is right but the commitment."""
    random = os.urandom(39)
    assert b"".join(FILE.reading(built_by_hand(FILE, random))) == CONTENT
    assert given_out(FILE.reading(built_by_hand(FILE, random, commit=bytes(32)))) == b""


@pytest.mark.parametrize(
    "fixed",
    [b"MXA2\1\0\0\1\0\0", b"MXA1\2\0\0\1\0\0", b"MXA1\1\1\0\1\0\0", b"MXA1\1\0\0\0\x80\0", b"MXA1\1\0\0\0\0\0"],
    ids=["magic", "version", "flags", "chunk", "no chunk"],
)
def test_another_version_of_the_format_is_refused(fixed: bytes) -> None:
    assert given_out(FILE.reading(built_by_hand(FILE, os.urandom(39), fixed))) == b""
