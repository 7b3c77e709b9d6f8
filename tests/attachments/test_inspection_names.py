"""What a file is called once it is here, and which names are not taken (T082)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attachments.inspection import UnsupportedFile, clean_name
from attachments.inspection.names import ending_of

pytestmark = pytest.mark.no_database

HARMLESS = [
    "Befund Müller.pdf",
    "Letter of 21.11.2024",
    "x-ray (left) v2.1 final.jpeg",
    "Dr. Smith.docx",
    "处方 2024.pdf",
    "وصفة.pdf",
    "50% off & more, [draft] #3.txt",
    "O'Brien's note.md",
]


@pytest.mark.parametrize("name", HARMLESS)
def test_an_ordinary_name_is_kept_letter_by_letter(name: str) -> None:
    assert clean_name(name) == name


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("../../x", "x"),
        ("..\\..\\x", "x"),
        ("/etc/passwd", "passwd"),
        ("C:\\Users\\ana\\scan.pdf", "scan.pdf"),
        ("a\r\nSet-Cookie: p=1", "aSet-Cookie_ p=1"),
        ('x".pdf', "x_.pdf"),
        ("x.pdf:stream", "x.pdf_stream"),
        ("%2e%2e%2fx.pdf", "_2e_2e_2fx.pdf"),
        ("%2E%2e%5Cx.pdf", "_2E_2e_5Cx.pdf"),
        (".hidden.txt", "hidden.txt"),
        ("report.pdf. . ", "report.pdf"),
        ("\u3000 report.pdf\u00a0", "report.pdf"),
        ("a\x00b.pdf", "ab.pdf"),
        ("a\u202eb\u200b.pdf", "ab.pdf"),
        ("a\ud800.pdf", "a.pdf"),
        ("e\u0301.pdf", "\u00e9.pdf"),
    ],
)
def test_what_could_mislead_a_system_is_taken_out(given_name: str, kept: str) -> None:
    """T082: paths, line breaks, escapes, hidden characters."""
    assert clean_name(given_name) == kept


@pytest.mark.parametrize("name", ["", " ", "...", "/", "\\", "..", "\u202e", "\r\n", "a/"])
def test_a_name_of_nothing_becomes_file(name: str) -> None:
    assert clean_name(name) == "file"


@pytest.mark.parametrize("name", ["CON", "con.txt", "Aux.tar.pdf", "NUL .pdf", "com1.pdf", "LPT9", "COM¹.txt"])
def test_a_name_of_a_device_is_none_any_more(name: str) -> None:
    assert clean_name(name) == f"_{name}"


@pytest.mark.parametrize("name", ["Console.txt", "auxiliary.pdf", "com12.pdf", "icon.png"])
def test_a_word_that_begins_like_a_device_is_left(name: str) -> None:
    assert clean_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "setup.exe",
        "Setup.EXE",
        "invoice.pdf.exe",
        "run.sh",
        "a.js",
        "page.html",
        "page.xhtml",
        "drawing.svg",
        "drawing.svgz",
        "saved.mht",
        "saved.mhtml",
        "shortcut.lnk",
        "letter.docm",
        "sheet.xlsm",
        "vector.eps",
        "evil.exe.",
        "evil.exe ",
        "evil.exe...",
        "evil.\u200bexe",
        "annfdp\u202e.exe",
        "evil.ｅｘｅ",
        "evil.exe\x00",
        "folder/evil.exe",
    ],
)
def test_what_some_system_would_run_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedFile) as refused:
        clean_name(name)
    assert (refused.value.status, refused.value.code) == (415, "unsupported_type")


@pytest.mark.parametrize("name", ["photo.exe.jpg", "photo.js.png", "a.b.html.pdf", "letter.SCR.docx", "x.exe .pdf"])
def test_a_double_ending_is_refused_and_says_so(name: str) -> None:
    with pytest.raises(UnsupportedFile, match="two endings"):
        clean_name(name)


@pytest.mark.parametrize("name", ["a" * 300, "ä" * 300, "👩‍👩‍👧" * 100, "漢" * 200])
def test_a_long_name_is_cut_between_letters_and_keeps_its_ending(name: str) -> None:
    """T082: 300 characters."""
    kept = clean_name(name + ".pdf")
    assert len(kept.encode()) <= 255
    assert kept.endswith(".pdf")
    assert len(clean_name(name).encode()) <= 255


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("a.PDF", "pdf"),
        ("a.tar.pdf", "pdf"),
        ("blob", ""),
        ("Letter of 21.11.2024", ""),
        ("Dr. Smith", ""),
        ("a.", ""),
        ("über.Müller", ""),
    ],
)
def test_an_ending_is_what_a_system_takes_for_one(name: str, ending: str) -> None:
    assert ending_of(name) == ending


@given(st.text(max_size=400))
def test_whatever_comes_a_clean_name_is_safe_and_stays_as_it_is(name: str) -> None:
    try:
        kept = clean_name(name)
    except UnsupportedFile:
        return
    assert 0 < len(kept.encode()) <= 255
    assert not set(kept) & set('/\\\r\n\0"<>:|?*')
    assert kept not in {".", ".."}
    assert clean_name(kept) == kept
