"""Who may do what: every request, in every kind of conversation, for everybody. Written from the rules, not the code.

A rule is one line. For each place it names with letters (`matrix_world.STANDINGS`) who may; everybody else who is in
there is `forbidden`, because they can see it, and everybody who is not gets `not_found`, as if it did not exist.
`om,p=conflict,*=not_found`: `o` and `m` may, `p` gets another answer, and so does everybody else in there.
"""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

PLACES = ("clinical", "direct", "blocked", "private", "public")
EVERYBODY = "opc po bd omps omps"
"""Everybody who is in there, and nobody else: what reading takes."""
SPEAKERS = "opc po - omp omp"
"""Everybody who has not been silenced, and in a direct conversation nobody once one has blocked the other."""
PINNERS = "opc po - om om"
LEADERS = "- - - om om"
OWNERS = "- - - o o"
NOBODY = "- - - - -"
NONE = "*=not_found"
HIDDEN = " ".join([NONE] * 5)
"""Whom it is about is not there for anybody."""
KEEPERS = "omcdfxwr"
"""Providers and staff."""
ALL = "ompscbdfxgnwr"


@dataclass(frozen=True)
class Rule:
    """One request with what it says, and who may. `rest` is its method and address; without one only sockets have it.

    In address, body and query `{conversation}`, `{message}`, `{attachment}`, `{user}`, `{record}`, `{session}` stand
    for what it is about. `user` names by letter who is meant in a request about a member; `?` is nobody, `self` who
    asks. A `form` is sent with a file instead of as JSON.
    """

    name: str
    rest: str
    may: str
    variant: str = ""
    body: Json | None = None
    params: dict[str, str] | None = None
    user: str = ""
    form: bool = False

    @property
    def label(self) -> str:
        return f"{self.name} {self.variant}".strip()

    @property
    def reads(self) -> bool:
        """Nothing to put back afterwards."""
        return self.rest.startswith("GET ") or not self.rest

    @property
    def everywhere(self) -> bool:
        """Whether it is asked of other people's conversations and of random ids too; of its variants one is enough."""
        return self.variant in {"", "own"}

    def spec(self, place: str) -> str:
        return self.may.split()[PLACES.index(place)]


@dataclass(frozen=True)
class PersonRule(Rule):
    """A request about somebody, or about nothing but who asks: `named` has for each who is meant who may.

    Everybody else gets `not_found`, but for `otherwise`.
    """

    named: dict[str, str] = field(default_factory=dict)
    otherwise: str = "not_found"

    @property
    def everywhere(self) -> bool:
        return False


def verdict(spec: str, letter: str, inside: str, outside: str = "not_found") -> str:
    """What one part of a rule says to somebody: `ok` or the code of the error."""
    may, *others = spec.split(",") if "=" not in spec.split(",")[0] else ("", *spec.split(","))
    if letter in may:
        return "ok"
    for letters, code in (other.split("=") for other in others):
        if letter in letters or (letters == "*" and letter in inside):
            return code
    return "forbidden" if letter in inside else outside


C = "conversations/{conversation}"
M = "messages/{message}"
A = "attachments/{attachment}"
U = "conversations/{conversation}/members/{user}"
HERE = {"conversationId": "{conversation}"}
TEXT = {"content": "x"}
SEEN = {"seq": 1}
PERSON: Json = {"userIds": ["{user}"]}
EMOJI = "%F0%9F%91%8D"

_CONVERSATIONS = [
    Rule("conversation:get", f"GET {C}", EVERYBODY),
    # Owner and moderators; nobody owns a direct conversation, so there it is both, unless one has blocked the other.
    Rule("conversation:update", f"PATCH {C}", "o po - om om", body={"priority": "urgent"}),
    Rule("conversation:update", f"PATCH {C}", "o *=unknown_field - o o", "history", {"history": "all"}),
    Rule("conversation:delete", f"DELETE {C}", "or r r or or"),
    Rule("conversation:update-preferences", f"PUT {C}/preferences", EVERYBODY, body={"archived": True}),
    Rule("conversation:members", f"GET {C}/members", EVERYBODY),
    Rule("conversation:members", f"GET {C}/members", "o - - om om", "banned", params={"blocked": "true"}),
    Rule("conversation:messages", f"GET {C}/messages", EVERYBODY),
    Rule("conversation:events", f"GET {C}/events", EVERYBODY),
    Rule("conversation:receipts", f"GET {C}/receipts", EVERYBODY),
    Rule("conversation:pins", f"GET {C}/pins", EVERYBODY),
    Rule("message:delivered", f"PUT {C}/delivered", EVERYBODY, body=SEEN),
    Rule("message:read", f"PUT {C}/read", EVERYBODY, body=SEEN),
    Rule("typing", f"POST {C}/typing", SPEAKERS, body={"isTyping": True}),
    Rule("conversation:join", "", EVERYBODY, body=HERE),
    Rule("conversation:join-multiple", "", EVERYBODY, body={"conversationIds": ["{conversation}"]}),
    Rule("conversation:leave", "", EVERYBODY, body=HERE),
    Rule("conversation:active-members", "", EVERYBODY, body=HERE),
    Rule("message:new", f"POST {C}/messages", SPEAKERS, body=TEXT),
]

