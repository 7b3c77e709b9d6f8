"""The app of the audit log."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit log"

    def ready(self) -> None:
        from audit import grants, log, refusals
        from audit.signed import entries_by_key
        from core import doors
        from core.actor import SYSTEM
        from encryption import wiring

        doors.record_refusal = refusals.record
        wiring.transaction = log.transaction
        wiring.record = lambda verb, details: log.record(verb, actor=SYSTEM, details=details)
        wiring.signatures["entries of the audit log"] = entries_by_key
        post_migrate.connect(grants.after_migrations, sender=self, dispatch_uid="audit.grants")
