"""How long people's sessions live, and what of people stays."""

from datetime import timedelta

from django.contrib.sessions.models import Session
from django.db.models import Q, QuerySet

from accounts.models import LoginSession, RefreshToken
from core.retention import RetentionRule, Schedule, counting, forgetting, keep


def _dead_tokens(schedule: Schedule) -> "QuerySet[RefreshToken]":
    over = schedule.over()
    dead = Q(session__expires_at__lt=over) | Q(session__revoked_at__lt=over)
    free = schedule.not_held(person="session__user_id")
    return RefreshToken.objects.filter(dead, free) if over is not None else RefreshToken.objects.none()


def _ended(schedule: Schedule) -> "QuerySet[LoginSession]":
    """Sessions that ended long ago and whose tokens are forgotten, by the rule above, which comes first."""
    over = schedule.over()
    ended = Q(expires_at__lt=over) | Q(revoked_at__lt=over)
    free = schedule.not_held(person="user_id")
    return LoginSession.objects.filter(ended, free) if over is not None else LoginSession.objects.none()


def _expired(schedule: Schedule) -> "QuerySet[Session]":
    """Whose it was stands inside of it, signed: no hold can ask. What it ever did is in the audit log."""
    over = schedule.over()
    return Session.objects.filter(expire_date__lt=over) if over is not None else Session.objects.none()


RetentionRule(
    "accounts.refresh_tokens",
    title="Refresh tokens of ended sessions",
    covers=("accounts.RefreshToken",),
    keep_for=timedelta(days=1),
    fixed="until then a late client is told that its session has ended; nobody can use them any more",
    due=counting(_dead_tokens),
    purge=forgetting(_dead_tokens),
)
RetentionRule(
    "accounts.sessions",
    title="Ended sessions",
    covers=("accounts.LoginSession",),
    keep_for=timedelta(days=30),
    # Not before its tokens are forgotten, so that each is counted by its own rule.
    floor=timedelta(days=2),
    due=counting(_ended),
    purge=forgetting(_ended),
)
RetentionRule(
    "accounts.admin_sessions",
    title="Expired sessions of the admin",
    covers=("sessions.Session",),
    keep_for=timedelta(days=1),
    fixed="they are signed cookies' other half, and open nothing any more",
    due=counting(_expired),
    purge=forgetting(_expired),
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
