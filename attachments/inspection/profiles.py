"""Colour profiles (ICC.1:2022). A picture keeps its own; what only calls itself one could say anything."""

PROFILE_HEAD_BYTES = 40
_SIGNATURE, _SIGNATURE_AT = b"acsp", 36


def profile_size(start: bytes) -> int | None:
    """How long the profile is that begins with these bytes, of which PROFILE_HEAD_BYTES are enough (7.2); None when it
    is none."""
    if start[_SIGNATURE_AT:PROFILE_HEAD_BYTES] != _SIGNATURE:
        return None
    return int.from_bytes(start[:4], "big")
