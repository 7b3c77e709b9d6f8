"""Policies, legal holds and runs of retention. What lives how long is declared by each app (`core.retention`)."""

from django.apps import AppConfig


class RetentionConfig(AppConfig):
    name = "retention"
    verbose_name = "Retention"

    def ready(self) -> None:
        from core import retention
        from retention.schedules import schedule_now

        retention.schedule_of = schedule_now
