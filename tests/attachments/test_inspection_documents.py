"""Office documents, told from other archives and compound files while they stream."""

import pytest

from attachments.inspection import Inspector, TypeMismatch, UnsupportedFile
from tests.attachments.samples import (
    DOCX,
    ODT,
    PPTX,
    WORD,
    XLSX,
    archive,
    compound,
    document,
    open_document,
    through,
)

pytestmark = [pytest.mark.no_database, pytest.mark.core]


@pytest.mark.parametrize(
    ("main", "ending", "mime"),
    [(WORD, "docx", DOCX), ("xl/workbook.xml", "xlsx", XLSX), ("ppt/presentation.xml", "pptx", PPTX)],
)
def test_a_document_is_what_its_list_says(main: str, ending: str, mime: str) -> None:
    data = document(main)
    for name in (f"a.{ending}", "blob"):
        stored, found = through(data, name, None, cuts=[7])
        assert (stored, found.kind.mime) == (data, mime)


def test_a_table_does_not_pass_as_a_letter() -> None:
    with pytest.raises(TypeMismatch):
        through(document("xl/workbook.xml"), "a.docx", DOCX)
    with pytest.raises(TypeMismatch):
        through(open_document(), "a.docx", DOCX)


@pytest.mark.parametrize("first", ["_rels/.rels", "docProps/app.xml", "word/document.xml", "customXml/item1.xml"])
def test_the_parts_may_come_in_any_order(first: str) -> None:
    """As LibreOffice, Google and others write them."""
    names = sorted({first, "[Content_Types].xml", WORD}, key=lambda name: name != first)
    assert through(archive(*((name, b"<x/>") for name in names)), "a.docx")[1].kind.mime == DOCX


@pytest.mark.parametrize("mime", ["text", "spreadsheet", "presentation", "graphics"])
def test_an_open_document_says_what_it_is_first(mime: str) -> None:
    name = "application/vnd.oasis.opendocument." + mime
    assert through(open_document(name), "blob")[1].kind.mime == name


def test_a_bare_archive_is_refused_at_its_first_bytes() -> None:
    inspector = Inspector("a.zip", "application/zip")
    with pytest.raises(UnsupportedFile):
        inspector.update(archive(("a.txt", bytes(10_000)), stored=True)[:8192])


def test_an_archive_that_begins_like_a_document_and_is_none_is_refused() -> None:
    for data in (
        archive(("[Content_Types].xml", b"<x/>"), ("setup.exe", b"MZ")),
        archive(("docProps/app.xml", b"<x/>"), (WORD, b"<x/>")),
        archive(("mimetype", ODT.encode()), ("setup.exe", b"MZ"), stored=True),
    ):
        with pytest.raises(UnsupportedFile):
            through(data, "blob")


def test_a_document_cut_off_is_refused() -> None:
    data = document()
    for end in range(60, len(data), 7):
        with pytest.raises(UnsupportedFile):
            through(data[:end], "a.docx")


@pytest.mark.parametrize("part", ["word/vbaProject.bin", "word/vbaData.xml"])
def test_macros_are_refused_under_a_harmless_name_too(part: str) -> None:
    with pytest.raises(UnsupportedFile, match="macros"):
        through(document(WORD, (part, b"x")), "a.docx")


def test_macros_of_other_programs_are_refused_as_well() -> None:
    with pytest.raises(UnsupportedFile, match="macros"):
        through(document("xl/workbook.xml", ("xl/macrosheets/sheet1.xml", b"x")), "a.xlsx")
    with pytest.raises(UnsupportedFile, match="macros"):
        through(open_document(ODT, ("Basic/Standard/Module1.xml", b"x")), "a.odt")
    with pytest.raises(UnsupportedFile, match="macros"):
        through(compound("WordDocument", "_VBA_PROJECT"), "a.doc")


def test_what_is_encrypted_cannot_be_scanned_and_is_refused() -> None:
    """T079: an encrypted entry, and the shape in which Office stores a document with a password."""
    data = bytearray(document())
    listed = data.rindex(b"PK\1\2")
    data[listed + 8] |= 1
    with pytest.raises(UnsupportedFile, match="encrypted"):
        through(bytes(data), "a.docx")
    with pytest.raises(UnsupportedFile, match="encrypted"):
        through(compound("EncryptionInfo", "EncryptedPackage"), "a.doc")
    data = bytearray(document())
    data[6] |= 1
    with pytest.raises(TypeMismatch):
        through(bytes(data), "a.docx")


def test_a_document_of_ten_thousand_parts_is_listed_in_bounded_memory() -> None:
    parts = ((f"word/media/image{number}.png", bytes(300)) for number in range(9000))
    data = archive(("[Content_Types].xml", b"<x/>"), (WORD, b"<x/>"), *parts, stored=True)
    assert len(data) > 3 << 20
    assert through(data, "a.docx")[1].kind.mime == DOCX


@pytest.mark.parametrize(
    ("stream", "ending", "mime"),
    [
        ("WordDocument", "doc", "application/msword"),
        ("Workbook", "xls", "application/vnd.ms-excel"),
        ("Book", "xls", "application/vnd.ms-excel"),
        ("PowerPoint Document", "ppt", "application/vnd.ms-powerpoint"),
    ],
)
@pytest.mark.parametrize("before", [0, 300])
def test_an_old_document_is_told_by_its_streams_wherever_they_are_listed(
    stream: str, ending: str, mime: str, before: int
) -> None:
    data = compound("1Table", stream, before=before)
    for name in (f"a.{ending}", "blob"):
        stored, found = through(data, name, None, cuts=[1009, 3])
        assert (stored, found.kind.mime) == (data, mime)


def test_a_letter_with_a_table_in_it_is_what_its_name_says() -> None:
    data = compound("WordDocument", "Workbook")
    assert through(data, "a.doc")[1].kind.mime == "application/msword"
    assert through(data, "a.xls")[1].kind.mime == "application/vnd.ms-excel"


@pytest.mark.parametrize("streams", [(), ("__properties_version1.0",), ("SummaryInformation",)])
def test_other_compound_files_are_refused(streams: tuple[str, ...]) -> None:
    """Installers and saved mails are compound files as well."""
    with pytest.raises(UnsupportedFile):
        through(compound(*streams), "blob")


def test_a_name_that_only_stands_in_the_text_lists_nothing() -> None:
    data = compound() + b"\0" + "WordDocument".encode("utf-16-le") + bytes(200) + "Workbook".encode("utf-16-le")
    with pytest.raises(UnsupportedFile):
        through(data, "a.doc")
