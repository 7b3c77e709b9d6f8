"""`manage.py shred_conversation ID`: destroy a conversation with its keys, for good."""

import re
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.actor import SYSTEM
from core.errors import AppError
from messaging.models import Conversation, Message
from messaging.services import shred_conversation

_CODE = re.compile(r"[a-z][a-z0-9_-]{0,63}")


class Command(BaseCommand):
    help = (
        "Destroy the keys of a conversation, then all of its rows and files. Nothing of it opens any more, in this "
        "database or in any copy of its data read with the present vault. It cannot be undone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("conversation", type=UUID, help="its id")
        parser.add_argument("--reason", required=True, help="a short code for the audit log: erasure_request")
        parser.add_argument("--yes", action="store_true", help="do it; without this it is only said what would go")

    def handle(self, *args: Any, conversation: UUID, reason: str, yes: bool, **options: Any) -> None:
        if not _CODE.fullmatch(reason):
            raise CommandError("The reason is a code of small letters, digits, - and _: it stands in the log in clear.")
        found = Conversation.objects.filter(pk=conversation).first()
        if found is None:
            raise CommandError("There is no such conversation.")
        if found.shredded_at is not None:
            self.stdout.write(f"It was destroyed on {found.shredded_at:%Y-%m-%d %H:%M} UTC. Nothing was changed.")
            return
        messages = Message.objects.filter(conversation=conversation).count()
        if not yes:
            self.stdout.write(f"A {found.kind} conversation with {messages} messages would be destroyed. Add --yes.")
            return
        try:
            shred_conversation(actor=SYSTEM, subject=found, reason=reason)
        except AppError as refusal:
            raise CommandError(refusal.detail) from None
        self.stdout.write(f"Destroyed. The worker removes its {messages} messages and their files now.")
