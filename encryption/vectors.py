"""Known answers of the byte formats: the same bytes on every machine and in every release.

`manage.py verify_vectors` and the tests run them. If one fails, this build would not open what others sealed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from encryption import formats

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
)
