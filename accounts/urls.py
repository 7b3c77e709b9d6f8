"""Routes under /api/v1/."""

from django.urls import path

from accounts.views import blocking, patients, people, presence, sessions, signing_in

urlpatterns = [
    path("auth/token", signing_in.TokenView.as_view(), name="auth-token"),
    path("auth/token/refresh", signing_in.RefreshView.as_view(), name="auth-refresh"),
    path("auth/logout", signing_in.LogoutView.as_view(), name="auth-logout"),
    path("auth/logout-all", signing_in.LogoutAllView.as_view(), name="auth-logout-all"),
    path("auth/password", sessions.PasswordView.as_view(), name="auth-password"),
    path("auth/sessions", sessions.SessionsView.as_view(), name="auth-sessions"),
    path("auth/sessions/<uuid:session_id>", sessions.SessionView.as_view(), name="auth-session"),
    path("me", people.MeView.as_view(), name="me"),
    path("me/presence", presence.MyPresenceView.as_view(), name="my-presence"),
    path("presence", presence.PresencesView.as_view(), name="presences"),
    path("presence/online-count", presence.OnlineCountView.as_view(), name="online-count"),
    path("presence/<uuid:user_id>", presence.PresenceView.as_view(), name="presence"),
    path("users", people.UsersView.as_view(), name="users"),
    path("users/<uuid:user_id>", people.UserView.as_view(), name="user"),
    path("users/<uuid:user_id>/block", blocking.BlockView.as_view(), name="user-block"),
    path("patient-records", patients.PatientRecordsView.as_view(), name="patient-records"),
    path("patient-records/lookup", patients.LookupView.as_view(), name="patient-record-lookup"),
    path("patient-records/<uuid:record_id>", patients.PatientRecordView.as_view(), name="patient-record"),
]
