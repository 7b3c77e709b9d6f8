"""Shapes of what is asked about files, and of a file as everybody is told of it."""

from rest_framework import serializers

from attachments.inspection.waveforms import HIGHEST, MOST_VALUES, read_waveform
from attachments.models import SHOWN
from attachments.serving.links import ATTACHMENT, INLINE
from core.shapes import Shape

LONGEST_MS = 24 * 3600 * 1000

STATUSES = [(status.value, status.value) for status in SHOWN]


class FormNumber(serializers.IntegerField):
    """A number in a form, where everything is text."""


class WaveformField(serializers.CharField):
    """A waveform in a form: a JSON array, as text."""

    def to_internal_value(self, data: object) -> tuple[int, ...]:  # type: ignore[override]  # text only on the wire
        return read_waveform(str(data))


class UploadIn(Shape):
    """The fields before the file."""

    conversation_id = serializers.UUIDField()
    duration_ms = FormNumber(
        required=False,
        min_value=0,
        max_value=LONGEST_MS,
        help_text="For sound that the server cannot measure: WebM. Ignored for what is neither sound nor film.",
    )
    waveform = WaveformField(
        required=False,
        help_text=f"How loud it is from beginning to end: 1 to {MOST_VALUES} integers from 0 to {HIGHEST} as a JSON "
        "array, `[0, 35, 100]`. Ignored like `durationMs`.",
    )


class UploadBody(UploadIn):
    """A form of these parts in this order."""

    file = serializers.FileField(help_text="The last part, with its file name.")


class AttachmentIdIn(Shape):
    attachment_id = serializers.UUIDField()


class LinkBody(Shape):
    thumbnail = serializers.BooleanField(
        required=False, default=False, help_text="Of the thumbnail: WebP, at most 320 pixels wide and high."
    )
    disposition = serializers.ChoiceField(
        choices=[ATTACHMENT, INLINE],
        required=False,
        default=ATTACHMENT,
        help_text="`inline` is granted to pictures, sound and video in formats that browsers show.",
    )


class LinkIn(LinkBody, AttachmentIdIn):
    pass


class LinkOut(Shape):
    url = serializers.CharField(help_text="Relative to the server, unless files have an address of their own.")
    expires_at = serializers.CharField(help_text="At most five minutes from now. A link can be used until then, often.")


class AttachmentOut(Shape):
    """A file. When its description cannot be opened, its name, type, size and hash are null and `contentError` says
    why."""

    id = serializers.UUIDField()
    conversation_id = serializers.UUIDField()
    owner_id = serializers.UUIDField()
    name = serializers.CharField(allow_null=True)
    mime_type = serializers.CharField(allow_null=True, help_text="What the content is, whatever was declared.")
    size = serializers.IntegerField(allow_null=True, help_text="Bytes of what is stored, without removed metadata.")
    sha256 = serializers.CharField(allow_null=True, help_text="Of what is stored, in hexadecimal.")
    content_error = serializers.ChoiceField(choices=["undecryptable", "shredded"], required=False)
    status = serializers.ChoiceField(choices=STATUSES, help_text="Only a clean file can be sent or opened.")
    width = serializers.IntegerField(required=False, help_text="Pixels, as it is stored; with `height`.")
    height = serializers.IntegerField(required=False)
    duration_ms = serializers.IntegerField(required=False)
    waveform = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=HIGHEST), required=False, max_length=MOST_VALUES
    )
    created_at = serializers.CharField()
