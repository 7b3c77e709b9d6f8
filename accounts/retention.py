"""How long people's sessions live, and what of people stays."""

from collections.abc import Iterator
from datetime import timedelta

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import LoginSession, RefreshToken
from core.retention import Purged, RetentionRule, Schedule, keep

_AT_ONCE = 1000


def _dead_tokens(schedule: Schedule) -> "QuerySet[RefreshToken]":
    over = schedule.over()
    dead = Q(session__expires_at__lt=over) | Q(session__revoked_at__lt=over)
    free = schedule.not_held(person="session__user_id")
    return RefreshToken.objects.filter(dead, free) if over is not None else RefreshToken.objects.none()


def _forget_tokens(schedule: Schedule) -> Iterator[None]:
    forgotten = _AT_ONCE
    while forgotten == _AT_ONCE:
        with transaction.atomic():
            schedule.freeze()
            some = list(_dead_tokens(schedule).values_list("hash", flat=True)[:_AT_ONCE])
            forgotten, _ = RefreshToken.objects.filter(hash__in=some).delete()
            schedule.took(Purged(forgotten))
        yield


def _ended(schedule: Schedule) -> "QuerySet[LoginSession]":
    """Sessions that ended long ago and whose tokens are forgotten, by the rule above, which comes first."""
    over = schedule.over()
    ended = Q(expires_at__lt=over) | Q(revoked_at__lt=over)
    free = schedule.not_held(person="user_id")
    return LoginSession.objects.filter(ended, free) if over is not None else LoginSession.objects.none()


def _forget_sessions(schedule: Schedule) -> Iterator[None]:
    forgotten = _AT_ONCE
    while forgotten == _AT_ONCE:
        with transaction.atomic():
            schedule.freeze()
            some = list(_ended(schedule).order_by("id").values_list("id", flat=True)[:_AT_ONCE])
            _, by_model = LoginSession.objects.filter(id__in=some).delete()
            forgotten = by_model.get(LoginSession._meta.label, 0)
            schedule.took(Purged(forgotten))
        yield


def _expired(schedule: Schedule) -> "QuerySet[Session]":
    """Whose it was stands inside of it, signed: no hold can ask. What it ever did is in the audit log."""
    over = schedule.over()
    return Session.objects.filter(expire_date__lt=over) if over is not None else Session.objects.none()


def _forget_admin_sessions(schedule: Schedule) -> Iterator[None]:
    forgotten = _AT_ONCE
    while forgotten == _AT_ONCE:
        with transaction.atomic():
            some = list(_expired(schedule).values_list("pk", flat=True)[:_AT_ONCE])
            forgotten, _ = Session.objects.filter(pk__in=some).delete()
            schedule.took(Purged(forgotten))
        yield


RetentionRule(
    "accounts.refresh_tokens",
    title="Refresh tokens of ended sessions",
    covers=("accounts.RefreshToken",),
    keep_for=timedelta(days=1),
    fixed="until then a late client is told that its session has ended; nobody can use them any more",
    due=lambda schedule: Purged(_dead_tokens(schedule).count()),
    purge=_forget_tokens,
)
RetentionRule(
    "accounts.sessions",
    title="Ended sessions",
    covers=("accounts.LoginSession",),
    keep_for=timedelta(days=30),
    # Not before its tokens are forgotten, so that each is counted by its own rule.
    floor=timedelta(days=2),
    due=lambda schedule: Purged(_ended(schedule).count()),
    purge=_forget_sessions,
)
RetentionRule(
    "accounts.admin_sessions",
    title="Expired sessions of the admin",
    covers=("sessions.Session",),
    keep_for=timedelta(days=1),
    fixed="they are signed cookies' other half, and open nothing any more",
    due=lambda schedule: Purged(_expired(schedule).count()),
    purge=_forget_admin_sessions,
)

keep(
    "accounts.User",
    "Messages and the audit log refer to people: nobody is deleted. What names them goes when they are erased.",
)
keep("accounts.NameToken", "Keyed hashes of the words of a name; they change and go with it.")
keep("accounts.Block", "A wish that holds until whoever made it takes it back.")
keep(
    "accounts.TotpDevice",
    "A sealed key, for as long as its person signs in with it; removing it is theirs, and recorded.",
)
keep("accounts.RecoveryCode", "Hashes that go with the device, or when they are used up.")
keep("accounts.PatientRecord", "How long a patient's record is kept is decided in the clinic's record system.")
keep("auth.Group", "Names of groups of staff; no data about people.")
keep("auth.Permission", "Names of permissions, made by the migrations.")
keep("contenttypes.ContentType", "Names of models, made by the migrations.")
keep(
    "admin.LogEntry", "Django's own note of what staff changed in the admin, by id; the audit log beside it stays too."
)
