"""Archives that somebody might upload, most of them in bad faith. Made here: nothing of them lies in the repository."""

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from functools import cache

MIB = 2**20

_DOCX = {
    "[Content_Types].xml": b'<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
    b'content-types"><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" '
    b'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
    "_rels/.rels": b'<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
    b'relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
    b'officeDocument" Target="word/document.xml"/></Relationships>',
    "word/document.xml": b'<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/'
    b'wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>Discharge letter</w:t></w:r></w:p></w:body></w:document>',
}


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def docx(**more: bytes) -> bytes:
    """A document of Word's, with these files in its folder of media."""
    return zipped(_DOCX | {f"word/media/{name}.bin": content for name, content in more.items()})


def crowded(entries: int) -> bytes:
    """So many files in one archive."""
    return zipped({f"{number}.txt": b"%d" % number for number in range(entries)})


@cache
def bomb() -> bytes:
    """Some 10 KB that unfold to 4 GiB: four times a GiB of zeros, packed twice."""
    inner = io.BytesIO()
    packed = zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED)
    with packed as archive, archive.open("zeros", "w") as zeros:
        for _ in range(1024):
            zeros.write(bytes(MIB))
    return zipped({f"{number}.zip": inner.getvalue() for number in range(4)})


def with_zip64(content: bytes) -> bytes:
    """An archive whose one small file has its size where only readers of ZIP64 look."""
    buffer = io.BytesIO()
    packed = zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED)
    with packed as archive, archive.open("letter.txt", "w", force_zip64=True) as entry:
        entry.write(content)
    return buffer.getvalue()


def encrypted(name: str, content: bytes, password: bytes) -> bytes:
    """An archive with one stored file, encrypted the traditional way of PKWARE (APPNOTE 6.1)."""
    crc = zlib.crc32(content)
    sealed = _pkware(os.urandom(11) + bytes([crc >> 24]) + content, password)
    # Version, flags (encrypted), method (stored), time, date, CRC, both sizes, length of the name, of what is extra.
    common = struct.pack("<HHHHHIIIHH", 20, 1, 0, 0, 0x21, crc, len(sealed), len(content), len(name), 0)
    local = b"PK\x03\x04" + common + name.encode() + sealed
    central = b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name.encode()
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end


def _pkware(plain: bytes, password: bytes) -> bytes:
    table = [_crc_of(byte) for byte in range(256)]
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte: int) -> None:
        keys[0] = table[(keys[0] ^ byte) & 0xFF] ^ (keys[0] >> 8)
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = table[(keys[2] ^ (keys[1] >> 24)) & 0xFF] ^ (keys[2] >> 8)

    for byte in password:
        update(byte)
    sealed = bytearray()
    for byte in plain:
        mask = (keys[2] & 0xFFFF) | 2
        sealed.append(byte ^ ((mask * (mask ^ 1)) >> 8 & 0xFF))
        update(byte)
    return bytes(sealed)


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (0xEDB88320 if byte & 1 else 0)
    return byte
