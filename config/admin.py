"""Background jobs in the admin: what is due, runs, failed and why; what failed can be tried again."""

from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from accounts.models import User
from audit.admin_base import LookingAdmin, actor_in_admin, unless_sent
from config.retrying import RETRY, retry_task
from core import doors
from core.errors import AppError, Refused
from core.ids import parse_uuid
from core.models import Task, TaskState
from core.time import now

_OPEN = (TaskState.WAITING, TaskState.RUNNING)
_FAILING = Q(state=TaskState.FAILED) | (Q(state__in=_OPEN) & ~Q(reason=""))


class StateFilter(admin.SimpleListFilter):
    """What is to be done, unless something else is asked for."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [("due", "Due"), ("running", "Running"), ("failed", "Failed or given up"), ("done", "Done")]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        yield {**first, "display": "Waiting or running"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Task]") -> "QuerySet[Task]":
        wanted = {
            None: Q(state__in=_OPEN),
            "due": Q(state__in=_OPEN, run_at__lte=now()),
            "running": Q(state=TaskState.RUNNING),
            "failed": _FAILING,
            "done": Q(state=TaskState.DONE),
        }
        return queryset.filter(wanted.get(self.value(), Q(pk__in=())))


@admin.register(Task)
class TaskAdmin(LookingAdmin):
    columns = ("id", "name", "periodic", "state", "run_at", "attempts", "reason", "created_at", "finished_at")
    facts = ("id", "name", "kind", "standing", "run_at", "attempts", "reason", "created_at", "finished_at", "about")
    called = "Jobs"
    note = "What the worker does, one row for each piece of work; what comes again and again has one row for good."
    list_display = ("name", "standing", "run_at", "attempts", "reason", "finished_at")
    list_filter = (StateFilter,)
    offered = frozenset({"state"})
    search_fields = ("id",)  # shows the box; what it searches is below
    search_help_text = "The id of a task; its state does not matter then."
    change_form_template = "admin/core/task/change_form.html"

    def get_ordering(self, request: HttpRequest) -> Any:
        """What is next comes first, and of what is over the newest; each has an index."""
        over = request.GET.get("state") in {"failed", "done"}
        return ["-pk"] if over else ["run_at", "pk"]

    def found(self, rows: "QuerySet[Task]", term: str) -> "QuerySet[Task]":
        wanted = parse_uuid(term)
        return rows.none() if wanted is None else Task.objects.filter(pk=wanted).only(*self.columns).order_by("pk")

    @admin.display(description="kind")
    def kind(self, task: Task) -> str:
        return "comes again and again" if task.periodic else "once"

    @admin.display(description="state")
    def standing(self, task: Task) -> str:
        if task.state == TaskState.WAITING:
            return "due" if task.run_at <= now() else "failed, will be tried again" if task.reason else "waiting"
        if task.state == TaskState.RUNNING:
            return "running" if task.run_at > now() else "its worker is gone: due"
        return task.get_state_display()

    @admin.display(description="about (ids)")
    def about(self, task: Task) -> str:
        return ", ".join(str(value) for value in task.payload.values())

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.retry_view)
        return [path("<uuid:task_id>/retry/", view, name="core_task_retry"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        wanted = parse_uuid(object_id)
        failing = Task.objects.filter(_FAILING).exclude(state=TaskState.RUNNING)
        may_retry = (
            cast(User, request.user).has_perm(RETRY) and wanted is not None and failing.filter(pk=wanted).exists()
        )
        extra = {"title": "Job", "may_retry": may_retry, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, extra)

    def retry_view(self, request: HttpRequest, task_id: UUID) -> HttpResponse:
        if not cast(User, request.user).has_perm(RETRY):
            raise PermissionDenied
        if (elsewhere := unless_sent(request, reverse("admin:core_task_change", args=[task_id]))) is not None:
            return elsewhere
        actor = actor_in_admin(request)
        try:
            retry_task(actor=actor, task_id=task_id)
        except AppError as error:
            if isinstance(error, Refused):
                doors.record_refusal(actor, f"admin {request.method} {request.path}"[:100], error)
            self.message_user(request, error.detail, messages.ERROR)
        else:
            self.message_user(request, "It is tried again as soon as a worker is free.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:core_task_changelist"))
