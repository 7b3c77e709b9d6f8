"""Everything that changes a person or a session. Synchronous: for a thread that may use the database.

Each service is one transaction together with its audit entry, and tells live sockets after COMMIT.
"""

from accounts.services.blocking import block_user, unblock_user
from accounts.services.erasing import erase_user, placeholder_of
from accounts.services.passwords import change_password
from accounts.services.patients import (
    create_patient_record,
    list_patient_records,
    look_up_patient_record,
    update_patient_record,
    view_patient_record,
)
from accounts.services.presence import (
    count_online,
    list_presence,
    read_presence,
    subscribe_presence,
    unsubscribe_presence,
    update_presence,
)
from accounts.services.refreshing import refresh
from accounts.services.second_factor import (
    begin_second_factor,
    confirm_second_factor,
    device_of,
    remove_own_second_factor,
    remove_second_factor,
    remove_second_factor_on_host,
    renew_recovery_codes,
    show_second_factor,
)
from accounts.services.sessions import (
    end_session,
    end_session_of_another,
    log_in,
    log_out,
    log_out_by_token,
    log_out_everywhere,
    start_session,
)
from accounts.services.signing_in import SignedIn
from accounts.services.users import change_authority, create_user, disable_user, enable_user, update_profile
from accounts.services.viewing import view_people, view_person

__all__ = [
    "SignedIn",
    "begin_second_factor",
    "block_user",
    "change_authority",
    "change_password",
    "confirm_second_factor",
    "count_online",
    "create_patient_record",
    "create_user",
    "device_of",
    "disable_user",
    "enable_user",
    "end_session",
    "end_session_of_another",
    "erase_user",
    "list_patient_records",
    "list_presence",
    "log_in",
    "log_out",
    "log_out_by_token",
    "log_out_everywhere",
    "look_up_patient_record",
    "placeholder_of",
    "read_presence",
    "refresh",
    "remove_own_second_factor",
    "remove_second_factor",
    "remove_second_factor_on_host",
    "renew_recovery_codes",
    "show_second_factor",
    "start_session",
    "subscribe_presence",
    "unblock_user",
    "unsubscribe_presence",
    "update_patient_record",
    "update_presence",
    "update_profile",
    "view_patient_record",
    "view_people",
    "view_person",
]
