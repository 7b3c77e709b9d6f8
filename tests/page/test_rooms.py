"""Rooms on the page: made, found, joined, left, and who is in them."""

import httpx
from playwright.sync_api import expect

from tests.page.browser import OTHER_PROVIDER, PATIENT, PROVIDER, OpenWindow, Someone, Window, room, say, until
from tests.people import Person


def in_panel(window: Window, who: Someone) -> None:
    """Somebody is in the panel of members, which is open."""
    shown = window.page.get_by_role("dialog").get_by_role("list", name="Members").get_by_role("listitem")
    expect(shown.filter(has_text=who.name)).to_be_visible()


def test_a_room_is_made_with_people_in_it(window: OpenWindow) -> None:
    doctor, colleague = window().sign_in(PROVIDER), window().sign_in(OTHER_PROVIDER)
    doctor.press("New room")
    form = doctor.page.get_by_role("dialog", name="New room")
    form.get_by_label("Kind").select_option("Private room")
    form.get_by_label("Name").fill("Ward 3, nights")
    doctor.find("Invite people", OTHER_PROVIDER.username).click()
    expect(form.get_by_role("list", name="Invited")).to_contain_text(OTHER_PROVIDER.name)
    form.get_by_role("button", name="Create").click()
    expect(doctor.page.get_by_role("heading", name="Ward 3, nights")).to_be_visible()
    doctor.write("Who is on tonight?")
    expect(colleague.in_list("Ward 3, nights")).to_contain_text("Private room")
    colleague.open("Ward 3, nights")
    colleague.shows("Who is on tonight?")
    colleague.write("I am.")
    doctor.shows("Who is on tonight?", "I am.")
    expect(doctor.page.locator("#people-here")).to_have_text("Members (2)")


def test_a_refusal_is_said_in_the_dialog_and_nothing_is_made(window: OpenWindow) -> None:
    """A provider does not make courses."""
    doctor = window().sign_in(PROVIDER)
    doctor.press("New room")
    form = doctor.page.get_by_role("dialog", name="New room")
    form.get_by_label("Kind").select_option("Course")
    form.get_by_label("Name").fill("Anatomy")
    form.get_by_label("Course number").fill("A-101")
    form.get_by_role("button", name="Create").click()
    expect(form.get_by_role("alert")).not_to_be_empty()
    form.get_by_role("button", name="Close").click()
    expect(doctor.in_list("Anatomy")).to_have_count(0)
    doctor.forgive("403")


def test_an_open_room_is_found_joined_and_left(window: OpenWindow, as_doc1: httpx.Client) -> None:
    open_room = room(as_doc1, "Radiology rounds", kind="public")
    room(as_doc1, "Radiology secrets", kind="private")
    say(as_doc1, open_room, "Welcome")
    doctor, colleague = window().sign_in(PROVIDER), window().sign_in(OTHER_PROVIDER)
    doctor.open("Radiology rounds")
    colleague.press("Join a room")
    found = colleague.find("Words of its name", "radiology")
    expect(found).to_have_count(1)
    found.click()
    colleague.shows("Welcome")
    expect(doctor.page.locator("#people-here")).to_have_text("Members (2)")
    colleague.members()
    colleague.press("Leave")
    colleague.press("Really leave?")
    expect(colleague.in_list("Radiology rounds")).to_have_count(0)
    expect(colleague.page.get_by_role("alert").first).to_contain_text("no longer in")
    expect(doctor.page.locator("#people-here")).to_have_text("Members (1)")


def test_patients_are_not_offered_rooms(window: OpenWindow) -> None:
    patient = window().sign_in(PATIENT)
    expect(patient.page.get_by_role("button", name="New room")).to_be_hidden()
    expect(patient.page.get_by_role("button", name="Join a room")).to_be_hidden()


def test_the_owner_adds_and_removes_people(window: OpenWindow, as_doc1: httpx.Client) -> None:
    """Who is removed sees the room no more, and the panel of everybody follows."""
    ward = room(as_doc1, "Ward 3")
    say(as_doc1, ward, "For members only")
    doctor, colleague = window().sign_in(PROVIDER), window().sign_in(OTHER_PROVIDER)
    doctor.open("Ward 3")
    entries = doctor.members()
    expect(entries).to_have_count(1)
    expect(entries.first).to_contain_text("owner")
    doctor.find("Add somebody", OTHER_PROVIDER.username).click()
    in_panel(doctor, OTHER_PROVIDER)
    expect(doctor.page.get_by_role("button", name=f"Remove {OTHER_PROVIDER.name}", exact=True)).to_be_visible()
    colleague.open("Ward 3")
    say(as_doc1, ward, "Good morning")
    colleague.shows("Good morning")
    entries.filter(has_text=OTHER_PROVIDER.name).get_by_role("button", name="Remove").click()
    doctor.press("Really remove?")
    expect(entries).to_have_count(1)
    expect(colleague.in_list("Ward 3")).to_have_count(0)
    assert colleague.texts() == []
    expect(colleague.page.locator("#conversation")).to_be_hidden()


