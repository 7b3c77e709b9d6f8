"""The addresses of files under `/api/v1/`; `/files/<token>` stands in `config.urls`."""

from django.urls import path

from attachments.views import attachments

urlpatterns = [
    path("attachments", attachments.upload),
    path("attachments/<uuid:attachment_id>", attachments.AttachmentView.as_view()),
    path("attachments/<uuid:attachment_id>/url", attachments.LinkView.as_view()),
]
