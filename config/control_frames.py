"""The control frames of `/ws/chat`, described for the document; `realtime.session` speaks them."""

from dataclasses import dataclass, field
from typing import Any

Schema = dict[str, Any]

MOMENT: Schema = {"type": "string", "format": "date-time"}
ID: Schema = {"type": "string", "format": "uuid"}
_TEXT: Schema = {"type": "string"}
_SEQS: Schema = {
    "type": "object",
    "description": "A seq for each conversation id.",
    "additionalProperties": {"type": "integer", "minimum": 0},
}


def frame(required: list[str], properties: Schema) -> Schema:
    return {"type": "object", "required": required, "properties": properties}


@dataclass(frozen=True)
class ControlFrame:
    """`senders`: who may send it, `client`, `server` or both. Every field but the `optional` ones is always there."""

    type: str
    senders: tuple[str, ...]
    summary: str
    fields: Schema = field(default_factory=dict)
    optional: tuple[str, ...] = ()

    def message(self) -> Schema:
        required = ["type", *(name for name in self.fields if name not in self.optional)]
        payload = frame(required, {"type": {"const": self.type}, **self.fields})
        return {"name": self.type, "summary": self.summary, "payload": payload}


_RESUME = frame(["epoch", "cursors"], {"epoch": _TEXT, "cursors": _SEQS})

CONTROL_FRAMES = (
    ControlFrame(
        "auth",
        ("client",),
        "Who I am, within 5 s; later a fresh token of the same session. `resume` may come with the first one.",
        {"token": _TEXT, "resume": _RESUME},
        optional=("resume",),
    ),
    ControlFrame(
        "auth_success",
        ("server",),
        "The token is good. `epoch` names the history that cursors belong to.",
        {
            "user_id": ID,
            "sessionId": ID,
            "epoch": _TEXT,
            "heartbeatMs": {"type": "integer"},
            "serverTime": MOMENT,
        },
    ),
    ControlFrame(
        "auth_expiring",
        ("server",),
        "A minute before the token ends: send `auth` with a new one on this socket.",
        {"expiresAt": MOMENT},
    ),
    ControlFrame(
        "resume",
        ("client",),
        "Send me what came after these; at any time.",
        {"epoch": _TEXT, "cursors": _SEQS},
    ),
    ControlFrame(
        "resumed",
        ("server",),
        "Everything missed has been sent. `heads`: every conversation there is for you with its newest number.",
        {"heads": _SEQS},
    ),
    ControlFrame(
        "resync",
        ("server",),
        "Load this conversation anew over REST: it cannot be replayed from your cursor.",
        {
            "conversationId": ID,
            "reason": {
                "type": "string",
                "enum": ["unknown_epoch", "cursor_above_head", "below_floor", "shredded"],
                "description": (
                    "`unknown_epoch`: the cursors belong to another history, the database was restored; "
                    "`cursor_above_head`: there is no event of that number yet; `below_floor`: what came after it is "
                    "not kept any more, which does not happen yet; `shredded`: it was destroyed, and so it is answered."
                ),
            },
        },
    ),
    ControlFrame(
        "ping",
        ("client", "server"),
        "Are you there? The server's has the heads that have changed since its last one.",
        {"heads": _SEQS},
        optional=("heads",),
    ),
    ControlFrame("pong", ("client", "server"), "The answer to `ping`. Who is silent for 60 s is dropped."),
    ControlFrame(
        "drain",
        ("server",),
        "This process is about to stop: connect again, then.",
        {"reconnectInMs": {"type": "integer", "minimum": 0}},
    ),
)
