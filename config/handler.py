"""Django's handler of requests, without a thread for each request of the API.

Django's own makes an executor and a thread for every request, to close its answer in it, and a task that waits for the
client to go away: half of the processor time of a page of history. Answers of the API hold nothing whose closing could
block, and what a client began is finished whether it waits or not. An answer that is made while it is sent ends with
whoever it is for. The admin and everything else keep Django's way, whose synchronous middleware has that thread for
itself.
"""

import asyncio
import io
from typing import Any

from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.urls import set_script_prefix

from core.errors import AppError

LEAN = ("/api/v1/", "/files/")


class Handler(ASGIHandler):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(LEAN):
            await self._answer(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        # The body of an upload is read by its view (attachments.uploading): as a whole it would be written to the disk.
        body = io.BytesIO() if "incoming" in scope else await self.read_body(receive)
        try:
            set_script_prefix(get_script_prefix(scope))
            request, refusal = self.create_request(scope, body)
            response: Any = refusal if request is None else await self.run_get_response(request)
            try:
                if response.streaming:
                    await self._stream(response, scope, receive, send)
                else:
                    await self.send_response(response, send)
            finally:
                response.close()
        finally:
            body.close()

    async def _stream(self, response: Any, scope: Any, receive: Any, send: Any) -> None:
        """Send a long answer part by part, until it ends, its client goes away, or takes too little of it."""
        sending = asyncio.create_task(self.send_response(response, send))
        leaving = asyncio.create_task(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            failed, _ = await asyncio.gather(sending, leaving, return_exceptions=True)
        if isinstance(failed, TimeoutError) and "abort" in scope:
            # It need not take what was written either. Closed, the connection would wait for that.
            scope["abort"]()
        # In the middle of an answer an error cannot be told any more: it is cut off, which its length shows.
        if isinstance(failed, Exception) and not isinstance(failed, TimeoutError | AppError):
            raise failed
