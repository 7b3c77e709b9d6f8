"""The byte formats of sealed values and wrapped keys, as pure functions.

All integers are big-endian. `lp` is the one way in which several values become one byte string.

A sealed value (AES-256-GCM, NIST SP 800-38D; HKDF-SHA256, RFC 5869), 78 bytes longer than its plaintext:

    0      1   version = 0x01
    1      1   alg     = 0x01
    2      4   epoch   u32, which key of the conversation
    6      12  salt    random
    18     12  nonce   random
    30     32  commit
    62     n   ciphertext
    62+n   16  GCM tag

    okm = HKDF-SHA256(key, salt=salt, info=lp("mx/msg/1", conversation), 64 bytes);  K, commit = okm[:32], okm[32:]
    aad = lp(blob[0:62], conversation, object id, sender id, u32(revision), kind)

Each value has a key of its own, so a repeated nonce needs 192 equal random bits. GCM alone does not commit to its key:
one ciphertext can be made that opens under two keys with two texts. `commit` closes that.

A wrapped key, always 61 bytes:

    0      1   what it holds: 0x01 data key, 0x02 file key, 0x03 organisation or index key
    1      12  nonce
    13     48  AES-256-GCM(wrap key, key of 32 bytes, aad) with its tag

A file key is wrapped under its conversation's data key: wrap key = HKDF-Expand(data key, "mx/fk-wrap/1"), aad =
lp("mx/fk-wrap/1", conversation, attachment, u32(epoch)). The others are wrapped by a master key, whose wrap key is
HKDF-Expand(master key, "mx/kek/wrap/1").

A canary says which key a master key id stands for: fingerprint = the first 8 bytes of HKDF-Expand(master key,
"mx/kek/fingerprint/1"), and the 32 bytes `CANARY` wrapped by the master key, aad = lp("mx/canary/1", org, master key's
id).

Files have a format of their own, in `encryption.files`. The known answers for all of this are in `encryption.vectors`.
"""

import os
from hmac import compare_digest
from struct import Struct
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from core.errors import AppError

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
HEADER_BYTES = 62
PADDING_STEP = 64

DATA_KEY_RECORD = b"\x01"
FILE_KEY_RECORD = b"\x02"
OTHER_KEY_RECORD = b"\x03"
WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES
RECORD_BYTES = 1 + WRAPPED_BYTES

DATA_KEY_TAG = "mx/dek-wrap/1"
FILE_KEY_TAG = "mx/fk-wrap/1"
INDEX_KEY_TAG = "mx/ik-wrap/1"
AUDIT_KEY_TAG = "mx/ak-wrap/1"
FIELD_KEY_TAG = "mx/sk-wrap/1"
CANARY_TAG = "mx/canary/1"
WRAP_KEY_INFO = b"mx/kek/wrap/1"
FINGERPRINT_INFO = b"mx/kek/fingerprint/1"

CANARY = b"This vault belongs to this key.."
"""No secret: whoever opens it has the key."""

_VERSION_AND_ALG = b"\x01\x01"
_SHA256 = SHA256()
_U32 = Struct(">I")
_HEAD = Struct(">2sI24s")
# lp() of parts whose lengths are fixed, written out for the hot path.
_INFO = Struct(">HI8sI16s")
_AAD = Struct(">HI62sI16sI16sI16sIII")


class Undecryptable(AppError):
    """What is stored cannot be opened: altered, moved to another place, or sealed under another key.

    One error with one text for every reason, so that nothing is learned from which check failed. A list catches it
    for each item and still serves the others.
    """

    status, code, title = 502, "integrity_error", "What is stored here cannot be opened."


class Place(NamedTuple):
    """Where a sealed value belongs. It opens only there: every part is authenticated with the ciphertext.

    `conversation` stops a move to another conversation, `object_id` an exchange of two rows, `sender_id` a change of
    author, `revision` the return of an older text, `kind` a user's text posing as the system's.
    """

    conversation: UUID
    object_id: UUID
    sender_id: UUID
    revision: int
    kind: str


def lp(*parts: bytes | str | UUID) -> bytes:
    """Length-prefixed concatenation: u16 count, then u32 length and bytes of each part. Unambiguous, unlike separators.

    A UUID is its 16 raw bytes, text its UTF-8 bytes.
    """
    encoded = [len(parts).to_bytes(2, "big")]
    for part in parts:
        raw = part.bytes if isinstance(part, UUID) else part.encode() if isinstance(part, str) else part
        encoded += (_U32.pack(len(raw)), raw)
    return b"".join(encoded)


def expand(key: bytes, info: bytes) -> bytes:
    """32 bytes by HKDF-Expand (RFC 5869, SHA-256) of a uniformly random `key`."""
    return HKDFExpand(_SHA256, KEY_BYTES, info).derive(key)


def pad(content: bytes) -> bytes:
    """`u32(length) || content || zeros` up to a multiple of 64, so that sizes show in steps of 64 bytes only."""
    return _U32.pack(len(content)) + content + bytes(-(4 + len(content)) % PADDING_STEP)


