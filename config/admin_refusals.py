"""What a refusal of the admin looks like to somebody with a browser: a page in the admin's look, with a way back.

Programs get the problem document as everywhere. The page says no more than that, least of all whether there is
something that one may not see.
"""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string

from core.rest.errors import PROBLEM

_HTML = "text/html"
_AS_DOCUMENTED = ("This cannot be answered", "Nothing was changed. Go back, and try it another way.")
_WORDS = {
    403: (
        "Your rights do not reach this far",
        "Nothing was shown or changed. Whoever runs this server says who may do what here.",
    ),
    404: ("There is no such page", "The address is mistyped, or it leads to something that is no more."),
    405: (
        "This address shows nothing by itself",
        "It takes what a button of a page sends. Go to that page, and press the button there.",
    ),
    429: ("This was too much at once", "Nothing was changed. Wait for a minute, then try it again."),
    500: ("This is a defect of the server", "It has been logged. Whoever runs this server finds it there by its id."),
    503: ("This cannot be done at the moment", "The database or the audit log does not answer. Try it again soon."),
}
"""By status: the heading and a sentence."""


def is_for_a_person(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether this is a problem document that was asked for by somebody who would rather have a page."""
    return response.get("Content-Type") == PROBLEM and request.get_preferred_type([PROBLEM, _HTML]) == _HTML


def as_page(response: HttpResponse, request_id: str) -> None:
    """Make a page of a problem document: the status and everything else in its head stay.

    Reads neither the session nor the database, which may be what is wrong.
    """
    title, text = _WORDS.get(response.status_code, _AS_DOCUMENTED)
    site = {"site_title": admin.site.site_title, "site_header": admin.site.site_header}
    said = {"title": title, "text": text, "request_id": request_id}
    response.content = render_to_string("admin/refused.html", {**site, **said}).encode()
    response["Content-Type"] = f"{_HTML}; charset=utf-8"
