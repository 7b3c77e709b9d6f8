"""Which files are taken: content, declared type and name have to agree, and all three have to be on the list."""

import pytest

from attachments.inspection import Inspector, TypeMismatch, UnsupportedFile, clean_name
from tests.attachments.samples import (
    DOCX,
    ODT,
    WORD,
    adts,
    archive,
    box,
    compound,
    document,
    gif,
    jpeg,
    mp3,
    mp4,
    ogg,
    open_document,
    picture,
    png,
    through,
    wav,
    webm,
    webp,
)

pytestmark = [pytest.mark.no_database, pytest.mark.core]

OF_EACH_KIND = [
    ("a.jpg", "image/jpeg", jpeg()),
    ("a.png", "image/png", png()),
    ("a.gif", "image/gif", gif()),
    ("a.webp", "image/webp", webp()),
    ("a.bmp", "image/bmp", picture("BMP")),
    ("a.pdf", "application/pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj"),
    ("a.rtf", "application/rtf", b"{\\rtf1\\ansi hello}"),
    ("a.docx", DOCX, document()),
    ("a.odt", ODT, open_document()),
    ("a.doc", "application/msword", compound("WordDocument")),
    ("a.mp3", "audio/mpeg", mp3()),
    ("a.mp3", "audio/mpeg", b"ID3\4\0\0\0\0\0\x0a" + bytes(10) + mp3()),
    ("a.m4a", "audio/mp4", mp4(b"M4A ", b"soun")),
    ("a.aac", "audio/aac", adts()),
    ("a.wav", "audio/wav", wav()),
    ("a.opus", "audio/ogg", ogg()),
    ("a.webm", "audio/webm", webm("A_OPUS")),
    ("a.flac", "audio/flac", b"fLaC\0\0\0\x22" + bytes(34)),
    ("a.aiff", "audio/aiff", b"FORM\0\0\0\x2eAIFFCOMM" + bytes(38)),
    ("a.amr", "audio/amr", b"#!AMR\n" + bytes(32)),
    ("a.mp4", "video/mp4", mp4(b"isom", b"soun", b"vide")),
    ("a.mov", "video/quicktime", mp4(b"qt  ", b"vide")),
    ("a.3gp", "video/3gpp", mp4(b"3gp4", b"vide")),
    ("a.webm", "video/webm", webm("A_OPUS", "V_VP8")),
    ("a.mkv", "video/x-matroska", webm("V_VP9", doc_type=b"matroska")),
    ("a.ogv", "video/ogg", ogg(b"\x80theora" + bytes(30))),
    ("a.avi", "video/x-msvideo", b"RIFF\0\1\0\0AVI LIST" + bytes(64)),
    ("a.txt", "text/plain", "K<3.5 and Na>145, naïve 漢字\r\n".encode()),
    ("a.csv", "text/csv", b"name,value\nK,3.5\n"),
    ("a.md", "text/markdown", b"# Plan\n"),
    ("a.ics", "text/calendar", b"BEGIN:VCALENDAR\r\n"),
    ("a.vcf", "text/vcard", b"BEGIN:VCARD\r\n"),
    ("a.json", "application/json", b'{"a": 1}'),
]
IDS = [f"{number}-{mime}" for number, (_, mime, _) in enumerate(OF_EACH_KIND)]

