from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """The wiring, as an app so that its deploy checks are found. It has no models."""

    name = "config"
    label = "parley_config"

    def ready(self) -> None:
        import config.checks  # noqa: F401  registers the deploy checks
