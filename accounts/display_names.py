# ruff: noqa: RUF001  letters that look like others are what this file is about
"""What a display name may be: something to read, not the server itself, and not another name in disguise.

By the rules of thumb of Unicode's security report (UTS 39: one script in a word, and skeletons of look-alikes), with no
more of its tables than the reserved words need. Whole names that look alike in two scripts are not told apart, and two
people may have the same name: who somebody is says the login name, which is ASCII.
"""

import re
import unicodedata

# Letters that show nothing.
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")
# Japanese, Korean and Chinese mix these within a word; none of them looks like another alphabet.
_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC"})

_NON_JOINER = "\u200c"
_JOINERS = frozenset({_NON_JOINER, "\u200d"})
_VIRAMA = 9  # its canonical combining class

_RESERVED = (
    *("account", "admin", "administrator", "admins", "alert", "anonymous", "bot", "everybody", "everyone", "helpdesk"),
    *("message", "moderator", "nobody", "notice", "official", "parley", "security", "server", "service", "staff"),
    *("support", "system", "team", "unknown"),
)

# Letters and signs that pass for Latin ones, beyond those that Unicode's names or NFKC lead back to them.
_LOOK_ALIKES = str.maketrans(
    dict(zip("аԁеіјкӏмһоԛрсѕтуѵѡԝхвнг", "adeijklmhoqpcstyvwwxbhr", strict=True))
    | dict(zip("αβεηικμνορτυχγω", "abenikmnoptuxyw", strict=True))
    | dict(zip("աօոսցհ", "wonugh", strict=True))
    | dict(zip("ɑɩ0134578$@!|", "aioieastbsaii", strict=True))
)
_LATIN = re.compile(r"LATIN (?:SMALL LETTER|LETTER SMALL CAPITAL) (?:DOTLESS |SCRIPT |OPEN )?([A-Z])\b")


def has_something_to_read(name: str) -> bool:
    """Whether there is a letter to see, and no letter that cannot be seen."""
    return _BLANK_LETTERS.isdisjoint(name) and any(unicodedata.category(c)[0] == "L" for c in name)


def mixes_scripts(name: str) -> bool:
    """Whether a word has letters of two scripts, like `admin` with a Cyrillic a. Different words may
    differ."""
    return any(len(set(map(_script, _letters(word)))) > 1 for word in _words(name))


def without_joiners(name: str) -> str:
    """`name` without the joiners that its script needs there (RFC 5892, A.1 and A.2): behind the sign that takes an
    Indic letter its vowel, and between Arabic letters that shall not join. All others hide something."""
    return "".join(c for before, c in zip(f" {name}", name, strict=False) if not _joins(before, c))


def _joins(before: str, character: str) -> bool:
    if character not in _JOINERS:
        return False
    persian = character == _NON_JOINER and unicodedata.name(before, "").startswith("ARABIC LETTER")
    return persian or unicodedata.combining(before) == _VIRAMA


def poses_as_server(name: str) -> bool:
    """Whether the whole name says System, Support or the like, however it is spaced, spelt or numbered: `Sys-tem`,
    `5upp0rt Team`, or all in Cyrillic. A person's name may contain such a word: `Alex Admin`."""
    return _SERVER.fullmatch(_skeleton(_NUMBER.sub("", name))) is not None


def folded(text: str) -> str:
    """`text` without case and accents, which people leave out when they search or write from memory."""
    return _without_marks(text.casefold())


def _without_marks(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c) != "Mn")


def _words(name: str) -> list[str]:
    name = unicodedata.normalize("NFKC", name)
    return "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in name).split()


def _letters(word: str) -> list[str]:
    """Without modifier letters such as the Hawaiian okina, which go with every script."""
    letters = (c for c in word if unicodedata.category(c)[0] == "L")
    return [c for c in letters if not unicodedata.name(c, "").startswith("MODIFIER LETTER")]


def _script(letter: str) -> str:
    """The first word of a letter's Unicode name, which tells the scripts in use apart."""
    script = unicodedata.name(letter, "").partition(" ")[0]
    return "EAST ASIAN" if script in _EAST_ASIAN else script


def _skeleton(text: str) -> str:
    """What is left of `text` for the eye: two that look alike have the same one."""
    # Bold and other letters of mathematics have become plain by folding, and get their case after it.
    seen = "".join(_plain(c) for c in folded(text).casefold().translate(_LOOK_ALIKES))
    # Small l and capital i are the same stroke, r and n stand together like m.
    return "".join(c for c in seen if c.isalnum()).replace("l", "i").replace("rn", "m")


def _plain(character: str) -> str:
    found = _LATIN.match(unicodedata.name(character, ""))
    return found[1].lower() if found else character


_NUMBER = re.compile(r"[\W\d_]+$")
_SERVER = re.compile("(?:" + "|".join(map(_skeleton, _RESERVED)) + ")+")
