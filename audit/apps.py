"""The app of the audit log."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit log"

    def ready(self) -> None:
        from audit import grants, refusals
        from core import doors

        doors.record_refusal = refusals.record
        post_migrate.connect(grants.after_migrations, sender=self, dispatch_uid="audit.grants")
