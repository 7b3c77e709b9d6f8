"""What the lists of messaging have in common."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest


class DeletedFilter(admin.SimpleListFilter):
    """Of what can be deleted, and keeps its row for a while."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [("living", "Not deleted"), ("deleted", "Deleted")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        wanted = {None: Q(), "living": Q(deleted_at=None), "deleted": Q(deleted_at__isnull=False)}
        return queryset.filter(wanted.get(self.value(), Q(pk__in=())))
