"""What staff may do beyond what their role gives everybody: three groups, and the permissions of each.

The groups are made by a migration (`messaging/0006_reports`). Whoever changes the lists adds a migration that calls
`make_groups` again, so that installations that run have it too; a test compares the lists with the database.

No group shows what people wrote: of that nothing is in the admin but the evidence of a report, which `moderators` open
and which is recorded each time. To be a superuser is not enough for it (`may`).
"""

from collections.abc import Iterable
from uuid import UUID

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from accounts.models import User
from core.actor import Actor

VIEW_REPORT = "messaging.view_report"
OPEN_EVIDENCE = "messaging.open_evidence"
NOTE_REPORT = "messaging.note_report"
DISMISS_REPORT = "messaging.dismiss_report"
HIDE_MESSAGE = "messaging.hide_message"
WARN_MEMBER = "messaging.warn_member"
MUTE_MEMBER = "messaging.mute_member"
BAN_MEMBER = "messaging.ban_member"
SUSPEND_USER = "accounts.suspend_user"
SHRED_CONVERSATION = "messaging.shred_conversation"
ERASE_USER = "accounts.erase_user"

GIVEN_ONLY = frozenset({OPEN_EVIDENCE})
"""What superusers have only when it was given to them as to anybody else."""

GROUPS: dict[str, tuple[str, ...]] = {
    "moderators": (
        VIEW_REPORT,
        OPEN_EVIDENCE,
        NOTE_REPORT,
        DISMISS_REPORT,
        HIDE_MESSAGE,
        WARN_MEMBER,
        MUTE_MEMBER,
        BAN_MEMBER,
        SUSPEND_USER,
    ),
    "compliance": (
        "audit.view_entry",
        ERASE_USER,
        SHRED_CONVERSATION,
        "retention.view_policy",
        "retention.change_policy",
        "retention.view_legalhold",
        "retention.place_hold",
        "retention.view_run",
        "messaging.view_conversation",
        "messaging.view_membership",
        "messaging.view_message",
        "attachments.view_attachment",
        "accounts.view_loginsession",
    ),
    "operators": (
        "core.view_task",
        "core.change_task",
        "retention.view_policy",
        "retention.view_run",
        "encryption.view_canary",
        "attachments.view_attachment",
        "accounts.view_loginsession",
        "accounts.change_loginsession",
    ),
}


def make_groups(using: str) -> None:
    """Have the groups with exactly these permissions in this database. A repeat changes nothing.

    `migrate` makes permissions only when everything else is done, so they are made here first. Raises LookupError for
    one that no model declares.
    """
    wanted = {name: frozenset(rights) for name, rights in GROUPS.items()}
    for label in sorted({right.partition(".")[0] for rights in wanted.values() for right in rights}):
        create_permissions(apps.get_app_config(label), verbosity=0, using=using)
    for name, rights in wanted.items():
        group, _ = Group.objects.using(using).get_or_create(name=name)
        group.permissions.set(_permissions(rights, using))


def may(actor: Actor, *rights: str) -> frozenset[str]:
    """Those of these rights that the actor has at this moment, by themselves or by a group.

    Nobody who is disabled or no staff has any. Superusers have all of them but GIVEN_ONLY.
    """
    user = User.objects.filter(id=actor.id, is_active=True, is_staff=True).only("is_superuser").first()
    if user is None:
        return frozenset()
    given = _given(user.id, rights)
    return given | (frozenset(rights) - GIVEN_ONLY) if user.is_superuser else given


def _given(user_id: UUID, rights: Iterable[str]) -> frozenset[str]:
    found = Permission.objects.filter(Q(user=user_id) | Q(group__user=user_id)).filter(_named(rights))
    names = found.values_list("content_type__app_label", "codename")
    return frozenset(f"{label}.{codename}" for label, codename in names)


def _permissions(rights: frozenset[str], using: str) -> list[Permission]:
    found = list(Permission.objects.using(using).filter(_named(rights)).select_related("content_type"))
    names = {f"{one.content_type.app_label}.{one.codename}" for one in found}
    if missing := rights - names:
        raise LookupError(f"no model declares {', '.join(sorted(missing))}")
    return found


def _named(rights: Iterable[str]) -> Q:
    wanted = Q(pk__in=())
    for label, _, codename in (right.partition(".") for right in rights):
        wanted |= Q(content_type__app_label=label, codename=codename)
    return wanted
