"""What clients may ask of accounts and what they are told, declared once for every door."""

from accounts.events import blocking, patients, presence

__all__ = ["blocking", "patients", "presence"]
