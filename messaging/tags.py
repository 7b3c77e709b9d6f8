"""Finding HTML tags in text that is not HTML, and taking them out without touching anything else.

A run `<…>` is a tag when its name is an element of the HTML standard and each of its attribute names is an attribute
of the standard. So `<b>`, `</p>`, `<svg/onload=x>` and `<a title=">">` are tags; `K<3.5 and Na>145`, `a<b and c>d` and
`<john@hosp.org>` are not. Of elements that load or run something (`<script/x>`, `<img . src=x onerror=y>`) it does not
matter what their attributes are called: browsers skip what they do not know. Between the angle brackets the rules are
those of the HTML tokenizer (standard, 13.2.5).

Removing a tag can join its neighbours to a new one (`<scr<b>ipt>`), so removal goes on until no tag is left. Doing
that pass by pass lets an attacker buy quadratic time with nested halves. Here one walk is enough: every `<` starts a
candidate, all candidates read on together, and when one of them completes, the text goes back to where it began and
so do the candidates that were alive there. Two candidates in the same state have the same future, so only the earlier
one is kept; at most one per state is alive and the walk is linear.
"""

from collections.abc import Iterable
from typing import NamedTuple

from messaging.html_names import is_active, is_attribute, is_element

# What a character is to the tokenizer: letters and the like are "n", anything without an entry is "?".
_KINDS = dict.fromkeys(" \t\n\r\f", " ") | {c: c for c in "/>=\"'"}
_KINDS |= dict.fromkeys("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-:", "n")

_OPENED, _NAME, _BETWEEN, _ATTRIBUTE, _AFTER_ATTRIBUTE, _EQUALS, _DOUBLE, _SINGLE, _BARE, _DONE = range(10)

_NEXT: dict[int, dict[str, int]] = {
    _OPENED: {"n": _NAME, "/": _NAME},
    _NAME: {"n": _NAME, " ": _BETWEEN, "/": _BETWEEN, ">": _DONE},
    _BETWEEN: {" ": _BETWEEN, "/": _BETWEEN, "n": _ATTRIBUTE, ">": _DONE},
    _ATTRIBUTE: {"n": _ATTRIBUTE, " ": _AFTER_ATTRIBUTE, "/": _BETWEEN, "=": _EQUALS, ">": _DONE},
    _AFTER_ATTRIBUTE: {" ": _AFTER_ATTRIBUTE, "/": _BETWEEN, "=": _EQUALS, "n": _ATTRIBUTE, ">": _DONE},
    _EQUALS: {" ": _EQUALS, '"': _DOUBLE, "'": _SINGLE, ">": _DONE},
    _DOUBLE: {'"': _BETWEEN},
    _SINGLE: {"'": _BETWEEN},
    _BARE: {" ": _BETWEEN, ">": _DONE},
}
# Where a character without an entry leads; from the states that are not here it leads out of the tag.
_ELSE = {_EQUALS: _BARE, _DOUBLE: _DOUBLE, _SINGLE: _SINGLE, _BARE: _BARE}

# The same once more for active elements, as tolerant as the tokenizer is: whatever is nothing else begins a name.
_ACTIVE = 100
_TOLERANT = (_BETWEEN, _ATTRIBUTE, _AFTER_ATTRIBUTE, _EQUALS, _DOUBLE, _SINGLE, _BARE)
_NEXT |= {
    _ACTIVE + state: {
        kind: following if following == _DONE else _ACTIVE + following for kind, following in _NEXT[state].items()
    }
    for state in _TOLERANT
}
_ELSE |= {_ACTIVE + state: _ACTIVE + _ELSE.get(state, _ATTRIBUTE) for state in _TOLERANT}


class Piece(NamedTuple):
    """A stretch of the text. In `code` no tag begins and none ends; one around it takes it along."""

    text: str
    code: bool = False


class _Candidate(NamedTuple):
    """A `<` that may turn out to open a tag.

    `begin` is its place in the text kept so far, `mark` where the name being read begins, `before` the candidates
    that were alive just before it.
    """

    begin: int
    state: int
    mark: int
    before: "tuple[_Candidate, ...]"


def remove_tags(pieces: Iterable[Piece]) -> str:
    """The text of `pieces` without its tags; nothing else changes. Time is linear in the length of the text."""
    walk = _Walk()
    for piece in pieces:
        walk.read(piece)
    return "".join(walk.kept)


class _Walk:
    """One reading of a text: what is kept of it so far, and which candidates are alive."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.alive: tuple[_Candidate, ...] = ()

    def read(self, piece: Piece) -> None:
        at = 0
        while at < len(piece.text):
            if self.alive:
                self._step(piece.text[at], piece.code)
                at += 1
                continue
            begin = -1 if piece.code else piece.text.find("<", at)
            end = begin if begin >= 0 else len(piece.text)
            self.kept.extend(piece.text[at:end])
            at = end
            if begin >= 0:
                self._step("<", False)
                at += 1

    def _step(self, character: str, in_code: bool) -> None:
        place, kind, before = len(self.kept), _KINDS.get(character, "?"), self.alive
        self.kept.append(character)
        moved: dict[int, _Candidate] = {}
        for candidate in before:
            state = self._after(candidate, kind)
            if state == _DONE and not in_code:
                del self.kept[candidate.begin :]
                self.alive = candidate.before
                return
            if state is not None and state != _DONE and state not in moved:
                moved[state] = self._moved(candidate, state, place)
        if character == "<" and not in_code:
            moved[_OPENED] = _Candidate(place, _OPENED, place + 1, before)
        self.alive = tuple(moved.values())

    def _after(self, candidate: _Candidate, kind: str) -> int | None:
        """The candidate's next state; None when it cannot be a tag any more."""
        state = candidate.state
        following = _NEXT[state].get(kind, _ELSE.get(state))
        if following == state:
            return state
        if state == _NAME:
            return self._after_name(candidate, following)
        if state == _ATTRIBUTE and not is_attribute(self._name(candidate)):
            return None
        return following

    def _after_name(self, candidate: _Candidate, following: int | None) -> int | None:
        name = self._name(candidate).removeprefix("/")
        if not is_element(name):
            return None
        return _ACTIVE + _BETWEEN if following == _BETWEEN and is_active(name) else following

    def _name(self, candidate: _Candidate) -> str:
        return "".join(self.kept[candidate.mark : -1])

    def _moved(self, candidate: _Candidate, state: int, place: int) -> _Candidate:
        if state == candidate.state:
            return candidate
        mark = place if state == _ATTRIBUTE else candidate.mark
        return _Candidate(candidate.begin, state, mark, candidate.before)
