"""Every way people and sessions are read."""

from collections.abc import Collection
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Exists, Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Lower

from accounts import blocks, names, sharing
from accounts.models import Ended, LoginSession, NameToken, PatientRecord, User
from accounts.permissions import KEEPERS_OF_RECORDS, roles_reachable_by
from core.actor import Actor
from core.errors import NotFound, TokenExpired, TokenRevoked
from core.prepared import Prepared
from core.time import now
from encryption.fields import EncryptedTextField
from realtime.protocol import CloseCode
from realtime.wiring import AccountDisabled

# ---- The directory -----------------------------------------------------------------------------------------------


def people_visible_to(actor: Actor) -> "QuerySet[User]":
    """The people this person may know of: themselves, whom they may start a conversation with, and whom they share one
    with, disabled or not."""
    reachable = Q(role__in=roles_reachable_by(actor.role), is_active=True)
    sharing_one = Q(id__in=sharing.people_sharing_with(actor.id))
    return User.objects.filter(reachable | sharing_one | Q(id=actor.id))


def person(actor: Actor, user_id: UUID) -> User:
    """One of them; raises NotFound for everybody else, existing or not."""
    found = people_visible_to(actor).filter(id=user_id).first()
    if found is None:
        raise NotFound(subject_id=user_id)
    return found


def person_or_blocked(actor: Actor, user_id: UUID) -> User:
    """The same, and besides them whom the actor has blocked: a block can be taken back when it is all that is left."""
    known = people_visible_to(actor) | User.objects.filter(id__in=blocks.of(actor.id).values("blocked"))
    found = known.filter(id=user_id).first()
    if found is None:
        raise NotFound(subject_id=user_id)
    return found


def directory(actor: Actor, search: str, after: UUID | None) -> "QuerySet[User]":
    """The others this person may know of, in the order of their login names, from behind the person `after` on.

    With a search: whose login name begins with it, or whose display name has all its words.
    """
    others = people_visible_to(actor).exclude(id=actor.id).alias(name=Lower("username")).order_by("name")
    if search:
        others = others.filter(_matches(search))
    if after is not None:
        others = others.filter(name__gt=Subquery(User.objects.filter(id=after).values(lower=Lower("username"))))
    return others


def _matches(search: str) -> Q:
    """The condition on users with the alias `name`."""
    found = Q(name__startswith=search.strip().lower())
    if tokens := names.tokens(search):
        named = Q()
        for token in tokens:
            named &= Q(Exists(NameToken.objects.filter(user=OuterRef("id"), token=token)))
        found |= named
    return found


# ---- Patient records ---------------------------------------------------------------------------------------------


def patient_records(before: UUID | None) -> "QuerySet[PatientRecord]":
    """All records, the newest first, from behind `before` on."""
    newest_first = PatientRecord.objects.order_by("-id")
    return newest_first if before is None else newest_first.filter(id__lt=before)


def patient_record(actor: Actor, record_id: UUID) -> PatientRecord:
    """One record; raises NotFound, also for everybody who does not work with records."""
    found = PatientRecord.objects.filter(id=record_id).first() if actor.role in KEEPERS_OF_RECORDS else None
    if found is None:
        raise NotFound(subject_id=record_id)
    return found


def patient_record_by_hash(number_hash: bytes) -> PatientRecord | None:
    """The record whose number has this keyed hash (`accounts.record_numbers`)."""
    return PatientRecord.objects.filter(mrn_h=number_hash).first()


def locked_patient_record(record_id: UUID) -> PatientRecord:
    """A record that was just found, as it is now, kept from others until the end of the transaction."""
    return PatientRecord.objects.select_for_update(no_key=True).get(id=record_id)


def users_of_records(record_ids: Collection[UUID]) -> dict[UUID, UUID | None]:
    """Those of these patient records that exist, each with the account of its patient, if there is one."""
    return dict(PatientRecord.objects.filter(id__in=record_ids).values_list("id", "user_id"))


