"""The app of people and sessions."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People"

    def ready(self) -> None:
        import accounts.checks
        import accounts.schema  # noqa: F401  tells the OpenAPI generator what a bearer token is
        from accounts import authentication, querysets, tokens
        from accounts.services import presence
        from realtime import wiring

        tokens.keys()  # No sound key, no start.
        wiring.authenticate = authentication.ticket_for
        wiring.ended_sessions = querysets.ended_sessions
        wiring.presence_of = presence.presence_for
        wiring.last_seen = presence.write_last_seen
