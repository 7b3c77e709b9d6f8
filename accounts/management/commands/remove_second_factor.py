"""`manage.py remove_second_factor`: for the superuser who has lost the app and the recovery codes."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import services
from accounts.models import User
from core.actor import SYSTEM


class Command(BaseCommand):
    help = "Remove somebody's authenticator app: they sign in to the admin with their password and set up another."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        user = User.objects.find(username)
        if user is None:
            raise CommandError("There is nobody of that name.")
        if not services.remove_second_factor_on_host(actor=SYSTEM, user=user):
            raise CommandError("They have no authenticator app.")
        self.stdout.write("The authenticator app is removed.")
