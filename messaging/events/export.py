"""What clients may ask of all that is theirs."""

from core.doors import Receives
from messaging import serializers as shapes
from messaging import services
from messaging.events import answers

export = Receives(
    "me:export",
    schema=shapes.NothingIn,
    service=services.export_data,
    answer=answers.as_it_is,
    limit="EXPORT",
    socket=False,
    summary="All my data, as a zip of JSON lines and files.",
    description=(
        "My profile, devices and blocks, the conversations I belong to, every message I may see there, my receipts, "
        "reactions, reports, and where I am named: each a file of one JSON object a line, with the fields they have "
        "elsewhere. Files that were sent are in it themselves; `files.jsonl` tells where. Made while it is sent; a zip "
        "that no program opens was cut off on its way. A few times a day (5 by default), and two at once."
    ),
)
