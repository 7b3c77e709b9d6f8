"""The app of keys and ciphertext."""

from django.apps import AppConfig


class EncryptionConfig(AppConfig):
    name = "encryption"
    verbose_name = "Encryption"

    def ready(self) -> None:
        import encryption.checks  # noqa: F401  registers the system checks
