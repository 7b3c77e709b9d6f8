"""Everything that changes a person or a session. Synchronous: for a thread that may use the database.

Each service is one transaction together with its audit entry, and tells live sockets after COMMIT.
"""

from accounts.services.passwords import change_password
from accounts.services.refreshing import refresh
from accounts.services.sessions import end_session, log_in, log_out, log_out_by_token, log_out_everywhere, start_session
from accounts.services.signing_in import SignedIn
from accounts.services.users import change_authority, create_user, disable_user, enable_user, update_profile
from accounts.services.viewing import view_people, view_person

__all__ = [
    "SignedIn",
    "change_authority",
    "change_password",
    "create_user",
    "disable_user",
    "enable_user",
    "end_session",
    "log_in",
    "log_out",
    "log_out_by_token",
    "log_out_everywhere",
    "refresh",
    "start_session",
    "update_profile",
    "view_people",
    "view_person",
]