_MEMBERS = [
    # Open rooms: who may find rooms and was not banned. Who is in already stays in.
    Rule("member:join", f"POST {C}/join", "- - - omps ompsfcgwr"),
    # The last owner stays until somebody else is one; patient and provider stay, who covers may go.
    Rule("member:leave", f"POST {C}/leave", "c - - mps,o=conflict mps,o=conflict"),
    Rule("member:add", f"POST {C}/members", "o=invalid - - om om", "a patient", PERSON, user="n"),
    Rule("member:add", f"POST {C}/members", "o=invalid - - om=not_found om=not_found", "unknown", PERSON, user="g"),
    Rule("member:add", f"POST {C}/members", "o=invalid - - om=conflict om=conflict", "banned", PERSON, user="x"),
    Rule(
        "member:add",
        f"POST {C}/members",
        "o - - om=unknown_field om=unknown_field",
        "to cover",
        PERSON | {"until": "{tomorrow}"},
        user="d",
    ),
    Rule(
        "member:add",
        f"POST {C}/members",
        "o=unknown_field - - o o",
        "as moderator",
        PERSON | {"role": "moderator"},
        user="d",
    ),
    Rule("member:update", f"PATCH {U}", "- - *=not_found om om", "silence a member", {"isMuted": True}, user="p"),
    Rule(
        "member:update", f"PATCH {U}", f"{NONE} {NONE} {NONE} o o", "silence a moderator", {"isMuted": True}, user="m"
    ),
    Rule("member:update", f"PATCH {U}", "- - *=not_found o o", "promote", {"role": "moderator"}, user="p"),
    Rule("member:update", f"PATCH {U}", "- - *=not_found om om", "ban", {"isBlocked": True}, user="p"),
    # Who is gone is there for leaders only.
    Rule(
        "member:update",
        f"PATCH {U}",
        f"{NONE} {NONE} {NONE} om,{NONE} om,{NONE}",
        "unban",
        {"isBlocked": False},
        user="x",
    ),
    Rule("member:update", f"PATCH {U}", HIDDEN, "no member", {"isMuted": True}, user="g"),
    Rule("member:update", f"PATCH {U}", HIDDEN, "nobody", {"isMuted": True}, user="?"),
    # Removing oneself is leaving.
    Rule("member:remove", f"DELETE {U}", "- - *=not_found omp omp", "a member", user="p"),
    Rule("member:remove", f"DELETE {U}", f"{NONE} {NONE} {NONE} om om", "a moderator", user="m"),
    Rule("member:remove", f"DELETE {U}", f"oc {NONE} {NONE} {NONE} {NONE}", "who covers", user="c"),
    Rule("member:remove", f"DELETE {U}", "c - - mps,o=conflict mps,o=conflict", "own", user="self"),
    Rule("member:remove", f"DELETE {U}", HIDDEN, "who is gone", user="f"),
    Rule("member:remove", f"DELETE {U}", HIDDEN, "nobody", user="?"),
]

_MESSAGES = [
    Rule("message:get", f"GET {M}", EVERYBODY, "own"),
    Rule("message:get", f"GET {M}", EVERYBODY, "another's"),
    Rule("message:edit", f"PATCH {M}", SPEAKERS, "own", {"content": "changed"}),
    Rule("message:edit", f"PATCH {M}", NOBODY, "another's", {"content": "changed"}),
    Rule("message:delete", f"DELETE {M}", EVERYBODY, "own"),
    # The sender, or who leads the room.
    Rule("message:delete", f"DELETE {M}", LEADERS, "another's"),
    Rule("message:mark-read", f"PATCH {M}/read", EVERYBODY, "own"),
    Rule("message:receipts", f"GET {M}/receipts", EVERYBODY, "own"),
    Rule("message:receipts", f"GET {M}/receipts", EVERYBODY, "another's"),
    Rule("message:edits", f"GET {M}/edits", EVERYBODY, "own"),
    Rule("message:edits", f"GET {M}/edits", EVERYBODY, "another's"),
    Rule("message:thread", f"GET {M}/thread", EVERYBODY, "own"),
    # A silenced member reads only, but may take back what they said with a picture.
    Rule("reaction:new", f"PUT {M}/reactions/{EMOJI}", SPEAKERS, "own"),
    Rule("reaction:new", f"PUT {M}/reactions/{EMOJI}", SPEAKERS, "another's"),
    Rule("reaction:remove", f"DELETE {M}/reactions/{EMOJI}", EVERYBODY, "own"),
    Rule("message:pin", f"PUT {M}/pin", PINNERS, "own"),
    Rule("message:pin", f"PUT {M}/pin", PINNERS, "another's"),
    Rule("message:unpin", f"DELETE {M}/pin", PINNERS, "own"),
    Rule("message:forward", f"POST {M}/forward", SPEAKERS, "own", HERE),
    Rule("message:forward", f"POST {M}/forward", HIDDEN, "to where one is not", {"conversationId": "{elsewhere}"}),
    # Clinical text stays with its patient, whoever belongs to both.
    Rule(
        "message:forward",
        f"POST {M}/forward",
        f"op=forbidden,{NONE} po {NONE} op,{NONE} op,{NONE}",
        "into the direct one",
        {"conversationId": "{direct}"},
    ),
    Rule("message:report", f"POST {M}/report", NOBODY, "own", {"reason": "spam"}),
    Rule("message:report", f"POST {M}/report", EVERYBODY, "another's", {"reason": "spam"}),
]

