"""Where messaging answers, under /api/v1/."""

from django.urls import path

from messaging import views

_CONVERSATION = "conversations/<uuid:conversation_id>"
_MESSAGE = "messages/<uuid:message_id>"

urlpatterns = [
    path("conversations", views.ConversationsView.as_view()),
    path("conversations/unread-count", views.UnreadCountView.as_view()),
    path(_CONVERSATION, views.ConversationView.as_view()),
    path(f"{_CONVERSATION}/preferences", views.PreferencesView.as_view()),
    path(f"{_CONVERSATION}/members", views.MembersView.as_view()),
    path(f"{_CONVERSATION}/messages", views.messages),
    path(f"{_CONVERSATION}/events", views.conversation_events),
    path(f"{_CONVERSATION}/read", views.ReadView.as_view()),
    path(f"{_CONVERSATION}/delivered", views.DeliveredView.as_view()),
    path(f"{_CONVERSATION}/receipts", views.ReceiptsView.as_view()),
    path(_MESSAGE, views.MessageView.as_view()),
    path(f"{_MESSAGE}/read", views.MessageReadView.as_view()),
]
