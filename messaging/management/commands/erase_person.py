"""`manage.py erase_person USERNAME`: somebody asks to be forgotten."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from accounts.services import erase_user
from core.actor import SYSTEM
from core.errors import AppError, LegalHold
from core.ids import parse_uuid
from messaging.erasing import erase_what_they_said
from messaging.models import Membership, Message
from messaging.models.conversation import Kind


class Command(BaseCommand):
    help = (
        "Erase a person for good: their account names nobody any more, what they said becomes tombstones. What stands "
        "in clinical conversations is a medical record and stays, unless --with-records. Refused while a legal hold "
        "covers them. A repeat takes up what is left."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="their login name; of somebody who was erased before, their id")
        parser.add_argument("--with-records", action="store_true", help="their medical record goes as well")
        parser.add_argument("--yes", action="store_true", help="do it; without this it is only said what would go")

    def handle(self, *args: Any, username: str, with_records: bool, yes: bool, **options: Any) -> None:
        user = User.objects.find(username) or _by_id(username)
        if user is None:
            raise CommandError("There is nobody of that name.")
        if not yes:
            self.stdout.write(_told(user, with_records))
            return
        try:
            erase_user(actor=SYSTEM, user=user, with_records=with_records)
        except LegalHold:
            raise CommandError("A legal hold covers them: `manage.py legal_hold list` shows all of them.") from None
        except AppError as refusal:
            raise CommandError(refusal.detail) from None
        try:
            erased = erase_what_they_said(user.id)
        except LegalHold:
            raise CommandError(
                "The account is erased, and what no legal hold covers. The worker looks each day whether the rest may "
                f"go; when the hold is lifted, this command does it at once: the person is {user.id} now."
            ) from None
        except AppError as refusal:
            raise CommandError(refusal.detail) from None
        self.stdout.write(
            f"Erased: {erased.messages} messages, {erased.reactions} reactions, {erased.files} files, details of "
            f"{erased.details} audit entries. What is left of the person is the id {user.id}. The worker removes the "
            "objects of their files. Copies of the database from before still have all of it: they expire."
        )


def _by_id(text: str) -> User | None:
    id_ = parse_uuid(text)
    return None if id_ is None else User.objects.filter(pk=id_).first()


def _told(user: User, with_records: bool) -> str:
    theirs = Message.objects.filter(sender=user, deleted_at=None)
    clinical = theirs.filter(conversation__kind=Kind.CLINICAL).count()
    going = theirs.count() - (0 if with_records else clinical)
    stays = Membership.objects.filter(user=user).values("conversation_id").distinct().count()
    lines = [
        f"{user.id}: {going} messages in {stays} conversations would be erased, with their account.",
        f"{clinical} messages in clinical conversations would {'go too' if with_records else 'stay'}.",
        "It cannot be undone. Add --yes.",
    ]
    return "\n".join(lines)
