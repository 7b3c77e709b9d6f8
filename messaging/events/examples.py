"""Data as clients send it, for the documents of the wire. Tests hold each of them against its shape."""

from typing import Any

Examples = dict[str, dict[str, Any]]

_PATIENT = "0192f0c5-7b1e-7a60-8c1d-3f4a5b6c7d01"
_PROVIDER = "0192f0c5-7b1e-7a60-8c1d-3f4a5b6c7d02"
_COLLEAGUE = "0192f0c5-7b1e-7a60-8c1d-3f4a5b6c7d03"
_CONVERSATION = "0192f0d1-22b4-7c1e-9a70-6b1f0e2d3c4a"
_OTHER_CONVERSATION = "0192f0d1-22b4-7c1e-9a70-6b1f0e2d3c4b"
_MESSAGE = "0192f0d3-91c2-7f3a-8b1c-0d9e8f7a6b5c"

_FILE = "0192f0d3-8e10-7b44-9c02-1a2b3c4d5e6f"
_OTHER_FILE = "0192f0d3-8e55-7d18-8f3a-2b3c4d5e6f70"

_HERE = {"conversationId": _CONVERSATION}
_THIS = {"messageId": _MESSAGE}

CREATE: Examples = {
    "Clinical": {"patientId": _PATIENT, "providerId": _PROVIDER},
    "Direct": {"kind": "direct", "userId": _COLLEAGUE},
    "A room": {
        "kind": "group",
        "name": "Ward round",
        "description": "Who sees whom today.",
        "memberIds": [_PROVIDER, _COLLEAGUE],
    },
    "A course": {"kind": "course", "name": "Anatomy I", "courseId": "ANAT-101"},
}
UPDATE: Examples = {
    "Of any kind": _HERE | {"priority": "urgent", "tags": ["ward 4"]},
    "A room": _HERE | {"name": "Ward round", "description": "", "postingPolicy": "moderators"},
}
PREFERENCES: Examples = {
    "Archive": _HERE | {"archived": True},
    "No notifications for a while": _HERE | {"muted": True, "mutedUntil": "2026-12-01T08:00:00.000Z"},
}
LOOK_AT_MANY: Examples = {"Two": {"conversationIds": [_CONVERSATION, _OTHER_CONVERSATION]}}
TYPING: Examples = {"Somebody types": _HERE | {"isTyping": True}}

ADD: Examples = {
    "To a room": _HERE | {"userIds": [_PROVIDER, _COLLEAGUE]},
    "As moderator": _HERE | {"userIds": [_COLLEAGUE], "role": "moderator"},
    "Cover in a clinical conversation": _HERE | {"userIds": [_COLLEAGUE], "until": "2026-12-01T08:00:00.000Z"},
}
MANAGE: Examples = {
    "Hand the room over": _HERE | {"userId": _COLLEAGUE, "role": "owner"},
    "Let them read only": _HERE | {"userId": _COLLEAGUE, "isMuted": True},
    "Ban": _HERE | {"userId": _COLLEAGUE, "isBlocked": True},
}

SEND: Examples = {
    "Text": _HERE | {"content": "Is K<3.5 dangerous?", "clientMessageId": "phone-1"},
    "A reply": _HERE | {"content": "Yes: call us today.", "clientMessageId": "desk-7", "replyToId": _MESSAGE},
    "Pictures": _HERE | {"type": "image", "attachmentIds": [_FILE, _OTHER_FILE], "clientMessageId": "phone-2"},
    "In a thread, urgent": _HERE | {"content": "@provider1 please", "threadRootId": _MESSAGE, "priority": "urgent"},
}
EDIT: Examples = {"Another text": _THIS | {"content": "Is K<3.5 or K>5.5 dangerous?"}}
DELETE: Examples = {"One message": dict(_THIS)}
FORWARD: Examples = {"Into another conversation": _THIS | {"conversationId": _OTHER_CONVERSATION}}
REPORT: Examples = {"With what stands around it": _THIS | {"reason": "harassment", "context": True}}
REACT: Examples = {"An emoji": _THIS | {"emoji": "👍"}}
WATERMARK: Examples = {"Up to the twelfth": _HERE | {"seq": 12}}
HISTORY: Examples = {"The newest": dict(_HERE), "Older": _HERE | {"before": 12, "limit": 100}}
EVENTS: Examples = {"What was missed": _HERE | {"after": 12}}
