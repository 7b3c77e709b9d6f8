"""The page at `/` in a real Chromium: what people write arrives, is seen, and is nothing but text."""

import httpx
from playwright.sync_api import Page, expect

from tests.live import Server
from tests.page.browser import OTHER_PROVIDER, PATIENT, PROVIDER, OpenWindow, Someone, contents, room, say, until
from tests.people import Person

CLINICAL = ("K<3.5 and Na>145 & <john@hosp.org>", "if a<b and c>d", "AT&T &amp; x", "مرحبا ‮abc‬ 👩🏽‍⚕️")

# T065: what has run in somebody's chat before.
HOSTILE = (
    "<script>window.ran = 1</script>",
    "<svg/onload=window.ran=1>",
    "<img src=x onerror=window.ran=1>",
    '"><img src=x onerror="window.ran=1">',
    "'\"><script>window.ran=1</script>",
    "<a href='javascript:window.ran=1'>click</a>",
    "javascript:window.ran=1",
    "<iframe srcdoc='<script>parent.ran=1</script>'>",
    "<details open ontoggle=window.ran=1>",
    "<body onload=window.ran=1>",
    "<input autofocus onfocus=window.ran=1>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=window.ran=1>",
    "<style>@import 'http://127.0.0.1:9/x.css';</style>",
    "<link rel=stylesheet href=http://127.0.0.1:9/x.css>",
    "<base href=http://127.0.0.1:9/>",
    "<object data=javascript:window.ran=1>",
    "<scr<script>ipt>window.ran=1</scr</script>ipt>",
    "&lt;script&gt;window.ran=1&lt;/script&gt;",
    "${window.ran=1}{{constructor.constructor('window.ran=1')()}}",
    "<x onclick=window.ran=1 style=position:fixed;inset:0>",
)


def test_two_people_talk_live(window: OpenWindow) -> None:
    """From the first word of a new conversation on; clinical text arrives as it was typed."""
    patient, provider = window().sign_in(PATIENT), window().sign_in(OTHER_PROVIDER)
    patient.start_with(OTHER_PROVIDER)
    patient.write("Is my potassium all right?")
    provider.open(PATIENT)
    provider.shows("Is my potassium all right?")
    provider.write(CLINICAL[0])
    patient.shows("Is my potassium all right?", CLINICAL[0])
    for text in CLINICAL[1:]:
        patient.write(text)
    provider.shows("Is my potassium all right?", *CLINICAL)
    patient.nothing_waits()


