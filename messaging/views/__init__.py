"""The routes of messaging. Each runs the declaration that sockets run too; the two hot ones are plain async views."""

from messaging.views import (
    conversations,
    export,
    history,
    looking,
    members,
    messages,
    patients,
    pins,
    reactions,
    receipts,
)

__all__ = [
    "conversations",
    "export",
    "history",
    "looking",
    "members",
    "messages",
    "patients",
    "pins",
    "reactions",
    "receipts",
]
