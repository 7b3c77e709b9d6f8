"""Names of files, as somebody else sent them: what they are called here, and which names are not taken at all.

A name is never a path on the server (objects have random names). It matters where the file is saved in the end: on
the recipient's own machine, whose system starts programs by the ending of a name and hides that ending by default.
"""

import re
import unicodedata

from attachments.inspection.refusals import UnsupportedFile

MOST_BYTES = 255
_FALLBACK = "file"

# What some system runs, or a browser interprets, when the file is opened: programs, scripts, pages, shortcuts,
# installers, images of disks and documents with macros.
_RUN_SOMEWHERE = """
exe com scr pif bat cmd msi msp mst msix msixbundle appx appxbundle application appref-ms cpl dll ocx sys drv efi vb
vbs vbe js jse mjs cjs ws wsf wsh wsc sct ps1 ps1xml ps2 ps2xml psc1 psc2 psd1 psm1 psrc hta jar jnlp class war apk
aab xapk ipa app dmg pkg mpkg deb rpm run snap flatpak appimage sh bash zsh csh ksh fish command tool workflow action
osx py pyc pyo pyw pyz pyzw rb pl pm php php3 php4 php5 php7 phtml phar asp aspx ashx asmx jsp jspx cgi lua tcl awk
elf so dylib ko wasm lnk url website webloc desktop scf inf ins isp reg gadget msc msh msh1 msh2 mshxml chm hlp
diagcab settingcontent-ms search-ms searchconnector-ms library-ms theme themepack rdp html htm xhtml xht xhtm shtml
shtm stm svg svgz mht mhtml xml xsl xslt swf docm dotm xlsm xltm xlam xll xla xlb xlc xlw pptm potm ppsm ppam sldm ppa
wll wbk mdb mde accdb accde ade adp one onepkg iso img vhd vhdx vmdk ps eps
"""
_DANGEROUS = frozenset(_RUN_SOMEWHERE.split())

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
# Of no use in a name anywhere, and separators or wildcards on some system.
_SEPARATING = re.compile(r'[<>:"|?*]')
_PERCENT = re.compile(r"%(?=[0-9A-Fa-f]{2})")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)
_ENDING = re.compile(r"[a-z0-9][a-z0-9_-]{0,19}")
_EDGES = re.compile(r"^[\s.]+|[\s.]+$")
_DIGITS = re.compile(r"[0-9]+")


def clean_name(given: str) -> str:
    """The name under which a file is kept and shown: one line, no path, no disguise, at most 255 bytes of UTF-8.

    Never empty; the ending is kept however much is cut. Cleaning a clean name changes nothing. What is removed: folders
    (of either kind of slash), controls, line breaks, bidirectional and zero-width characters, dots and blanks at the
    ends. What becomes `_`: characters that Windows refuses, and the `%` of an escape, which a client that decodes once
    too often would turn into a slash. Names of devices (`CON`) get a `_` in front.

    Raises UnsupportedFile for a name that ends in what some system runs, or has such an ending inside (`x.exe.pdf`,
    `x.pdf.exe`): only names meant to deceive, and a few that can be renamed, look like that.
    """
    name = _one_line(given).replace("\\", "/").rpartition("/")[2]
    name = _EDGES.sub("", _PERCENT.sub("_", _SEPARATING.sub("_", name)))
    _refuse_dangerous(name)
    if _RESERVED.fullmatch(name.partition(".")[0].strip()):
        name = "_" + name
    return _shortened(name) or _FALLBACK


def ending_of(name: str) -> str:
    """The ending of a clean name in lower case without its dot: `pdf`; `""` when it has none.

    `Letter of 21.11.2024` and `Dr. Smith` have none: numbers, and words after a blank, are part of the name.
    """
    stem, dot, last = name.rpartition(".")
    return _as_ending(last) if dot and stem else ""


def _one_line(given: str) -> str:
    text = unicodedata.normalize("NFC", given)
    return "".join(character for character in text if unicodedata.category(character) not in _HIDDEN)


def _refuse_dangerous(name: str) -> None:
    _, *parts = name.split(".")
    found = [ending for part in parts if (ending := _as_ending(part)) in _DANGEROUS]
    if not found:
        return
    if _as_ending(parts[-1]) in _DANGEROUS:
        raise UnsupportedFile(f"Files that end in .{found[-1]} are not accepted.")
    raise UnsupportedFile(f"The name has two endings, .{found[0]} among them. Rename the file.")


def _as_ending(part: str) -> str:
    """`part` of a name as an ending, however its letters are written (full width, capitals); `""` when it is none."""
    plain = unicodedata.normalize("NFKC", part).casefold().rstrip()
    return plain if _ENDING.fullmatch(plain) and not _DIGITS.fullmatch(plain) else ""


def _shortened(name: str) -> str:
    if len(name.encode()) <= MOST_BYTES:
        return name
    stem, dot, last = name.rpartition(".")
    if not ending_of(name):
        stem, dot, last = name, "", ""
    room = MOST_BYTES - len((dot + last).encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + dot + last
