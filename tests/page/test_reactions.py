"""Reactions on the page."""

import httpx
from playwright.sync_api import expect

from tests.page.browser import PATIENT, PROVIDER, OpenWindow, say, until

THUMB = "👍"


def test_a_reaction_is_given_and_taken_back(window: OpenWindow, as_doc1: httpx.Client, conversation: str) -> None:
    """Both see it at once; who reacted is said to a screen reader."""
    said = say(as_doc1, conversation, "See you on Monday")
    patient, doctor = window().sign_in(PATIENT), window().sign_in(PROVIDER)
    patient.open(PROVIDER)
    doctor.open(PATIENT)
    patient.act_on("See you on Monday", f"React with {THUMB}")
    mine = patient.message("See you on Monday").locator(".reactions button")
    theirs = doctor.message("See you on Monday").locator(".reactions button")
    expect(mine).to_have_attribute("aria-pressed", "true")
    expect(theirs).to_have_attribute("aria-pressed", "false")
    expect(theirs).to_have_accessible_name(f"{THUMB} 1: {PATIENT.name}")
    theirs.click()
    expect(mine).to_have_text(f"{THUMB} 2")
    mine.click()
    expect(theirs).to_have_text(f"{THUMB} 1")
    expect(mine).to_have_attribute("aria-pressed", "false")
    theirs.click()
    expect(mine).to_have_count(0)
    until(doctor, lambda: as_doc1.get(f"/api/v1/messages/{said}").json()["reactions"] == [])


def test_reactions_from_events_are_those_of_a_fresh_load(
    window: OpenWindow, as_doc1: httpx.Client, as_pat1: httpx.Client, conversation: str
) -> None:
    said = say(as_doc1, conversation, "Lunch?")
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    patient.shows("Lunch?")
    for client, emoji in ((as_doc1, "🎉"), (as_pat1, THUMB), (as_pat1, "🎉"), (as_doc1, "❤️")):
        client.put(f"/api/v1/messages/{said}/reactions/{emoji}").raise_for_status()
    as_doc1.delete(f"/api/v1/messages/{said}/reactions/❤️").raise_for_status()
    as_doc1.patch(f"/api/v1/messages/{said}", json={"content": "Lunch at one?"}).raise_for_status()
    shown = patient.message("Lunch at one?").locator(".reactions button")
    expect(shown).to_have_text(["🎉 2", f"{THUMB} 1"])
    patient.page.reload()
    patient.is_connected()
    patient.open(PROVIDER)
    expect(shown).to_have_text(["🎉 2", f"{THUMB} 1"])


def test_the_keyboard_reaches_everything_and_stays_where_it_was(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    """What others do to a message does not take the focus away from its button."""
    said = say(as_doc1, conversation, "See you on Monday")
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    actions = patient.message("See you on Monday").get_by_role("button", name="Actions")
    actions.focus()
    patient.page.keyboard.press("Enter")
    expect(actions).to_have_attribute("aria-expanded", "true")
    expect(actions).to_be_focused()
    as_doc1.put(f"/api/v1/messages/{said}/reactions/🎉").raise_for_status()
    reaction = patient.message("See you on Monday").locator(".reactions button")
    expect(reaction).to_have_text("🎉 1")
    expect(actions).to_be_focused()
    reaction.focus()
    patient.page.keyboard.press("Space")
    expect(reaction).to_have_text("🎉 2")
    expect(reaction).to_be_focused()
    actions.press("Enter")
    expect(actions).to_have_attribute("aria-expanded", "true")
    patient.page.keyboard.press("Tab")
    patient.page.keyboard.press("Tab")
    patient.page.keyboard.press("Enter")
    expect(reaction).to_have_text(["🎉 2", f"{THUMB} 1"])
    expect(actions).to_be_focused()  # where it was chosen from is gone
    actions.press("Enter")
    actions.press("Escape")
    expect(actions).to_have_attribute("aria-expanded", "false")
    expect(actions).to_be_focused()


def test_the_button_for_actions_says_whose_message_it_is_about(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    """To those who hear its name; to those who see it by its place, which is beside the line and on none of its own."""
    for text in ("Good morning", "See you on Monday"):
        say(as_doc1, conversation, text)
    patient = window(width=360).sign_in(PATIENT)
    patient.open(PROVIDER)
    for text in ("Good morning", "See you on Monday"):
        actions = patient.page.get_by_role("button", name=f"Actions: {PROVIDER.name}: {text}", exact=True)
        place, words = actions.bounding_box(), patient.message(text).locator(".sender").bounding_box()
        assert place is not None
        assert words is not None
        assert place["y"] <= words["y"] < place["y"] + place["height"]
        assert min(place["width"], place["height"]) >= 24  # WCAG 2.2, 2.5.8
