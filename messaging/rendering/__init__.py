"""Rows become what stands on the wire, with their bodies opened."""

from messaging.rendering.conversations import conversation_out, member_out, muting, preferences_out, receipt_out
from messaging.rendering.messages import (
    Wire,
    earlier_text,
    event_message,
    missing_message,
    personal_message,
    preview,
    removed_message,
    veiled,
    with_preview,
)
from messaging.rendering.progress import SENT, progress_times

__all__ = [
    "SENT",
    "Wire",
    "conversation_out",
    "earlier_text",
    "event_message",
    "member_out",
    "missing_message",
    "muting",
    "personal_message",
    "preferences_out",
    "preview",
    "progress_times",
    "receipt_out",
    "removed_message",
    "veiled",
    "with_preview",
]