_UNSENT = "opc=invalid_reference po=invalid_reference - omp=invalid_reference omp=invalid_reference"
_ENCLOSED = {"attachmentIds": ["{attachment}"]}

_FILES = [
    Rule("attachment:upload", "POST attachments", SPEAKERS, body=HERE, form=True),
    # One's own that is not sent yet is there for nobody else, and for its owner while they belong to the conversation.
    Rule("attachment:get", f"GET {A}", EVERYBODY, "own"),
    Rule("attachment:get", f"GET {A}", HIDDEN, "another's"),
    Rule("attachment:discard", f"DELETE {A}", EVERYBODY, "own"),
    Rule("attachment:discard", f"DELETE {A}", HIDDEN, "another's"),
    Rule("attachment:link", f"POST {A}/url", EVERYBODY, "own", {}),
    Rule("attachment:link", f"POST {A}/url", HIDDEN, "another's", {}),
    Rule("message:new", f"POST {C}/messages", SPEAKERS, "with a file of one's own", _ENCLOSED),
    Rule("message:new", f"POST {C}/messages", _UNSENT, "with another's file", _ENCLOSED),
    # What was sent belongs to its message: who may see that may have it, and nobody takes it away by itself.
    Rule("attachment:get", f"GET {A}", EVERYBODY, "sent"),
    Rule("attachment:link", f"POST {A}/url", EVERYBODY, "sent", {}),
    Rule("attachment:discard", f"DELETE {A}", NOBODY, "sent"),
    Rule("message:new", f"POST {C}/messages", _UNSENT, "with a file that was sent", _ENCLOSED),
]

_KEEPERS = {"nothing": KEEPERS}
_RECORD = {"one": KEEPERS, "random": ""}
_SESSION = {"own": ALL, "foreign": "", "random": ""}
_KNOWN = {"self": ALL, "p": "ompscdfxwr", "g": "gwr", "e": "omps", "!": "", "?": ""}
"""Whom people may know of: themselves, whom their role may write to, and whom they share a conversation with."""
_BLOCKABLE = {
    "self": f"{ALL}=invalid",
    "p": "omscdfxwr,p=invalid",
    "g": "wr,g=invalid",
    "d": "ompscbfxnwr,d=invalid",
    "e": "omps",
    "!": "",
    "?": "",
}
_SEEN = {"self": ALL, "p": "ompsc", "e": "omps", "d": "d", "b": "b", "o": "ompsc", "g": "g", "?": ""}
"""Whose presence: of those with whom they share a conversation, unless one has blocked the other."""

