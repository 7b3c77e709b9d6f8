"""Shapes of watermarks."""

from rest_framework import serializers

from core.shapes import Shape


class WatermarkBody(Shape):
    # Without bounds: every number that is not one of the conversation gets the same answer.
    seq = serializers.IntegerField(help_text="Not above the head of the conversation; else `seq_out_of_range`.")


class WatermarkIn(WatermarkBody):
    conversation_id = serializers.UUIDField()


class ReceiptOut(Shape):
    user_id = serializers.UUIDField()
    delivered_seq = serializers.IntegerField()
    read_seq = serializers.IntegerField()
    delivered_at = serializers.DateTimeField(required=False)
    read_at = serializers.DateTimeField(required=False)


class ReceiptsOut(Shape):
    results = ReceiptOut(many=True)


class MessageReceiptOut(Shape):
    user_id = serializers.UUIDField()
    delivered_seq = serializers.IntegerField(help_text="It has arrived there when this is not below its own seq.")
    read_seq = serializers.IntegerField()
    delivered_at = serializers.DateTimeField(required=False, help_text="When it had arrived. Absent in rooms.")
    read_at = serializers.DateTimeField(required=False, help_text="When it had been read. Absent in rooms.")


class MessageReceiptsOut(Shape):
    results = MessageReceiptOut(many=True)


class WatermarkOut(Shape):
    """Somebody's watermark moved."""

    conversation_id = serializers.UUIDField()
    user_id = serializers.UUIDField()
    seq = serializers.IntegerField()