# What no test of ours knows, or knows as something that is not taken.
REFUSED = {
    "a program for Windows": b"MZ\x90\0" + bytes(60) + b"PE\0\0" + bytes(9000),
    "a program for Linux": b"\x7fELF\2\1\1" + bytes(9000),
    "a program for macOS": b"\xcf\xfa\xed\xfe" + bytes(64),
    "Java classes": b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(64),
    "WebAssembly": b"\0asm\1\0\0\0",
    "a shortcut": b"L\0\0\0\1\x14\2\0" + bytes(64),
    "a shell script": b"#!/bin/sh\nrm -rf /\n",
    "a batch file": b"@echo off\r\ndel *\r\n",
    "a page": b"<!DOCTYPE html><script>alert(1)</script>",
    "a page after blanks": b"\xef\xbb\xbf \r\n\t<HtMl><body>",
    "a script element": b"<script src=//x></script>",
    "PHP": b"<?php system($_GET[0]);",
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "SVG as XML": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
    "SVG after a comment": b"<!-- harmless --><svg onload='alert(1)'/>",
    "XHTML": b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>",
    "compressed SVG": b"\x1f\x8b\x08\0" + bytes(64),
    "a saved page": b"From: <Saved by Blink>\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related\r\n",
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "settings for Windows": b"Windows Registry Editor Version 5.00\r\n",
    "a link for Windows": b"[InternetShortcut]\r\nURL=file://x\r\n",
    "a program in Python": b"# -*- coding: utf-8 -*-\nimport os\n",
    "a bare archive": archive(("notes.txt", b"x")),
    "an archive with a program": archive(("setup.exe", b"MZ")),
    "an empty archive": archive(),
    "a book, which is pages": archive(("mimetype", b"application/epub+zip"), stored=True),
    "Java archive": archive(("META-INF/MANIFEST.MF", b"x")),
    "RAR": b"Rar!\x1a\x07\1\0" + bytes(64),
    "7z": b"7z\xbc\xaf\x27\x1c" + bytes(64),
    "Photoshop": b"8BPS\0\1" + bytes(64),
    "TIFF": picture("TIFF"),
    "HEIC": box(b"ftyp", b"heic" + bytes(4) + b"mif1heic") + bytes(64),
    "AVIF": box(b"ftyp", b"avif" + bytes(4) + b"mif1avif") + bytes(64),
    "an icon": b"\0\0\1\0\1\0" + bytes(64),
    "text of another encoding": "Müller".encode("latin-1"),
    "text with NUL": b"hello\0world",
    "UTF-16": "hello".encode("utf-16"),
    "noise": bytes(range(256)) * 40,
    "a list of streams": b"RIFF\x10\0\0\0CDDAfmt ",
    "an empty Ogg": b"OggS" + bytes(64),
    "an animated cursor": b"RIFF\x10\0\0\0ACONLIST",
    "one frame of sound": b"\xff\xfb\x90\xc0" + bytes(100),
    "a database": b"SQLite format 3\0" + bytes(64),
}


@pytest.mark.parametrize(("name", "mime", "data"), OF_EACH_KIND, ids=IDS)
def test_each_kind_on_the_list_is_known_by_its_content(name: str, mime: str, data: bytes) -> None:
    """Declared or not, with a name that says it or without one, in one piece or byte after byte."""
    found = through(data, name, mime)[1].kind
    assert found.mime == mime
    assert through(data, name, None)[1].kind == found
    assert through(data, name, "application/octet-stream", cuts=[1, 2, 3])[1].kind == found
    assert through(data, "blob", f"{mime.upper()};codecs=x")[1].kind.mime == mime


@pytest.mark.parametrize(("name", "mime", "data"), OF_EACH_KIND, ids=IDS)
def test_whatever_is_no_picture_is_stored_byte_for_byte(name: str, mime: str, data: bytes) -> None:
    stored, found = through(data, name, mime, cuts=[1000, 1, 37])
    assert stored == data or found.kind.decodes


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_on_the_list_is_refused(content: bytes) -> None:
    """T080, T083: under a name that says nothing, and without a type."""
    with pytest.raises(UnsupportedFile) as refused:
        through(content, "blob", None)
    assert refused.value.status == 415
    assert refused.value.code == "unsupported_type"


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize(("name", "declared"), [("a.png", "image/png"), ("a.pdf", None), ("a", "audio/webm")])
def test_what_is_not_on_the_list_does_not_pass_as_something_else(content: bytes, name: str, declared: str) -> None:
    """T081: HTML as a picture, and everything else as everything else."""
    with pytest.raises(TypeMismatch) as refused:
        through(content, name, declared)
    assert refused.value.code == "type_mismatch"


@pytest.mark.parametrize(("name", "mime", "data"), OF_EACH_KIND, ids=IDS)
def test_a_declared_type_or_a_name_that_says_something_else_is_refused(name: str, mime: str, data: bytes) -> None:
    """T081: PNG bytes as text/html, a PDF called .jpg, and the like."""
    for other_name, declared in (
        ("a", "text/html"),
        ("a", "application/x-msdownload"),
        ("a.xyz", None),
        ("a.tiff", mime),
        ("a.pdf" if name != "a.pdf" else "a.jpg", mime),
        (name, "application/pdf" if name != "a.pdf" else "image/jpeg"),
    ):
        with pytest.raises(TypeMismatch):
            through(data, other_name, declared)


