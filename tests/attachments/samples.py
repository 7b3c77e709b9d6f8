"""Files of every kind, made here: what is told of a picture says SECRET somewhere, so that a trace of it shows."""

import zipfile
from collections.abc import Iterable
from io import BytesIO
from itertools import cycle
from struct import pack
from typing import Any
from wave import open as open_wave
from zlib import crc32

from PIL import Image, PngImagePlugin

from attachments.inspection import Found, Inspector, clean_name

SECRET = b"SECRET"
WORD = "word/document.xml"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
ODT = "application/vnd.oasis.opendocument.text"


def through(data: bytes, name: str, declared: str | None = None, cuts: Iterable[int] = (65536,)) -> tuple[bytes, Found]:
    """What is stored of `data`, and what was found, when it arrives in pieces of these sizes, over and over."""
    inspector = Inspector(clean_name(name), declared)
    stored, at = [], 0
    for size in cycle(cuts):
        if at >= len(data):
            break
        stored.append(inspector.update(data[at : at + size]))
        at += size
    rest, found = inspector.finish()
    return b"".join([*stored, rest]), found


def noise(width: int = 61, height: int = 43, mode: str = "RGB") -> Image.Image:
    """A picture that no compression makes simple."""
    image = Image.merge("RGB", [Image.effect_noise((width, height), spread) for spread in (30, 60, 90)])
    return image.convert(mode)


def picture(form: str, image: Image.Image | None = None, **options: Any) -> bytes:
    out = BytesIO()
    (image or noise()).save(out, form, **options)
    return out.getvalue()


def animation(form: str, frames: int = 4, **options: Any) -> bytes:
    first, *others = (noise() for _ in range(frames))
    return picture(form, first, save_all=True, append_images=others, duration=40, loop=0, **options)


def exif(orientation: int = 1) -> bytes:
    """What a phone writes: the maker, the place, and which way up it was held."""
    data = Image.Exif()
    data[0x010F] = SECRET.decode()
    data[0x0112] = orientation
    data.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 14.5), 27: SECRET})
    return data.tobytes()


def profile() -> bytes:
    """A colour profile, as far as nobody looks inside."""
    return b"\0\0\2\x18test" + bytes(28) + b"acsp" + bytes(496)


def jpeg(orientation: int = 1, **options: Any) -> bytes:
    """With EXIF and GPS, a comment, XMP, IPTC, a thumbnail in the JFIF header, and something behind the end."""
    data = picture("JPEG", exif=exif(orientation), comment=SECRET, icc_profile=profile(), dpi=(72, 72), **options)
    thumbnail = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\2\1" + SECRET)
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x>" + SECRET + b"</x>")
    iptc = segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\6" + SECRET)
    flash = segment(0xE2, b"FPXR\0" + SECRET)
    return data[:2] + thumbnail + xmp + iptc + flash + data[2:] + SECRET


def segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + pack(">H", len(payload) + 2) + payload


def in_scans(side: int, colours: int = 3) -> bytes:
    """A square JPEG that is not progressive and has a scan for each of its colours (T.81, A.2.3)."""
    grey = picture("JPEG", Image.new("L", (side, side), 128))
    frame, scan = grey.index(b"\xff\xc0"), grey.index(b"\xff\xda")
    numbers = range(1, colours + 1)
    components = bytes([colours]) + b"".join(bytes([number, 0x11, 0]) for number in numbers)
    scans = b"".join(segment(0xDA, bytes([1, number, 0, 0, 63, 0])) + grey[scan + 10 : -2] for number in numbers)
    whole = segment(0xC0, grey[frame + 4 : frame + 9] + components) + grey[frame + 13 : scan] + scans
    return grey[:frame] + whole + grey[-2:]


def png(orientation: int = 1, **options: Any) -> bytes:
    """With EXIF, texts of three sorts, a time, a chunk that somebody made up, and something behind the end."""
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", SECRET.decode())
    texts.add_itxt("XML:com.adobe.xmp", SECRET.decode())
    texts.add_text("Comment", SECRET.decode(), zip=True)
    texts.add(b"prVt", SECRET)
    texts.add(b"tIME", b"\7\xe9\1\2\3\4\5")
    data = picture("PNG", options.pop("image", None), exif=exif(orientation), pnginfo=texts, **options)
    return data + SECRET


def chunk(kind: bytes, payload: bytes) -> bytes:
    return pack(">I", len(payload)) + kind + payload + pack(">I", crc32(kind + payload))


def gif(data: bytes | None = None) -> bytes:
    """With comments, XMP and a plain text before the end, and something behind it."""
    body = data or picture("GIF", comment=SECRET)
    xmp = b"\x21\xff\x0bXMP DataXMP" + b"<" + SECRET + b">" + b"\1" + bytes(reversed(range(256))) + b"\0"
    comment = b"\x21\xfe\6" + SECRET + b"\0"
    text = b"\x21\1\x0c" + bytes(12) + b"\6" + SECRET + b"\0"
    return body[:-1] + comment + xmp + text + b"\x3b" + SECRET


