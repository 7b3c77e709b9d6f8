"""Every address, one line per part."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView, TemplateView
from drf_spectacular.views import SpectacularSwaggerSplitView

from accounts import admin_second_factor
from attachments.views import files
from config import asyncapi, errors, health, openapi
from config.metrics.view import metrics

docs = SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="api/docs.html")

urlpatterns = [
    path("", TemplateView.as_view(template_name="chat/index.html"), name="page"),
    path("favicon.ico", RedirectView.as_view(url=static("chat/favicon.svg")), name="favicon"),
    path("api/v1/", include("accounts.urls")),
    path("api/v1/", include("attachments.urls")),
    path("api/v1/", include("messaging.urls")),
    path("files/<str:token>", files.file),
    path("api/schema", openapi.document, name="schema"),
    path("api/docs", docs, name="docs"),
    path("api/asyncapi", asyncapi.document, name="asyncapi"),
    path("health", health.health, name="health"),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", metrics, name="metrics"),
    *admin_second_factor.urlpatterns,
    path("admin", RedirectView.as_view(pattern_name="admin:index")),  # as people type it
    path("admin/", admin.site.urls),
]

handler400 = errors.bad_request
handler403 = errors.forbidden
handler404 = errors.not_found
handler500 = errors.defect
