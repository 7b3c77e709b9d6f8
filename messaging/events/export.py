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
    summary="All my data, as a zip of JSON lines.",
)
