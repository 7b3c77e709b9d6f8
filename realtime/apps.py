"""The app of sockets and streams."""

from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    name = "realtime"
    verbose_name = "Real time"

    def ready(self) -> None:
        import realtime.checks  # noqa: F401  registers the system checks
        from encryption import shredding
        from realtime import announce

        shredding.tell_others = announce.keys_destroyed
