"""Known answers of the byte formats: the same bytes on every machine and in every release.

`manage.py verify_vectors` and the tests run them. If one fails, this build would not open what others sealed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from encryption import files, formats

KEK = bytes(range(0x20))
DEK = bytes(range(0x20, 0x40))
KEK_ID = "k1"
EPOCH = 1
ORG = UUID("99999999-9999-4999-8999-999999999999")
PLACE = formats.Place(
    conversation=UUID("11111111-1111-4111-8111-111111111111"),
    object_id=UUID("22222222-2222-4222-8222-222222222222"),
    sender_id=UUID("33333333-3333-4333-8333-333333333333"),
    revision=0,
    kind="text",
)
WRAP_NONCE = bytes(range(0x0C))
SALT_AND_NONCE = bytes(range(0xA0, 0xAC)) + bytes(range(0xB0, 0xBC))
PLAINTEXT = b"Your lab result is ready."

FILE_KEY = bytes(range(0x40, 0x60))
ATTACHMENT = UUID("44444444-4444-4444-8444-444444444444")
FILE_KEY_NONCE = bytes(range(0x10, 0x1C))
FILE_SALT_AND_NONCE_PREFIX = bytes(range(0x60, 0x80)) + bytes(range(0xC0, 0xC7))
FILE = b"hello attachment"
LONG_FILE = bytes(range(251)) * 523
"""131,273 bytes: two whole chunks and one of 201, no two of which are alike anywhere."""

WRAP_KEY = bytes.fromhex("6184afd55385929098c8129b33baad53b9ca7f03b40d86c009e22225e36393a1")
WRAPPED_DEK = bytes.fromhex(
    "01000102030405060708090a0b56a3002eca82efd52d6783d783552ab0bfe743e034bcc378912fa31d53f382ac"
    "5fae5852826c499df20be2fb4daf4a13"
)
MESSAGE_BLOB = bytes.fromhex(
    "010100000001a0a1a2a3a4a5a6a7a8a9aaabb0b1b2b3b4b5b6b7b8b9babbd88d3a92b71511b623607ecec8ec6425"
    "ee7568ee6cd662daee6f0814ae92315bf85ad4113503087bb8654692cd1f863bc282977e96f5e8938b55bafddadf"
    "7eee4b451bfec179585f26"
)
WRAPPED_FILE_KEY = bytes.fromhex(
    "02101112131415161718191a1be79c337b9d3837eef26fee49c587d1fa36fff3484e994df8e8b52a6fc5109546e61a"
    "a3eef01d07a0d85912976982115d"
)
FILE_OBJECT = bytes.fromhex(
    "4d584131010000010000606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7fc0c1c2c3"
    "c4c5c635fb8c5c609d5892247c47505268ab5fb92cf452580f3aceba540935d6cb4b3b781cdf8619068b773e34d7"
    "9cf7842d142f496eb7d9483fae10dcf6f299c6f1bb"
)
LONG_FILE_OBJECT_SHA256 = bytes.fromhex("72bd8f763954c2f94945d1fc95083886571bdd15ce34c0a80beb8eb939c66f93")


@dataclass(frozen=True)
class Vector:
    """What `compute` has to return, by the code of the running build."""

    name: str
    expected: bytes
    compute: Callable[[], bytes]

    def holds(self) -> bool:
        """Whether this build gives the known answer; refusing to open what must open is a no."""
        try:
            return self.compute() == self.expected
        except formats.Undecryptable:
            return False


def _wrap_key() -> bytes:
    return formats.expand(KEK, formats.WRAP_KEY_INFO)


def _data_key_aad() -> bytes:
    return formats.data_key_aad(ORG, PLACE.conversation, EPOCH, KEK_ID)


def _wrap_data_key() -> bytes:
    wrapped = formats.wrap(AESGCM(_wrap_key()), DEK, _data_key_aad(), predictable=WRAP_NONCE)
    return formats.DATA_KEY_RECORD + wrapped


def _unwrap_data_key() -> bytes:
    wrapped = formats.wrapped_in_record(formats.DATA_KEY_RECORD, WRAPPED_DEK)
    return formats.unwrap(AESGCM(_wrap_key()), wrapped, _data_key_aad())


def _wrap_file_key() -> bytes:
    return files.wrap_file_key(DEK, PLACE.conversation, ATTACHMENT, EPOCH, FILE_KEY, predictable=FILE_KEY_NONCE)


def _unwrap_file_key() -> bytes:
    return files.unwrap_file_key(DEK, PLACE.conversation, ATTACHMENT, EPOCH, WRAPPED_FILE_KEY)


def _seal_file(content: bytes) -> bytes:
    sealer = files.FileSealer(FILE_KEY, PLACE.conversation, ATTACHMENT, predictable=FILE_SALT_AND_NONCE_PREFIX)
    return sealer.header + sealer.update(content) + sealer.finish()


def _open_file() -> bytes:
    header = FILE_OBJECT[: files.HEADER_BYTES]
    opener = files.FileOpener(FILE_KEY, PLACE.conversation, ATTACHMENT, header, len(FILE))
    first, end = opener.object_range(0, len(FILE))
    return b"".join(opener.open([FILE_OBJECT[first:end]], 0, len(FILE)))


VECTORS = (
    Vector("lp", bytes.fromhex("0002000000016100000000"), lambda: formats.lp("a", "")),
    Vector("wrap key", WRAP_KEY, _wrap_key),
    Vector("data key wraps", WRAPPED_DEK, _wrap_data_key),
    Vector("data key unwraps", DEK, _unwrap_data_key),
    Vector(
        "message seals",
        MESSAGE_BLOB,
        lambda: formats.seal(DEK, EPOCH, PLACE, PLAINTEXT, predictable=SALT_AND_NONCE),
    ),
    Vector("message opens", PLAINTEXT, lambda: formats.open_sealed(DEK, PLACE, MESSAGE_BLOB)),
    Vector("file key wraps", WRAPPED_FILE_KEY, _wrap_file_key),
    Vector("file key unwraps", FILE_KEY, _unwrap_file_key),
    Vector("file seals", FILE_OBJECT, lambda: _seal_file(FILE)),
    Vector("file opens", FILE, _open_file),
    Vector("file of three chunks seals", LONG_FILE_OBJECT_SHA256, lambda: sha256(_seal_file(LONG_FILE)).digest()),
)
