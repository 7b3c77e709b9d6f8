"""Policies in the admin: made, changed and taken away, each after a look at what that would remove.

Notes of policies are encrypted and not shown. A change is sent twice: the first time it is answered with what a run
would take away before and after, and nothing has changed; the second time, with `confirmed`, it is made.
"""

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from audit.admin_base import LookingAdmin, actor_in_admin, in_time, login_name_of, took_too_long
from core.errors import AppError
from core.ids import parse_uuid
from core.retention import RetentionRule, Scope, rules
from retention import services, wiring
from retention.admin.answering import chosen, explain
from retention.defaults import Own, own_periods
from retention.models import MOST_DAYS, Policy
from retention.policies import in_words, scope_of

_NAMES = {
    "conversation_kind": "kind of conversation",
    "course_id": "course",
    "message_type": "type of message",
    "state": "state",
}
"""What the fields of a scope are called here."""


class DaysForm(forms.Form):
    """A period."""

    days = forms.IntegerField(
        label="Is kept for (days)",
        required=False,
        min_value=1,
        max_value=MOST_DAYS,
        help_text="Leave it empty to keep for ever.",
    )


class PolicyForm(DaysForm):
    """A period for something."""

    rule = forms.ChoiceField(label="What", help_text="The table below says how long it is kept without a policy.")
    conversation_kind = forms.ChoiceField(
        label=_NAMES["conversation_kind"].capitalize(),
        required=False,
        help_text="Of all policies that fit, the one that names most counts.",
    )
    course_id = forms.CharField(
        label=_NAMES["course_id"].capitalize(),
        required=False,
        max_length=64,
        help_text="Its id. Leave it empty for all.",
    )
    message_type = forms.ChoiceField(label=_NAMES["message_type"].capitalize(), required=False)
    state = forms.ChoiceField(
        label=_NAMES["state"].capitalize(),
        required=False,
        help_text="Deleted messages are kept without their text, and for less.",
    )
    field_order = ("rule", *Scope._fields, "days")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields = cast(dict[str, forms.ChoiceField], self.fields)
        fields["rule"].choices = [(name, rule.title) for name, rule in rules.items() if not rule.fixed]
        for name in ("conversation_kind", "message_type", "state"):
            fields[name].choices = chosen(wiring.scope_values.get(name, ()))


