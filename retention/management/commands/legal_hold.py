"""`manage.py legal_hold`: place, lift and list holds, where the admin is out of reach."""

import sys
from argparse import ArgumentTypeError
from typing import Any
from uuid import UUID

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.admin_base import person_called
from core.actor import SYSTEM
from core.errors import AppError
from core.ids import parse_uuid
from core.time import wire_time
from retention.models import LegalHold, TargetKind
from retention.services import lift_hold, place_hold


def _id(text: str) -> UUID:
    value = parse_uuid(text)
    if value is None:
        raise ArgumentTypeError(f"{text!r} is no id")
    return value


def _target(kind: str, text: str) -> UUID:
    value = parse_uuid(text)
    if value is None and kind == TargetKind.USER:
        value = person_called(text)
    if value is None:
        raise CommandError(f"{text!r} is no id" + (", and nobody's login name" if kind == TargetKind.USER else ""))
    return value


class Command(BaseCommand):
    help = "Keep what a person, a patient record or a conversation has, whatever policies say and whoever deletes it."

    def add_arguments(self, parser: CommandParser) -> None:
        ways = parser.add_subparsers(dest="way", required=True)
        place = ways.add_parser(
            "place", help="the reason is read from standard input: a command line is seen by others"
        )
        place.add_argument("kind", choices=TargetKind.values, help="a user is a person")
        place.add_argument("id", help="or the login name of a person")
        place.add_argument("--case", default="", help="the number of the case")
        lift = ways.add_parser("lift")
        lift.add_argument("hold", type=_id)
        listing = ways.add_parser("list", help="the holds in force, without their reasons")
        for way in (place, lift, listing):
            way.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = {"place": self._place, "lift": self._lift, "list": self._list}[options["way"]](options)
        except AppError as refusal:
            raise CommandError(refusal.detail) from refusal
        rows = [_row(hold) for hold in found]
        if options["json"]:
            self.stdout.write(orjson.dumps(rows).decode())
        else:
            self.stdout.write("\n".join(_in_words(row) for row in rows) or "Nothing is held.")

    def _place(self, options: dict[str, Any]) -> list[LegalHold]:
        reason = sys.stdin.read().strip()
        kind, target = options["kind"], _target(options["kind"], options["id"])
        return [place_hold(actor=SYSTEM, target_kind=kind, target_id=target, reason=reason, case_id=options["case"])]

    def _lift(self, options: dict[str, Any]) -> list[LegalHold]:
        return [lift_hold(actor=SYSTEM, hold=LegalHold(id=options["hold"]))]

    def _list(self, options: dict[str, Any]) -> list[LegalHold]:
        return list(LegalHold.objects.filter(lifted_at=None).defer("reason", "case_id").order_by("id"))


def _row(hold: LegalHold) -> dict[str, Any]:
    return {
        "id": str(hold.id),
        "targetKind": hold.target_kind,
        "targetId": str(hold.target_id),
        "placedAt": wire_time(hold.placed_at),
        "liftedAt": None if hold.lifted_at is None else wire_time(hold.lifted_at),
    }


def _in_words(row: dict[str, Any]) -> str:
    lifted = f", lifted {row['liftedAt']}" if row["liftedAt"] else ""
    return f"{row['id']}: {row['targetKind']} {row['targetId']}, placed {row['placedAt']}{lifted}"
