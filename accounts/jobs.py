"""Background work of accounts: refresh tokens that nobody can use any more."""

from datetime import timedelta

from django.db.models import Q

from accounts.models import RefreshToken
from core.jobs import Job
from core.time import now

_KEEP = timedelta(days=1)
_AT_ONCE = 1000


def forget_refresh_tokens() -> None:
    """Delete the refresh tokens of sessions that ended a day ago. Until then they say `token_revoked` and
    `token_expired`, afterwards `token_invalid`. Used tokens of a session that lives are kept: they show reuse."""
    over = now() - _KEEP
    dead = RefreshToken.objects.filter(Q(session__expires_at__lt=over) | Q(session__revoked_at__lt=over))
    while hashes := list(dead.values_list("hash", flat=True)[:_AT_ONCE]):
        RefreshToken.objects.filter(hash__in=hashes).delete()


Job("accounts.forget_refresh_tokens", run=forget_refresh_tokens, every=timedelta(hours=1))