def webp(orientation: int = 1, **options: Any) -> bytes:
    """With EXIF and XMP, a chunk that somebody made up, and something behind the end."""
    data = picture("WEBP", exif=exif(orientation), xmp=SECRET, **options)
    body = data[12:] + b"ZZZZ" + pack("<I", 6) + SECRET
    return b"RIFF" + pack("<I", len(body) + 4) + b"WEBP" + body + SECRET


def archive(*entries: tuple[str, bytes], stored: bool = False) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as target:
        for name, content in entries:
            target.writestr(name, content)
    return out.getvalue()


def document(main: str = WORD, *more: tuple[str, bytes]) -> bytes:
    """OOXML; the parts are as empty as they can be."""
    return archive(("[Content_Types].xml", b"<Types/>"), ("_rels/.rels", b"<r/>"), (main, b"<d/>"), *more)


def open_document(mime: str = ODT, *more: tuple[str, bytes]) -> bytes:
    return archive(("mimetype", mime.encode()), ("content.xml", b"<d/>"), *more, stored=True)


def compound(*streams: str, before: int = 0) -> bytes:
    """A compound file (MS-CFB) that lists these streams, `before` sectors behind its head."""
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
    entries = b"".join(_entry(name, 5 if name == "Root Entry" else 2) for name in ("Root Entry", *streams))
    return head + bytes(512 * before) + entries


def _entry(name: str, kind: int) -> bytes:
    encoded = name.encode("utf-16-le") + b"\0\0"
    return encoded.ljust(64, b"\0") + pack("<HB", len(encoded), kind) + bytes(61)


def wav(seconds: float = 1.5) -> bytes:
    out = BytesIO()
    with open_wave(out, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(8000)
        target.writeframes(bytes(int(16000 * seconds)))
    return out.getvalue()


def mp3(frames: int = 100) -> bytes:
    """Silence: MPEG-1 layer III, 128 kbit/s, 44.1 kHz, 417 bytes and 26.12 ms a frame."""
    return (b"\xff\xfb\x90\xc0" + bytes(413)) * frames


def adts(frames: int = 100) -> bytes:
    """AAC in frames of 64 bytes, each 1024 samples at 44.1 kHz."""
    return (b"\xff\xf1\x50\x80\x08\x1f\xfc" + bytes(57)) * frames


def ogg(codec: bytes = b"OpusHead\1\1\0\0\x80\xbb\0\0\0\0\0", seconds: int = 2) -> bytes:
    tags = b"OpusTags" + pack("<I", 0) + pack("<I", 0)
    last = _page(4, 2, seconds * 48000, b"\xf8")
    return _page(2, 0, 0, codec) + _page(0, 1, 0, tags) + last


def _page(flags: int, number: int, position: int, packet: bytes) -> bytes:
    return b"OggS\0" + pack("<BQIIIBB", flags, position, 7, number, 0, 1, len(packet)) + packet


def webm(*codecs: str, doc_type: bytes = b"webm") -> bytes:
    """An EBML head and tracks, as a browser's recorder writes them, then a cluster without an end."""
    tracks = b"".join(b"\xae" + _sized(b"\x86" + _sized(codec.encode())) for codec in codecs)
    head = b"\x1a\x45\xdf\xa3" + _sized(b"\x42\x82" + _sized(doc_type))
    return head + b"\x18\x53\x80\x67\1\xff\xff\xff\xff\xff\xff\xff\x16\x54\xae\x6b" + _sized(tracks) + bytes(9000)


def _sized(payload: bytes) -> bytes:
    return bytes([0x80 | len(payload)]) + payload


def mp4(brand: bytes = b"isom", *handlers: bytes, seconds: int = 3, moov_first: bool = True) -> bytes:
    mvhd = box(b"mvhd", bytes(12) + pack(">II", 1000, seconds * 1000) + bytes(80))
    moov = box(b"moov", mvhd + b"".join(_track(handler, seconds) for handler in handlers))
    media = box(b"mdat", bytes(20_000))
    return box(b"ftyp", brand + bytes(4) + brand) + (moov + media if moov_first else media + moov)


def _track(handler: bytes, seconds: int) -> bytes:
    mdhd = box(b"mdhd", bytes(12) + pack(">II", 1000, seconds * 1000) + bytes(4))
    entry = box(b"Opus", bytes(28) + box(b"dOps", bytes(11)))
    table = box(b"stbl", box(b"stsd", pack(">II", 0, 1) + entry))
    return box(b"trak", box(b"mdia", mdhd + box(b"hdlr", bytes(8) + handler + bytes(13)) + box(b"minf", table)))


def box(kind: bytes, payload: bytes) -> bytes:
    return pack(">I", len(payload) + 8) + kind + payload