def test_a_member_sees_roles_and_is_offered_nothing_else(
    window: OpenWindow, as_doc1: httpx.Client, doc2: Person
) -> None:
    room(as_doc1, "Ward 3", doc2)
    colleague = window().sign_in(OTHER_PROVIDER)
    colleague.open("Ward 3")
    entries = colleague.members()
    expect(entries.filter(has_text=PROVIDER.name)).to_contain_text("owner")
    expect(entries.filter(has_text=OTHER_PROVIDER.name)).to_contain_text("member")
    expect(entries.filter(has_text=PROVIDER.name)).to_contain_text(f"@{PROVIDER.username}")  # how they are mentioned
    panel = colleague.page.get_by_role("dialog")
    expect(panel.get_by_role("button", name="Leave")).to_be_visible()
    expect(panel.get_by_role("button", name="Remove")).to_have_count(0)
    expect(panel.get_by_label("Add somebody")).to_be_hidden()


def test_a_role_that_changes_changes_what_is_offered(window: OpenWindow, as_doc1: httpx.Client, doc2: Person) -> None:
    ward = room(as_doc1, "Ward 3", doc2)
    colleague = window().sign_in(OTHER_PROVIDER)
    colleague.open("Ward 3")
    colleague.members()
    as_doc1.patch(f"/api/v1/conversations/{ward}/members/{doc2.id}", json={"role": "moderator"}).raise_for_status()
    expect(colleague.page.get_by_label("Add somebody")).to_be_visible()


def test_a_new_name_is_seen_at_once(window: OpenWindow, as_doc1: httpx.Client, doc2: Person) -> None:
    ward = room(as_doc1, "Ward 3", doc2)
    colleague = window().sign_in(OTHER_PROVIDER)
    colleague.open("Ward 3")
    as_doc1.patch(f"/api/v1/conversations/{ward}", json={"name": "Ward 4"}).raise_for_status()
    expect(colleague.page.get_by_role("heading", name="Ward 4")).to_be_visible()
    expect(colleague.in_list("Ward 4")).to_be_visible()


def test_a_room_that_is_deleted_is_gone_for_everybody(window: OpenWindow, as_doc1: httpx.Client, doc2: Person) -> None:
    ward = room(as_doc1, "Ward 3", doc2)
    say(as_doc1, ward, "Good morning")
    colleague = window().sign_in(OTHER_PROVIDER)
    colleague.open("Ward 3")
    colleague.shows("Good morning")
    as_doc1.delete(f"/api/v1/conversations/{ward}").raise_for_status()
    expect(colleague.in_list("Ward 3")).to_have_count(0)
    until(colleague, lambda: colleague.texts() == [] or colleague.page.locator("#conversation").is_hidden())
    colleague.forgive("404")  # who is in it may still have been asked for when it went


def test_mentions_have_a_badge_of_their_own(window: OpenWindow, as_doc1: httpx.Client, doc2: Person) -> None:
    """Somebody by name, and everybody by the owner; both are forgotten once they are read."""
    ward = room(as_doc1, "Ward 3", doc2)
    colleague = window().sign_in(OTHER_PROVIDER)
    expect(colleague.in_list("Ward 3")).to_be_visible()
    say(as_doc1, ward, "Nobody in particular")
    say(as_doc1, ward, f"@{OTHER_PROVIDER.username} please call back")
    expect(colleague.in_list("Ward 3")).to_contain_text("@1 mentions")
    expect(colleague.in_list("Ward 3")).to_contain_text("2 unread")
    say(as_doc1, ward, "@all please wash your hands")
    expect(colleague.in_list("Ward 3")).to_contain_text("@2 mentions")
    colleague.open("Ward 3")
    expect(colleague.page.locator("#messages li.named mark")).to_have_text(f"@{OTHER_PROVIDER.username}")
    expect(colleague.in_list("Ward 3")).not_to_contain_text("mentions")
