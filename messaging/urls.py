"""Where messaging answers, under /api/v1/."""

from django.urls import path

from messaging.views import (
    conversations,
    export,
    history,
    looking,
    members,
    messages,
    patients,
    pins,
    reactions,
    receipts,
)

_CONVERSATION = "conversations/<uuid:conversation_id>"
_MESSAGE = "messages/<uuid:message_id>"

urlpatterns = [
    path("conversations", conversations.ConversationsView.as_view()),
    path("conversations/discover", conversations.DiscoverView.as_view()),
    path("conversations/unread-count", receipts.UnreadCountView.as_view()),
    path(_CONVERSATION, conversations.ConversationView.as_view()),
    path(f"{_CONVERSATION}/preferences", conversations.PreferencesView.as_view()),
    path(f"{_CONVERSATION}/join", members.JoinView.as_view()),
    path(f"{_CONVERSATION}/leave", members.LeaveView.as_view()),
    path(f"{_CONVERSATION}/members", members.MembersView.as_view()),
    path(f"{_CONVERSATION}/members/<uuid:user_id>", members.MemberView.as_view()),
    path(f"{_CONVERSATION}/messages", history.messages),
    path(f"{_CONVERSATION}/pins", pins.PinsView.as_view()),
    path(f"{_CONVERSATION}/events", history.conversation_events),
    path(f"{_CONVERSATION}/read", receipts.ReadView.as_view()),
    path(f"{_CONVERSATION}/delivered", receipts.DeliveredView.as_view()),
    path(f"{_CONVERSATION}/receipts", receipts.ReceiptsView.as_view()),
    path(f"{_CONVERSATION}/typing", looking.TypingView.as_view()),
    path(_MESSAGE, messages.MessageView.as_view()),
    path(f"{_MESSAGE}/read", receipts.MessageReadView.as_view()),
    path(f"{_MESSAGE}/receipts", receipts.MessageReceiptsView.as_view()),
    path(f"{_MESSAGE}/edits", messages.EditsView.as_view()),
    path(f"{_MESSAGE}/thread", messages.ThreadView.as_view()),
    path(f"{_MESSAGE}/forward", messages.ForwardView.as_view()),
    path(f"{_MESSAGE}/report", messages.ReportView.as_view()),
    path(f"{_MESSAGE}/pin", pins.PinView.as_view()),
    path(f"{_MESSAGE}/reactions/<path:emoji>", reactions.ReactionView.as_view()),
    path("patient-records/<uuid:record_id>/messages", patients.ConsultationsView.as_view()),
    path("me/export", export.export),
]
