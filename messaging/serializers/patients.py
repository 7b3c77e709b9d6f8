"""Shapes of consultation histories."""

from rest_framework import serializers

from core.shapes import Shape, cursor_field
from messaging.serializers.fields import limit_field
from messaging.serializers.messages import MessageOut


class ConsultationsIn(Shape):
    record_id = serializers.UUIDField()
    cursor = cursor_field()
    limit = limit_field()


class ConsultationsOut(Shape):
    results = MessageOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)
