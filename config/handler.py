"""Django's handler of requests, without a thread for each request of the API.

Django's own makes an executor and a thread for every request, to close its answer in it, and a task that waits for the
client to go away: half of the processor time of a page of history. Answers of the API hold nothing whose closing could
block, and what a client began is finished whether it waits or not. The admin and everything else keep Django's way,
whose synchronous middleware has that thread for itself.
"""

from typing import Any

from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.urls import set_script_prefix

LEAN = "/api/v1/"


class Handler(ASGIHandler):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(LEAN):
            await self._answer(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        body = await self.read_body(receive)
        try:
            set_script_prefix(get_script_prefix(scope))
            request, refusal = self.create_request(scope, body)
            response: Any = refusal if request is None else await self.run_get_response(request)
            await self.send_response(response, send)
            response.close()
        finally:
            body.close()