def test_nothing_that_people_write_runs_in_the_browser(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    """T065, T066: the server's words are shown as they are, whatever they look like."""
    hostile = Someone(PROVIDER.username, '<img src=x onerror="window.ran=1">')
    as_doc1.patch("/api/v1/me", json={"displayName": hostile.name}).raise_for_status()
    patient = window().sign_in(PATIENT)
    patient.open(hostile)
    for text in HOSTILE:
        as_doc1.post(f"/api/v1/conversations/{conversation}/messages", json={"content": text})
    patient.shows(*contents(as_doc1, conversation))
    assert len(patient.texts()) >= 10  # the others were nothing but tags, and were refused
    assert patient.page.evaluate("window.ran") is None
    assert patient.page.locator("#app :is(script, img, svg, iframe, style, link, a, object, details)").count() == 0
    for shown in ("#messages .text", "#conversations bdi", "#title"):
        expect(patient.page.locator(shown).first).to_have_css("unicode-bidi", "isolate")


def test_nothing_that_names_a_room_or_a_person_runs_in_the_browser(
    window: OpenWindow, as_doc1: httpx.Client, as_doc2: httpx.Client, conversation: str, doc2: Person
) -> None:
    """T065, T066: every name and word that the page shows elsewhere than in a message, as they are."""
    attack = '"><img src=x onerror="window.ran=1">'
    for client in (as_doc1, as_doc2):
        client.patch("/api/v1/me", json={"displayName": attack}).raise_for_status()
    as_doc2.put("/api/v1/me/presence", json={"status": "online", "customStatus": attack}).raise_for_status()
    ward = room(as_doc1, attack, doc2, kind="private", description=f"Words {attack}")
    room(as_doc2, f"open {attack}", kind="public", description=f"Words {attack}")
    said = say(as_doc1, ward, "a<b & c>d")
    as_doc2.put(f"/api/v1/messages/{said}/reactions/👍").raise_for_status()
    answer = {"content": "yes", "replyToId": said}
    as_doc2.post(f"/api/v1/conversations/{ward}/messages", json=answer).raise_for_status()
    doctor = window().sign_in(PROVIDER)
    doctor.open(attack)
    doctor.shows("a<b & c>d", "yes")
    doctor.act_on("a<b & c>d", "Reply")
    expect(doctor.message("yes").locator(".quote")).to_contain_text(f"{attack} a<b & c>d")
    expect(doctor.message("a<b & c>d").locator(".reactions button")).to_have_attribute("title", attack)
    entries = doctor.members()
    expect(entries).to_have_count(2)
    expect(entries.get_by_text(attack).first).to_be_visible()
    expect(doctor.page.locator("#description")).to_contain_text("Words")
    doctor.find("Add somebody", "img")
    doctor.page.keyboard.press("Escape")
    doctor.press("Join a room")
    expect(doctor.find("Words of its name", "open").first).to_contain_text(attack)
    assert doctor.page.evaluate("window.ran") is None
    doctor.page.evaluate("document.querySelector('#sign-in').remove()")  # it has `details` of its own
    assert doctor.page.locator("body :is(script, img, svg, iframe, style, link, a, object, details)").count() == 0
    for shown in ("#title", "#conversations bdi", ".quote bdi", "#answered", "#answered-text", "#me bdi", "#rooms bdi"):
        expect(doctor.page.locator(shown).first).to_have_css("unicode-bidi", "isolate")


def test_the_page_may_run_nothing_but_its_own_files(window: OpenWindow, server: Server) -> None:
    policy = httpx.get(server.url, trust_env=False).headers["content-security-policy"]
    assert "unsafe" not in policy
    opened = window()
    opened.page.goto(server.url)
    opened.is_signed_out()
    with opened.page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        opened.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=data:, onerror=window.ran=1>')")
    assert opened.page.evaluate("window.ran") is None
    opened.forgive("Content Security Policy")


def test_unread_messages_are_counted_until_they_are_seen(
    window: OpenWindow, as_doc1: httpx.Client, as_pat1: httpx.Client, conversation: str
) -> None:
    say(as_doc1, conversation, "before")
    patient = window().sign_in(PATIENT)
    expect(patient.in_list(PROVIDER)).to_contain_text("1 unread")
    say(as_doc1, conversation, "live")
    expect(patient.in_list(PROVIDER)).to_contain_text("2 unread")
    expect(patient.page).to_have_title("(2) Parley")
    patient.open(PROVIDER)
    patient.shows("before", "live")
    expect(patient.page).to_have_title("Parley")
    until(patient, lambda: as_pat1.get("/api/v1/conversations/unread-count").json()["total"] == 0)
    patient.page.reload()
    patient.is_connected()
    expect(patient.in_list(PROVIDER)).not_to_contain_text("unread")


def test_edits_and_deletions_are_seen_live(window: OpenWindow, as_doc1: httpx.Client, conversation: str) -> None:
    wrong, secret = say(as_doc1, conversation, "Take 10 mg"), say(as_doc1, conversation, "wrong window")
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    patient.shows("Take 10 mg", "wrong window")
    as_doc1.patch(f"/api/v1/messages/{wrong}", json={"content": "Take 1.0 mg"}).raise_for_status()
    as_doc1.delete(f"/api/v1/messages/{secret}").raise_for_status()
    patient.shows("Take 1.0 mg", "Message deleted")
    expect(patient.page.locator("#messages li").first).to_contain_text("edited")


def test_older_messages_come_page_by_page(window: OpenWindow, as_doc1: httpx.Client, conversation: str) -> None:
    texts = [f"message {n}" for n in range(1, 58)]
    for text in texts:
        say(as_doc1, conversation, text)
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    patient.shows(*texts[-50:])
    patient.page.get_by_role("button", name="Older messages").click()
    patient.shows(*texts)
    expect(patient.page.get_by_role("button", name="Older messages")).to_be_hidden()


def test_a_half_written_message_stays_with_its_conversation(window: OpenWindow, conversation: str) -> None:
    patient = window().sign_in(PATIENT)
    patient.start_with(OTHER_PROVIDER)
    patient.open(PROVIDER)
    patient.page.get_by_label("Message", exact=True).fill("only for one of them")
    patient.open(OTHER_PROVIDER)
    expect(patient.page.get_by_label("Message", exact=True)).to_have_value("")
    patient.open(PROVIDER)
    expect(patient.page.get_by_label("Message", exact=True)).to_have_value("only for one of them")


def test_what_the_server_refuses_to_store_can_be_thrown_away(window: OpenWindow, conversation: str) -> None:
    patient = window().sign_in(PATIENT)
    patient.open(PROVIDER)
    patient.write("x" * 5001)
    expect(patient.page.locator("#messages .failed")).to_contain_text("at most 5000 characters")
    patient.press("Throw away")
    patient.shows()
    patient.write("shorter")
    patient.shows("shorter")
    patient.nothing_waits()


def test_the_page_fits_a_small_phone_and_works_by_keyboard(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str
) -> None:
    say(as_doc1, conversation, "a" * 300)
    patient = window(width=360).sign_in(PATIENT)
    fits(patient.page)
    patient.in_list(PROVIDER).focus()
    patient.page.keyboard.press("Enter")
    patient.shows("a" * 300)
    fits(patient.page)
    expect(patient.page.get_by_label("Message", exact=True)).to_be_focused()
    patient.page.keyboard.type("typed")
    patient.page.keyboard.press("Enter")
    patient.shows("a" * 300, "typed")
    patient.page.get_by_role("button", name="Back").focus()
    patient.page.keyboard.press("Enter")
    expect(patient.in_list(PROVIDER)).to_be_focused()


def test_rooms_and_their_dialogs_fit_a_small_phone(
    window: OpenWindow, as_doc1: httpx.Client, conversation: str, doc2: Person
) -> None:
    name = "Ward 3 " + "x" * 80
    said = say(as_doc1, room(as_doc1, name, doc2), "a" * 300)
    for emoji in "👍🎉🙏😢😮😂🚑💊🩺🦠":
        as_doc1.put(f"/api/v1/messages/{said}/reactions/{emoji}").raise_for_status()
    colleague = window(width=360).sign_in(OTHER_PROVIDER)
    fits(colleague.page)
    colleague.open(name)
    colleague.shows("a" * 300)
    colleague.message("a" * 300).get_by_role("button", name="Actions").click()
    fits(colleague.page)
    colleague.members()
    fits(colleague.page)
    colleague.page.keyboard.press("Escape")
    colleague.press("Back to the conversations")
    for button in ("New room", "Join a room"):
        colleague.press(button)
        fits(colleague.page)
        colleague.page.keyboard.press("Escape")


def fits(page: Page) -> None:
    """Nothing sticks out sideways, of the page or of a dialog."""
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("[...document.querySelectorAll('dialog')].every((it) => it.scrollWidth <= it.clientWidth)")
