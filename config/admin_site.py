"""The admin site: its first page shows how everything is, and nothing of it can be asked that no page asks."""

from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse

from audit.admin_base import LookingAdmin, actor_in_admin
from audit.writer import EntryDraft, writer

KEYS = "encryption.view_canary"
_CALLED = {"core": "Worker"}
"""What people call an app, where that is not its own name."""


class Site(AdminSite):
    enable_nav_sidebar = False
    """The first page has the same lists; beside them the tables were cut off on a screen of 1280 pixels."""

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from config.dashboard.tiles import dashboard_for  # What it shows is registered with this site: it comes first.

        shown = {"title": "How it is", "dashboard": dashboard_for(request.user)}
        return super().index(request, {**shown, **(extra_context or {})})

    def get_urls(self) -> list[URLResolver | URLPattern]:
        own = [
            path("keys/", self.admin_view(self.keys), name="keys"),
            # Django's way from any row to a page about it: no row has one, and it answers whoever is signed in.
            path("r/<path:row>", self.admin_view(self.nowhere)),
        ]
        return [*own, *super().get_urls()]

    def nowhere(self, request: HttpRequest, row: str) -> HttpResponse:
        raise Http404

    def keys(self, request: HttpRequest) -> TemplateResponse:
        """Each master key with its fingerprint and who needs it. They are changed by `manage.py keys` alone."""
        from config.dashboard.keys import known_keys  # As above.

        if not request.user.has_perm(KEYS):
            raise PermissionDenied
        writer.submit(EntryDraft("metadata.viewed", actor_in_admin(request), reason="keys")).result()
        context = {**self.each_context(request), "title": "Master keys", "keys": known_keys()}
        return TemplateResponse(request, "admin/encryption/keys.html", context)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        found = super().get_app_list(request, app_label)
        for one in (model for app in found for model in app["models"]):
            pages = self._registry[one["model"]]
            one["name"] = pages.list_name if isinstance(pages, LookingAdmin) else one["name"]
        for app in found:
            app["name"] = _CALLED.get(app["app_label"], app["name"])
        return found + ([_keys()] if app_label is None and request.user.has_perm(KEYS) else [])

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """No field of ours uses it, and what is found there would be recorded nowhere."""
        raise PermissionDenied


def _keys() -> dict[str, Any]:
    """The page of the keys among the lists: it is one too, of something that is no model."""
    address = reverse("admin:keys")
    page = {"model": None, "name": "Master keys", "object_name": "Keys", "admin_url": address, "view_only": True}
    app = {"name": "Encryption", "app_label": "encryption", "app_url": address, "has_module_perms": True}
    return {**app, "models": [{**page, "add_url": None, "perms": {"view": True}}]}
