"""Erasing a person: whatever names them goes, and what refers to them keeps an id that says nothing."""

from uuid import UUID

from django.db.models import Q

import audit
from accounts import erasure, names, passwords, policies, record_numbers
from accounts.models import Block, LoginSession, PatientRecord, RefreshToken, User
from accounts.services.second_factor import remove_second_factor_on_host
from accounts.services.users import disable_user
from core.actor import SYSTEM_ID, Actor
from core.errors import Forbidden
from core.time import now
from realtime import announce
from retention import holds, wiring

ERASE_USER = "accounts.erase_user"

_BLANK = {
    "display_name": None,
    "email": None,
    "custom_status": None,
    "out_of_office": None,
    "last_seen_at": None,
    "time_zone": "UTC",
    "language": "en",
    "is_staff": False,
}


def erase_user(*, actor: Actor, user: User, with_records: bool = False) -> User:
    """From COMMIT on this person can do nothing any more, and nothing of their account names them; what they said is
    erased by a job soon after. It cannot be undone. Returns the user as stored.

    Messages in clinical conversations, and the patient record, stay: they are somebody's medical record, which the law
    has kept for years whoever asks (GDPR 17(3)(b), (c)). `with_records` erases those as well, where it is known that
    nothing requires them. The link from the record to the account goes either way.

    A repeat takes up what is left to do. Raises Forbidden without the right to, for oneself, for superusers and for the
    server itself; LegalHold while a hold covers the person, or a conversation they ever were in.
    """
    if actor.id != SYSTEM_ID and not wiring.may(actor, ERASE_USER):
        raise Forbidden("That needs a permission you do not have.", subject_id=user.id)
    policies.can_erase(actor, user)
    with audit.transaction():
        records = list(PatientRecord.objects.filter(user=user.pk).values_list("id", flat=True))
        holds.require_person_not_held(user.pk, records)
        user = disable_user(actor=actor, user=user)
        policies.can_erase(actor, user)
        if user.erased_at is None or (with_records and not user.records_erased):
            _erase_records(actor, user.id, for_good=with_records)
            _erase_account(actor, user, with_records)
            reason = "with_records" if with_records else ""
            audit.record("user.erased", actor=actor, object_id=user.id, reason=reason)
        erasure.follow(user.id)
    return user


def placeholder_of(user_id: UUID) -> str:
    """The login name of somebody who was erased: their id, which is nobody's name."""
    return f"erased-{user_id.hex}"


def _erase_account(actor: Actor, user: User, with_records: bool) -> None:
    for name, value in _BLANK.items():
        setattr(user, name, value)
    user.username, user.password = placeholder_of(user.id), passwords.encode(None)
    user.erased_at = user.erased_at or now()
    user.records_erased = user.records_erased or with_records
    user.save(update_fields=[*_BLANK, "username", "password", "erased_at", "records_erased"])
    user.groups.clear()
    user.user_permissions.clear()
    names.index(user.id, None)
    remove_second_factor_on_host(actor=actor, user=user)
    Block.objects.filter(Q(blocker=user) | Q(blocked=user)).delete()
    _erase_sessions(user)
    announce.described(user.id)


def _erase_sessions(user: User) -> None:
    """They have ended. That they were is left for as long as the policy says; on what device is not."""
    RefreshToken.objects.filter(session__user=user).delete()
    for session in LoginSession.objects.filter(user=user):
        session.user_agent, session.ip_h = "", None
        session.save(update_fields=["user_agent", "ip_h"])


def _erase_records(actor: Actor, user_id: UUID, *, for_good: bool) -> None:
    for record in PatientRecord.objects.select_for_update(no_key=True).filter(user=user_id):
        record.user_id = None
        if for_good:
            record.mrn = f"erased-{record.id}"
            record.mrn_h = record_numbers.number_hash(record.mrn)
            record.name, record.birth_date = "Erased", None
        record.save()
        fields = ["birth_date", "mrn", "name", "user_id"] if for_good else ["user_id"]
        audit.record("patient_record.updated", actor=actor, object_id=record.id, details={"fields": fields})
