"""Runs of retention: what each took away, and what one would that began now."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.db.models import Exists, OuterRef, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from audit.admin_base import LookingAdmin, in_time, took_too_long
from core.ids import parse_uuid
from core.retention import rules
from retention import engine
from retention.models import Run, RunCount


@admin.register(Run)
class RunAdmin(LookingAdmin):
    columns = ("id", "started_at", "finished_at", "by", "rule", "state")
    facts = ("id", "started_at", "finished_at", "by", "which", "state", "rows", "files")
    note = "Each night the worker removes what has been kept as long as it is to be kept; so does apply_retention."
    list_display = ("started_at", "finished_at", "by", "which", "state", "rows", "files", "failed")
    list_filter = ("state",)
    offered = frozenset({"state__exact"})
    change_list_template = "admin/retention/run/change_list.html"
    change_form_template = "admin/retention/run/change_form.html"

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        failures = RunCount.objects.filter(run=OuterRef("pk")).exclude(failure="")
        sums = {"all_rows": Coalesce(Sum("counts__rows"), 0), "all_files": Coalesce(Sum("counts__files"), 0)}
        rows: QuerySet[Any] = super().get_queryset(request).annotate(**sums, has_failed=Exists(failures))
        return rows

    @admin.display(description="what")
    def which(self, run: Run) -> str:
        return _title(run.rule) if run.rule else "everything"

    @admin.display(description="rows removed")
    def rows(self, run: Any) -> int:
        return int(run.all_rows)

    @admin.display(description="files removed")
    def files(self, run: Any) -> int:
        return int(run.all_files)

    @admin.display(description="all rules well", boolean=True)
    def failed(self, run: Any) -> bool:
        return not run.has_failed

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_view)
        return [path("preview/", view, name="retention_run_preview"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        counts = RunCount.objects.filter(run=parse_uuid(object_id)).order_by("id")
        extra = {"counts": [(_title(one.rule), one) for one in counts]}
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """What a run would take away that began now. Changes nothing."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "What would go now"}
        try:
            with in_time():
                context["result"] = engine.dry_run()
        except OperationalError as error:
            if not took_too_long(error):
                raise
        return TemplateResponse(request, "admin/retention/run/preview.html", context)


def _title(rule: str) -> str:
    return rules[rule].title if rule in rules else rule