_PEOPLE = [
    PersonRule("GET users/{user}", "GET users/{user}", "", named=_KNOWN),
    PersonRule("user:block", "PUT users/{user}/block", "", named=_BLOCKABLE),
    PersonRule("user:unblock", "DELETE users/{user}/block", "", named=_KNOWN | {"d": "ompscbdfxnwr"}),
    PersonRule("presence:get", "GET presence/{user}", "", named=_SEEN),
    PersonRule("presence:subscribe", "", "", named=_SEEN, body=PERSON),
    PersonRule("presence:unsubscribe", "", "", named={"p": ALL, "?": ALL}, body=PERSON),
    PersonRule("presence:list", "GET presence", "", named={"p": ALL, "?": ALL}, params={"userIds": "{user}"}),
    PersonRule(
        "conversation:create",
        "POST conversations",
        "",
        "direct",
        {"kind": "direct", "userId": "{user}"},
        named={
            "p": "omcdfxwr,p=invalid,s=forbidden",
            "d": "omcfxpsnbwr,d=invalid",
            "e": "omps=forbidden",
            "self": f"{ALL}=invalid",
            "g": "wr,g=invalid",
            "?": "",
        },
    ),
    PersonRule(
        "conversation:create",
        "POST conversations",
        "",
        "clinical",
        {"patientId": "{user}", "providerId": "{provider}"},
        named={"p": "opcr,mdfxws=forbidden", "?": ""},
    ),
    PersonRule(
        "conversation:create",
        "POST conversations",
        "",
        "with members",
        {"kind": "private", "name": "New", "memberIds": ["{user}"]},
        named={"p": "omcdfxwr,ps=forbidden", "e": "omps=forbidden", "?": ""},
    ),
    PersonRule(
        "conversation:create",
        "POST conversations",
        "",
        "private",
        {"kind": "private", "name": "New"},
        named={"nothing": "omcdfxgwr"},
        otherwise="forbidden",
    ),
    PersonRule(
        "conversation:create",
        "POST conversations",
        "",
        "public",
        {"kind": "public", "name": "New"},
        named={"nothing": "omcdfxwr"},
        otherwise="forbidden",
    ),
    PersonRule(
        "conversation:create",
        "POST conversations",
        "",
        "course",
        {"kind": "course", "name": "New", "courseId": "C1"},
        named={"nothing": "wr"},
        otherwise="forbidden",
    ),
    PersonRule("patient-record:list", "GET patient-records", "", named=_KEEPERS, otherwise="forbidden"),
    PersonRule(
        "patient-record:create",
        "POST patient-records",
        "",
        body={"mrn": "MRN-2", "name": "Pia Quint"},
        named=_KEEPERS,
        otherwise="forbidden",
    ),
    PersonRule(
        "patient-record:lookup",
        "POST patient-records/lookup",
        "",
        body={"mrn": "MRN-1"},
        named=_KEEPERS,
        otherwise="forbidden",
    ),
    PersonRule("patient-record:get", "GET patient-records/{record}", "", named=_RECORD),
    PersonRule(
        "patient-record:update", "PATCH patient-records/{record}", "", body={"name": "Pola Quint"}, named=_RECORD
    ),
    PersonRule("patient-record:messages", "GET patient-records/{record}/messages", "", named=_RECORD),
    PersonRule("DELETE auth/sessions/{session}", "DELETE auth/sessions/{session}", "", named=_SESSION),
]


def _own(name: str, rest: str, body: Json | None = None) -> PersonRule:
    """Of what is one's own, for everybody who is signed in."""
    return PersonRule(name, rest, "", body=body, named={"nothing": ALL})


_ONESELF = [
    _own("conversation:list", "GET conversations"),
    _own("conversation:discover", "GET conversations/discover"),
    _own("conversation:unread-count", "GET conversations/unread-count"),
    _own("me:export", "GET me/export"),
    _own("presence:update", "PUT me/presence", {"status": "busy"}),
    _own("presence:online-count", "GET presence/online-count"),
    _own("GET me", "GET me"),
    _own("PATCH me", "PATCH me", {"language": "de"}),
    _own("GET users", "GET users"),
    _own("GET auth/sessions", "GET auth/sessions"),
]

RULES: list[Rule] = [*_CONVERSATIONS, *_MEMBERS, *_MESSAGES, *_FILES, *_PEOPLE, *_ONESELF]

SIGNED_OUT_ONLY = {
    "POST auth/logout": "ends the session that asks; tests/accounts/test_sign_out.py",
    "POST auth/logout-all": "ends all sessions of who asks; tests/accounts/test_sign_out.py",
    "POST auth/password": "asks for one's own password and ends sessions; tests/accounts/test_change_password.py",
}
"""Only who is not signed in is asked here: these end the session of who asks, whoever that is."""

EXCEPTIONS = {
    "api/v1/auth/token": "signs in: nobody is signed in yet; tests/accounts/test_sign_in.py",
    "api/v1/auth/token/refresh": "the refresh token is what it asks for; tests/accounts/test_refresh.py",
    "": "the page, which is the same for everybody",
    "favicon.ico": "a picture",
    "api/schema": "a document, the same for everybody",
    "api/docs": "a document, the same for everybody",
    "api/asyncapi": "a document, the same for everybody",
    "files/{token}": "a signed link, which is all it asks for; tests/attachments/test_download.py",
    "health": "tells of no person; tests/config/test_health.py",
    "health/live": "tells of no person; tests/config/test_health.py",
    "health/ready": "tells of no person; tests/config/test_health.py",
    "metrics": "figures, for whoever may scrape; tests/config/test_metrics_guard.py",
    "admin/": "Django's own site, with sessions and permissions of its own; tests/accounts/test_admin.py",
    "admin": "leads to admin/",
    "admin/second-factor/": "the page of one's own authenticator app; tests/accounts/test_totp_admin.py",
}
"""Addresses that are not asked, and why; of the admin the beginning of them all."""
