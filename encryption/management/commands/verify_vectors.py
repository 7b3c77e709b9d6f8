"""`manage.py verify_vectors`: does this build still read and write the documented byte formats?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from encryption.vectors import VECTORS


class Command(BaseCommand):
    help = "Runs the known-answer tests of the byte formats; exit status 1 when one does not hold."

    def handle(self, *args: Any, **options: Any) -> None:
        failed = [vector.name for vector in VECTORS if not vector.holds()]
        for vector in VECTORS:
            self.stdout.write(f"{'mismatch' if vector.name in failed else 'ok':8}  {vector.name}")
        if failed:
            raise CommandError(f"{len(failed)} of {len(VECTORS)} known answers do not hold.")
