"""Bases of the account views."""

from typing import Any

from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from core import limits
from core.rest.views import ApiView


class PersonView(ApiView):
    """For people who are signed in; each request counts against their REQUEST limit."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        limits.enforce("REQUEST", self.actor.id)


class OpenView(ApiView):
    """For who is not signed in yet. Whatever `Authorization` says is not looked at."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
