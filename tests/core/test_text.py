"""Which characters can be stored, and what may stand as a name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidText
from core.text import is_plain_name, require_storable, storable

pytestmark = pytest.mark.core


@pytest.mark.parametrize("text", ["a\tb\r\nc", "K<3.5 and Na>145", "مرحبا", "👩‍👩‍👧", "e\u0301", "\u202eabc", ""])
def test_text_of_every_script_is_storable(text: str) -> None:
    assert require_storable(text) == text


@pytest.mark.parametrize("text", ["\x00", "a\x07", "\x1f", "\ud800", "x\udfff"])
def test_controls_and_half_surrogates_are_not(text: str) -> None:
    with pytest.raises(InvalidText):
        require_storable(text)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_whatever_is_storable_survives_utf_8(text: str) -> None:
    assert storable(text)
    assert text.encode().decode() == text


@pytest.mark.parametrize("name", ["Dr. Ana Núñez-Óg", "O'Brien 3rd", "李 明", "Ngô Thị", "अनिल"])
def test_names_of_people_are_plain(name: str) -> None:
    assert is_plain_name(name)


@pytest.mark.parametrize(
    "name", ["", "  ", "a\nb", "abc\u202edef", "a\u2066b", "a\u200bb", "a" + "\u0301" * 300, "\x00"]
)
def test_names_that_deceive_are_not(name: str) -> None:
    """T066."""
    assert not is_plain_name(name)
