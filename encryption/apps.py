"""The app of keys and ciphertext."""

from django.apps import AppConfig


class EncryptionConfig(AppConfig):
    name = "encryption"
    verbose_name = "Encryption"

    def ready(self) -> None:
        import encryption.checks  # noqa: F401  registers the system checks
        from core import process
        from encryption import ledger, shredding, wiring
        from encryption.keyring import keyring

        process.preconditions.append(lambda: keyring().ensure_organisation_keys())
        process.preconditions.append(shredding.catch_up)
        wiring.signatures[ledger.NAME] = ledger.signed_under
