"""What the tests of the admin's pages do and ask, in sentences."""

import re
from collections import Counter
from html import unescape
from urllib.parse import urljoin, urlsplit
from uuid import UUID

from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from audit.models import Entry
from tests.people import Person, make_person

_NOT_VISITED = ("/admin/logout/", "/admin/jsi18n/")
_OF_A_KIND = 2


def staff(username: str, *groups: str, rights: tuple[str, ...] = ()) -> Person:
    """Somebody who may use the admin, in these groups and with these rights (`core.view_task`)."""
    person = make_person(username, "staff", is_staff=True)
    person.user.groups.set(Group.objects.filter(name__in=groups))
    for label, _, codename in (right.partition(".") for right in rights):
        right_ = Permission.objects.get(content_type__app_label=label, codename=codename)
        person.user.user_permissions.add(right_)
    return person


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person.user)
    return client


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_of(row: Model) -> str:
    return f"{list_of(type(row))}{row.pk}/change/"


def shown(client: Client, address: str) -> str:
    """The text of a page that must be there."""
    answer = client.get(address)
    assert answer.status_code == 200, f"{address}: {answer.status_code}"
    return answer.content.decode()


def listed(client: Client, model: type[Model], query: str = "") -> list[str]:
    """The ids of the rows in the list, in their order, each once."""
    text = shown(client, list_of(model) + query)
    return list(dict.fromkeys(re.findall(rf'href="{list_of(model)}([^/"?]+)/change/', text)))


def viewed(person: Person, model: type[Model]) -> list[UUID | None]:
    """What of this model somebody looked at according to the log: ids, None for the list."""
    about = {"actor": person.id, "action": "metadata.viewed", "reason": model._meta.label_lower}
    return list(Entry.objects.filter(**about).order_by("id").values_list("object", flat=True))


def registered() -> list[type[Model]]:
    """Every model that has pages in the admin."""
    return sorted(admin.site._registry, key=lambda model: model._meta.label)


def walk(browser: Client, *more: str) -> dict[str, str]:
    """Every page that links lead to from the first on, some of each kind, and these."""
    pages: dict[str, str] = {}
    waiting, kinds = ["/admin/", "/admin/keys/", *more], Counter[str]()
    while waiting:
        address = waiting.pop(0)
        answer = browser.get(address, follow=True)
        assert answer.status_code < 500, address
        pages[address] = answer.content.decode()
        for link in re.findall(r'href="([^"#]+)"', pages[address]):
            url = urlsplit(urljoin(address, unescape(link)))
            found = url.path + (f"?{url.query}" if url.query else "")
            if found in pages or found in waiting or not url.path.startswith("/admin/") or url.path in _NOT_VISITED:
                continue
            kind = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", url.path) + re.sub("=[^&]*", "", url.query)
            kinds[kind] += 1
            if kinds[kind] <= _OF_A_KIND:
                waiting.append(found)
    return pages
