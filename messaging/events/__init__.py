"""What clients may ask of messaging and what they are told, declared once for every door."""

from messaging.events import conversations, export, looking, members, messages, patients, pins, reactions, receipts

__all__ = ["conversations", "export", "looking", "members", "messages", "patients", "pins", "reactions", "receipts"]
