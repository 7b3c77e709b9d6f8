"""Every link from one document to another leads to something that is there, down to its heading."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")

pytestmark = pytest.mark.no_database


def plain(path: Path) -> str:
    """The text without what stands in code, where a link is none."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(path: Path) -> list[str]:
    """Of its headings, as GitHub makes them; of two that are alike the second ends in -1."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    found: list[str] = []
    for heading in re.findall(r"^#+ +(.+?)\s*$", text, re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        again = sum(one == slug or bool(re.fullmatch(rf"{re.escape(slug)}-\d+", one)) for one in found)
        found.append(f"{slug}-{again}" if again else slug)
    return found


def dead(path: Path) -> list[str]:
    """Links of this document that lead nowhere."""
    found = []
    for link in _LINK.findall(plain(path)):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, heading = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        if not target.is_relative_to(ROOT) or not target.exists() or (heading and heading not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    assert dead(path) == []


def test_every_picture_is_shown_by_a_document() -> None:
    shown = {(path.parent / link).resolve() for path in DOCUMENTS for link in _LINK.findall(path.read_text()) if link}
    assert [one.name for one in sorted((ROOT / "docs").rglob("*.png")) if one not in shown] == []


def test_a_dead_link_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("# One `two`, three\n## Same\n## Same\n```\n# no heading\n```\n")
    other = tmp_path / "other.md"
    alive = ("page.md#one-two-three", "page.md#same-1", "page.md", "https://example.org/x#y")
    gone = ("page.md#no-heading", "page.md#same-2", "none.md", "../outside.md", "#none")
    other.write_text("\n".join(f"[x]({link})" for link in (*alive, *gone)) + "\n`[x](in-code.md)`\n")
    assert dead(other) == list(gone)