@pytest.mark.parametrize(
    ("name", "declared", "mime"),
    [
        ("voice.webm", "audio/webm;codecs=opus", "audio/webm"),
        ("clip.webm", "video/webm", "video/webm"),
        ("x", "", "video/webm"),
    ],
)
def test_a_container_is_what_was_declared_where_it_does_not_say_itself(name: str, declared: str, mime: str) -> None:
    assert through(webm(), name, declared)[1].kind.mime == mime


def test_a_film_does_not_pass_as_a_voice_message() -> None:
    for data in (webm("A_OPUS", "V_VP8"), mp4(b"isom", b"vide")):
        for declared in ("audio/webm", "audio/mp4"):
            with pytest.raises(TypeMismatch):
                through(data, "voice", declared)


def test_a_recording_of_voice_may_be_declared_as_a_film() -> None:
    """By its ending, a browser takes voice.webm and voice.mp4 for films."""
    assert through(webm("A_OPUS"), "voice.webm", "video/webm")[1].kind.family == "audio"
    assert through(mp4(b"iso5", b"soun"), "voice.mp4", "video/mp4")[1].kind.family == "audio"


def test_tracks_described_at_the_end_leave_the_choice_to_the_client() -> None:
    data = mp4(b"isom", b"vide", moov_first=False)
    assert through(data, "a.mp4", "video/mp4")[1].kind.mime == "video/mp4"
    assert through(data, "a.m4a", None)[1].kind.mime == "audio/mp4"


def test_a_table_may_be_declared_as_windows_declares_it() -> None:
    assert through(b"a;b\n", "a.csv", "application/vnd.ms-excel")[1].kind.mime == "text/csv"


def test_the_first_eight_kilobytes_are_enough_to_refuse() -> None:
    """Nobody uploads 50 MiB to hear that."""
    inspector = Inspector(clean_name("a.png"), "image/png")
    with pytest.raises(TypeMismatch):
        inspector.update(b"<html>".ljust(8192))


def test_text_is_text_to_its_last_byte() -> None:
    head = b"x" * 20_000
    for tail, reason in ((b"\0", "NUL"), (b"\xff", "UTF-8"), ("ä".encode()[:1], "UTF-8")):
        with pytest.raises(UnsupportedFile, match=reason):
            through(head + tail, "a.txt", "text/plain")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_text_of_another_encoding_is_told_what_to_do(encoding: str) -> None:
    for name, declared in (("a.csv", "text/csv"), ("a.txt", None), ("a", "text/plain")):
        with pytest.raises(TypeMismatch, match="UTF-8"):
            through("Müller;5\n".encode(encoding), name, declared)


def test_letters_cut_in_two_are_still_text() -> None:
    data = "äöü漢字👩".encode() * 2000
    assert through(data, "a.txt", None, cuts=[1, 8191, 3])[0] == data


WORDS = [
    "<5 mmol/L",
    "< 5",
    "This is a note",
    "Version 2",
    "import of goods",
    "BMI 24",
    "Subject: visit",
    "--- \nx",
    "",
]


@pytest.mark.parametrize("words", WORDS)
def test_ordinary_words_are_not_taken_for_a_signature(words: str) -> None:
    stored, found = through(words.encode(), "a.txt", "text/plain")
    assert (stored, found.kind.mime) == (words.encode(), "text/plain")


def test_a_script_in_a_picture_does_not_stay_in_it() -> None:
    """T080: a picture that is a script as well, by a comment and by what stands behind its end."""
    script = b"*/=1;alert(document.domain)//"
    whole = picture("GIF")
    both = whole[:-1] + b"\x21\xfe" + bytes([len(script)]) + script + b"\0\x3b" + script
    stored, found = through(both, "a.gif", "image/gif")
    assert found.kind.mime == "image/gif"
    assert b"alert" not in stored


def test_a_page_behind_a_document_of_word_stays_a_document() -> None:
    assert through(b"%PDF-1.4\n/JS (app.alert(1))", "a.pdf")[1].kind.mime == "application/pdf"
    assert through(document(WORD, ("word/embeddings/x.html", b"<html>")), "a.docx")[1].kind.mime == DOCX
