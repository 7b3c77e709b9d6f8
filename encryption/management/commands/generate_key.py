"""`manage.py generate_key`: a new master key, and where to put it."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from encryption.canary import fingerprint, shown
from encryption.generate import new_master_key
from encryption.providers import EnvironmentProvider, parse_master_keys


class Command(BaseCommand):
    help = "Prints a new master key under the next free id. Stores and changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        present = parse_master_keys(settings.MASTER_KEYS)
        key_id = next(f"k{number}" for number in range(1, len(present) + 2) if f"k{number}" not in present)
        # The key alone goes to standard output, so that it can be piped to where it belongs.
        key = new_master_key()
        self.stdout.write(f"{key_id}:{key}")
        fresh = EnvironmentProvider(parse_master_keys(f"{key_id}:{key}"), key_id)
        self.stderr.write(
            f"Its fingerprint, which is no secret, is {shown(fingerprint(fresh, key_id))}."
            f"\nAdd it to MASTER_KEYS after a comma, and keep {', '.join(present)} there: nothing else opens the keys"
            " that were wrapped so far."
            f"\nRestart every process, then set MASTER_KEY_ACTIVE={key_id} and restart again."
            "\nKeep a copy where neither the database nor its backups are. It is shown only now."
        )
