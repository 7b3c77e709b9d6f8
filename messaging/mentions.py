"""Who is named in a message: `@username`, and `@all` for everybody. Pure: members are found elsewhere."""

import re
from typing import NamedTuple

MOST = 50
"""People that one message can mention."""

_ALL = "all"
# A name ends like a word: the full stop of a sentence and other marks behind it are not part of it. An address such as
# anna@example.org names nobody.
_NAME = re.compile(r"(?<![\w@.+-])@([^\W_](?:[\w.-]{0,62}\w)?)")
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)


class Named(NamedTuple):
    """The login names, in lower case and in the order of their first mention, and whether everybody is meant."""

    usernames: tuple[str, ...] = ()
    everybody: bool = False


def named_in(content: str, format: str) -> Named:
    """Who is named in this text; in Markdown what stands in code names nobody. Linear in the length of the text."""
    text = _CODE.sub(" ", content) if format == "markdown" else content
    names = dict.fromkeys(name.lower() for name in _NAME.findall(text)) if "@" in text else {}
    usernames = tuple(name for name in names if name != _ALL)[:MOST]
    return Named(usernames, _ALL in names)
