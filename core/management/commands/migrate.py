"""`manage.py migrate`, as the role that owns the tables wherever there is one."""

from django.conf import settings
from django.core.management.base import CommandParser
from django.core.management.commands import migrate


class Command(migrate.Command):
    """Django's own; only the default of `--database` is another: `owner` when DATABASE_OWNER_URL is set.

    The server's role could not make tables, and must not own the audit log it writes.
    """

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        if "owner" in settings.DATABASES:
            parser.set_defaults(database="owner")