def unpad(padded: bytes) -> bytes:
    """The content `pad` was given; raises Undecryptable for anything `pad` does not make."""
    if len(padded) < 4:
        raise Undecryptable
    content = padded[4 : 4 + _U32.unpack_from(padded)[0]]
    if pad(content) != padded:
        raise Undecryptable
    return content


def seal(key: bytes, epoch: int, place: Place, plaintext: bytes, *, predictable: bytes | None = None) -> bytes:
    """The sealed value of `plaintext` (already padded) for `place`, under data key `key` of `epoch` (1 … 2^32-1; 0 for
    values outside conversations).

    `predictable` are 24 bytes of salt and nonce for known-answer tests. Never pass it for anything that is stored:
    a repeat under one key discloses both plaintexts.
    """
    head = _HEAD.pack(_VERSION_AND_ALG, epoch, os.urandom(24) if predictable is None else predictable)
    message_key, commit = _message_key(key, head, place.conversation)
    header = head + commit
    return header + AESGCM(message_key).encrypt(head[18:30], plaintext, _aad(header, place))


def open_sealed(key: bytes, place: Place, blob: bytes) -> bytes:
    """The plaintext of `blob`, when it was sealed under `key` for exactly this `place`; else Undecryptable."""
    if len(blob) < HEADER_BYTES + TAG_BYTES or blob[:2] != _VERSION_AND_ALG:
        raise Undecryptable
    message_key, commit = _message_key(key, blob, place.conversation)
    if not compare_digest(commit, blob[30:HEADER_BYTES]):
        raise Undecryptable
    try:
        return AESGCM(message_key).decrypt(blob[18:30], blob[HEADER_BYTES:], _aad(blob[:HEADER_BYTES], place))
    except InvalidTag:
        raise Undecryptable from None


def blob_epoch(blob: bytes | memoryview) -> int:
    """The epoch that a sealed value names, not authenticated yet; raises Undecryptable when it is no sealed value."""
    if len(blob) < HEADER_BYTES + TAG_BYTES or blob[:2] != _VERSION_AND_ALG:
        raise Undecryptable
    epoch: int = _U32.unpack_from(blob, 2)[0]
    return epoch


def _message_key(key: bytes, blob: bytes, conversation: UUID) -> tuple[bytes, bytes]:
    info = _INFO.pack(2, 8, b"mx/msg/1", 16, conversation.bytes)
    okm = HKDF(_SHA256, 64, blob[6:18], info).derive(key)
    return okm[:32], okm[32:]


def _aad(header: bytes, place: Place) -> bytes:
    conversation, object_id, sender_id, revision, kind = place
    raw_kind = kind.encode()
    fixed = _AAD.pack(
        6, 62, header, 16, conversation.bytes, 16, object_id.bytes, 16, sender_id.bytes, 4, revision, len(raw_kind)
    )
    return fixed + raw_kind


def data_key_aad(org: UUID, conversation: UUID, epoch: int, kek_id: str) -> bytes:
    """What a wrapped data key is bound to."""
    return lp(DATA_KEY_TAG, org, conversation, _U32.pack(epoch), kek_id)


def file_key_aad(conversation: UUID, attachment: UUID, epoch: int) -> bytes:
    """What a wrapped file key is bound to; `epoch` names the data key that wraps it."""
    return lp(FILE_KEY_TAG, conversation, attachment, _U32.pack(epoch))


def other_key_aad(tag: str, org: UUID, conversation: UUID | None, kek_id: str) -> bytes:
    """What a wrapped index key (of one conversation) or organisation key (of none) is bound to."""
    return lp(tag, org, conversation or b"", kek_id)


def canary_aad(org: UUID, kek_id: str) -> bytes:
    """What the sealed constant of a canary is bound to."""
    return lp(CANARY_TAG, org, kek_id)


def wrap(wrap_key: AESGCM, secret: bytes, aad: bytes, *, predictable: bytes | None = None) -> bytes:
    """Nonce, ciphertext and tag of `secret`. `predictable` is the nonce, for known-answer tests only."""
    nonce = os.urandom(NONCE_BYTES) if predictable is None else predictable
    return nonce + wrap_key.encrypt(nonce, secret, aad)


def unwrap(wrap_key: AESGCM, wrapped: bytes, aad: bytes) -> bytes:
    """What `wrap` was given under the same key and aad; else Undecryptable."""
    if len(wrapped) < NONCE_BYTES + TAG_BYTES:
        raise Undecryptable
    try:
        return wrap_key.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], aad)
    except InvalidTag:
        raise Undecryptable from None


def wrapped_in_record(what: bytes, record: bytes) -> bytes:
    """The wrapped key inside a 61-byte record that says it holds `what`; else Undecryptable."""
    if len(record) != RECORD_BYTES or record[:1] != what:
        raise Undecryptable
    return record[1:]