@admin.register(Policy)
class PolicyAdmin(LookingAdmin):
    columns = ("id", "rule", *Scope._fields, "days", "created_at", "updated_at")
    note = "What is kept longer or shorter than the rules have it. The most specific policy that fits counts."
    list_display = ("about", "scope", "period", "updated_at", "maker")
    list_display_links = ("about",)
    ordering = ("rule", "pk")
    change_list_template = "admin/retention/policy/change_list.html"

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        rows: QuerySet[Any] = super().get_queryset(request).annotate(by=login_name_of("created_by"))
        return rows

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(services.CHANGE_POLICY))

    @admin.display(description="what")
    def about(self, policy: Policy) -> str:
        return rules[policy.rule].title if policy.rule in rules else policy.rule

    @admin.display(description="of")
    def scope(self, policy: Policy) -> str:
        return _in_words(scope_of(policy))

    @admin.display(description="is kept")
    def period(self, policy: Policy) -> str:
        return "for ever" if policy.days is None else f"{policy.days} days"

    @admin.display(description="made by")
    def maker(self, policy: Any) -> str:
        return policy.by or "a command"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"periods": _own_periods(), **(extra_context or {})})

    # ---- Changes -------------------------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        self._require(request)
        form = PolicyForm(request.POST or None)

        def change(given: dict[str, Any]) -> None:
            services.create_policy(actor=actor_in_admin(request), **_wanted(given))

        return self._answer(request, form, "Make a policy", _wanted, change, "The policy counts from the next run on.")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        policy = self._policy(object_id)
        if policy is None:
            return self._absent(request)
        if request.method == "POST":
            self._require(request)
        form = DaysForm(request.POST or None, initial={"days": policy.days})

        def wanted(given: dict[str, Any]) -> dict[str, Any]:
            return {"rule": policy.rule, "scope": scope_of(policy), "days": given["days"]}

        def change(given: dict[str, Any]) -> None:
            services.change_policy(actor=actor_in_admin(request), policy=policy, days=given["days"])

        self.record_view(request, policy.pk)
        return self._answer(request, form, "Change a policy", wanted, change, "The policy was changed.", policy)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self._require(request)
        policy = self._policy(object_id)
        if policy is None:
            return self._absent(request)
        # So that the first look is a preview too, and its button the second.
        form = forms.Form(request.POST if request.method == "POST" else {"seen": "1"})

        def wanted(given: dict[str, Any]) -> dict[str, Any]:
            return {"rule": policy.rule, "scope": scope_of(policy), "days": policy.days, "removed": True}

        def change(given: dict[str, Any]) -> None:
            services.remove_policy(actor=actor_in_admin(request), policy=policy)

        return self._answer(request, form, "Take a policy away", wanted, change, "The policy is gone.", policy)

    def _answer(
        self,
        request: HttpRequest,
        form: forms.Form,
        title: str,
        wanted: Callable[[dict[str, Any]], dict[str, Any]],
        change: Callable[[dict[str, Any]], None],
        done: str,
        policy: Policy | None = None,
    ) -> HttpResponse:
        """The form; or what it would change; or, confirmed, the list with word that it is changed."""
        preview, is_slow, intended = None, False, ""
        if form.is_bound and form.is_valid():
            try:
                if request.method == "POST" and "confirmed" in request.POST:
                    change(form.cleaned_data)
                    self.message_user(request, done, messages.SUCCESS)
                    return HttpResponseRedirect(_list())
                change_to = wanted(form.cleaned_data)
                preview, is_slow = self._preview(request, change_to)
                intended = _intended(change_to)
            except AppError as error:
                explain(request, form, error)
        shown: dict[str, Any] = {"form": form, "policy": policy, "title": title}
        shown |= {"preview": preview, "is_slow": is_slow, "intended": intended}
        may = {"may_change": self.has_add_permission(request)}
        said = {"periods": _own_periods()} if policy is None else self._said(policy)
        context = {**self.admin_site.each_context(request), "opts": self.opts, **shown, **may, **said}
        return TemplateResponse(request, "admin/retention/policy/form.html", context)

    def _said(self, policy: Policy) -> dict[str, Any]:
        rule = rules.get(policy.rule)
        without = "" if rule is None else in_words(rule.default(scope_of(policy)))
        return {"about": self.about(policy), "scope": self.scope(policy), "without": without}

    def _preview(self, request: HttpRequest, wanted: dict[str, Any]) -> tuple[services.Preview | None, bool]:
        """And whether there is none because it would take too long to find out."""
        try:
            with in_time():
                return services.preview_policy(actor=actor_in_admin(request), **wanted), False
        except OperationalError as error:
            if not took_too_long(error):
                raise
            return None, True

    def _require(self, request: HttpRequest) -> None:
        if not self.has_add_permission(request):
            raise PermissionDenied

    def _policy(self, object_id: str) -> Policy | None:
        wanted = parse_uuid(object_id)
        return Policy.objects.filter(pk=wanted).defer("note").first() if wanted is not None else None

    def _absent(self, request: HttpRequest) -> HttpResponse:
        self.message_user(request, "There is no such policy.", messages.WARNING)
        return HttpResponseRedirect(_list())


def _wanted(given: dict[str, Any]) -> dict[str, Any]:
    scope = Scope(**{name: given[name] for name in Scope._fields})
    return {"rule": given["rule"], "scope": scope, "days": given["days"]}


def _in_words(scope: Scope) -> str:
    named = [f"{_NAMES[name]} {value}" for name, value in scope._asdict().items() if value]
    return ", ".join(named) or "everything"


def _intended(wanted: dict[str, Any]) -> str:
    """What a change comes to, before it is made."""
    days = wanted["days"]
    kept = "as without it" if wanted.get("removed") else "kept for ever" if days is None else f"kept for {days} days"
    return f"{rules[wanted['rule']].title}, {_in_words(wanted['scope'])}: {kept}."


def _own_periods() -> list[tuple[RetentionRule, list[Own], list[str], str]]:
    """Each rule, its periods, what its policies may name, and below what they may not go."""
    return [
        (rule, own_periods(rule), [_NAMES[name] for name in rule.scopes], in_words(rule.floor) if rule.floor else "")
        for rule in rules.values()
    ]


def _list() -> str:
    return reverse("admin:retention_policy_changelist")