# ---- Presence ----------------------------------------------------------------------------------------------------


def people_present_to(user_id: UUID) -> "QuerySet[User]":
    """Whose presence this person may know, which is the same as who may know theirs: people they share a conversation
    with now, unless one has blocked the other, and themselves."""
    near = Q(id__in=sharing.people_sharing_with(user_id)) & ~Exists(blocks.between(OuterRef("id"), user_id))
    return User.objects.filter(near | Q(id=user_id))


def all_present_to(user_id: UUID, user_ids: Collection[UUID]) -> list[User]:
    """These people; raises NotFound when one of them is not among `people_present_to`, existing or not."""
    wanted = dict.fromkeys(user_ids)
    found = {user.id: user for user in people_present_to(user_id).filter(id__in=wanted)}
    for one in wanted:
        if one not in found:
            raise NotFound(subject_id=one)
    return [found[one] for one in wanted]


# ---- Sessions ----------------------------------------------------------------------------------------------------


def session_with_user(session_id: UUID) -> LoginSession | None:
    """A session, dead or alive, with its user: what every request reads, in one query by primary key.

    Without what is encrypted and the password: a request that wants those reads them itself.
    """
    for row in _session_with_user(session_id):
        session = LoginSession.from_db(DEFAULT_DB_ALIAS, _SESSION, row[: len(_SESSION)])
        session.user = User.from_db(DEFAULT_DB_ALIAS, _USER, row[len(_SESSION) :])
        return session
    return None


def require_live(session: LoginSession) -> None:
    """Raises AccountDisabled or TokenRevoked for a session that was ended, TokenExpired for one that has run out."""
    if not session.user.is_active or session.reason == Ended.DISABLED:
        raise AccountDisabled()
    if session.revoked_at is not None:
        raise TokenRevoked()
    if session.expires_at <= now():
        raise TokenExpired()


def session_of(actor: Actor) -> "QuerySet[LoginSession]":
    """The session the actor is in; empty for who acts outside of one."""
    theirs = LoginSession.objects.filter(user=actor.id)
    return theirs.none() if actor.session_id is None else theirs.filter(id=actor.session_id)


def live_sessions(user_id: UUID, before: UUID | None) -> "QuerySet[LoginSession]":
    """Somebody's sessions that live, the newest first, from behind `before` on."""
    live = LoginSession.objects.filter(user=user_id, revoked_at=None, expires_at__gt=now()).order_by("-id")
    return live if before is None else live.filter(id__lt=before)


def ended_sessions(session_ids: Collection[UUID]) -> dict[UUID, int]:
    """Which of these sessions have ended, and the close code their sockets get; one that is not there has ended too.

    Sessions that ran out are not among them: their tokens end with them.
    """
    rows = LoginSession.objects.filter(id__in=session_ids).values_list("id", "revoked_at", "reason", "user__is_active")
    found = {session_id: _close_code(revoked_at, reason, active) for session_id, revoked_at, reason, active in rows}
    codes = {session_id: found.get(session_id, CloseCode.SESSION_REVOKED) for session_id in session_ids}
    return {session_id: int(code) for session_id, code in codes.items() if code is not None}


def _close_code(revoked_at: object, reason: str, is_active: bool) -> CloseCode | None:
    if not is_active or reason == Ended.DISABLED:
        return CloseCode.ACCOUNT_DISABLED
    return None if revoked_at is None else CloseCode.SESSION_REVOKED


def _light(model: type[Model]) -> tuple[str, ...]:
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, EncryptedTextField)]
    return tuple(field.attname for field in fields if field.name != "password")


_SESSION, _USER = _light(LoginSession), _light(User)

_session_with_user = Prepared(
    lambda session_id: LoginSession.objects.filter(id=session_id).values_list(
        *_SESSION, *[f"user__{name}" for name in _USER]
    ),
    UUID,
)
