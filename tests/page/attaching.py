"""What people do with files on the page, and what they see of them."""

import re
from typing import Any

import httpx
from playwright.sync_api import FilePayload, Locator, expect

from tests.page.browser import Window

# What carries files of these names, types and contents, as a hand or a clipboard does.
_CARRIER = """(files) => {
  const carrier = new DataTransfer();
  for (const [name, type, text] of files) {
    if (name) carrier.items.add(new File([text], name, { type })); else carrier.items.add(text, type);
  }
  return carrier;
}"""

Carried = list[tuple[str, str, str]]
"""Name, type, content; of text without a name: "", type, text."""


def a_file(name: str, content: bytes, declared: str = "") -> FilePayload:
    return {"name": name, "mimeType": declared, "buffer": content}


def attach(window: Window, *files: FilePayload) -> None:
    """By the button, as somebody does who has no pointer."""
    with window.page.expect_file_chooser() as asked:
        window.page.get_by_role("button", name="Attach files").press("Enter")
    asked.value.set_files([*files])


def drop(window: Window, files: Carried, on: str = "#messages") -> None:
    carrier = window.page.evaluate_handle(_CARRIER, files)
    for event in ("dragenter", "dragover", "drop"):
        window.page.dispatch_event(on, event, {"dataTransfer": carrier})


def paste(window: Window, files: Carried) -> None:
    carrier = window.page.evaluate_handle(_CARRIER, files)
    window.page.evaluate(
        "(clipboardData) => document.getElementById('text').dispatchEvent("
        "new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))",
        carrier,
    )


def in_tray(window: Window, name: str | re.Pattern[str] = "") -> Locator:
    """What waits to be sent, and is of this name."""
    return window.page.get_by_role("list", name="Files to send").get_by_role("listitem").filter(has_text=name)


def is_ready(window: Window, count: int = 1) -> None:
    """So many files wait, and all of them can be sent."""
    expect(in_tray(window)).to_have_count(count)
    expect(window.page.locator("#tray .ready")).to_have_count(count)


def send(window: Window) -> None:
    """Send what is there, and wait until the server has it."""
    before = window.page.locator("#messages > li").count()
    window.press("Send")
    expect(window.page.locator("#messages > li")).to_have_count(before + 1)
    expect(in_tray(window)).to_have_count(0)
    window.nothing_waits()


def shown(window: Window) -> Locator:
    """The files in the messages of the open conversation."""
    return window.page.locator("#messages .files > *")


def picture_comes(picture: Locator) -> None:
    """Its bytes have arrived and are a picture."""
    expect(picture).to_have_js_property("complete", True)
    expect(picture).not_to_have_js_property("naturalWidth", 0)


def messages(client: httpx.Client, conversation: str) -> list[dict[str, Any]]:
    """The newest messages, as another device gets them."""
    page = client.get(f"/api/v1/conversations/{conversation}/messages").raise_for_status().json()
    return [*page["results"]]


def sent_with(client: httpx.Client, conversation: str, *attachments: dict[str, Any], **more: Any) -> str:
    """Send these files over REST; the new message's id."""
    asked = {"attachmentIds": [one["id"] for one in attachments], **more}
    answer = client.post(f"/api/v1/conversations/{conversation}/messages", json=asked)
    return str(answer.raise_for_status().json()["id"])
