"""Shapes of everything accounts takes and gives, and how rows become such answers."""

from typing import Any
from uuid import UUID

from rest_framework import serializers

from accounts import totp
from accounts.models import LoginSession, Role, User
from accounts.passwords import LONGEST
from accounts.record_numbers import validate_number
from accounts.services import SignedIn
from accounts.validators import validate_plain_name
from core.rest.paging import MOST, USUAL
from core.shapes import Shape, cursor_field
from core.time import wire_time
from realtime.presence import Status


def _password() -> serializers.CharField:
    return serializers.CharField(max_length=LONGEST, trim_whitespace=False)


# ---- People ------------------------------------------------------------------------------------------------------


class UserOut(Shape):
    id = serializers.UUIDField()
    username = serializers.CharField()
    display_name = serializers.CharField(allow_null=True)
    role = serializers.ChoiceField(Role.choices)
    is_active = serializers.BooleanField()


class UsersOut(Shape):
    results = UserOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class MeOut(UserOut):
    time_zone = serializers.CharField(help_text="A name of the IANA time zone database.")
    language = serializers.CharField(help_text="A language tag (RFC 5646).")
    out_of_office = serializers.CharField(allow_null=True)


class ProfileIn(Shape):
    display_name = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=100, help_text="null or empty: no display name."
    )
    time_zone = serializers.CharField(required=False, max_length=64)
    language = serializers.CharField(required=False, max_length=35)
    out_of_office = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=500, help_text="null or empty: no note."
    )


def user_out(user: User) -> dict[str, Any]:
    """A person as others see them."""
    return {
        "id": str(user.id),
        "username": user.username,
        "displayName": user.display_name,
        "role": user.role,
        "isActive": user.is_active,
    }


def me_out(user: User) -> dict[str, Any]:
    """A person as they see themselves."""
    return {
        **user_out(user),
        "timeZone": user.time_zone,
        "language": user.language,
        "outOfOffice": user.out_of_office,
    }


# ---- Signing in --------------------------------------------------------------------------------------------------


class TokenIn(Shape):
    username = serializers.CharField(max_length=64)
    password = _password()
    otp = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=totp.LONGEST_TYPED,
        help_text="The code of the person's authenticator app, or a recovery code; for staff who have set one up.",
    )
    cookie = serializers.BooleanField(
        default=False, help_text="For browsers: the refresh token travels only as a cookie that no script can read."
    )


class AccessOut(Shape):
    access = serializers.CharField(help_text="Send it as `Authorization: Bearer …`.")
    expires_in = serializers.IntegerField(help_text="Seconds until the access token ends.")
    refresh = serializers.CharField(required=False, help_text="Absent in cookie mode.")


class TokenOut(AccessOut):
    user = UserOut()


class RefreshIn(Shape):
    refresh = serializers.CharField(
        required=False, max_length=2048, trim_whitespace=False, help_text="Leave it out in cookie mode."
    )


class PasswordIn(Shape):
    current_password = _password()
    new_password = _password()


def access_out(signed_in: SignedIn, *, cookie: bool) -> dict[str, Any]:
    """New tokens; in cookie mode without the refresh token, which no script may see."""
    answer: dict[str, Any] = {"access": signed_in.access, "expiresIn": signed_in.expires_in}
    return answer if cookie else {**answer, "refresh": signed_in.refresh}


def token_out(signed_in: SignedIn, *, cookie: bool) -> dict[str, Any]:
    return {**access_out(signed_in, cookie=cookie), "user": user_out(signed_in.user)}


# ---- Presence ----------------------------------------------------------------------------------------------------

MOST_AT_ONCE = 200
"""How many people one request about presence may name."""

STATUSES = [status.value for status in Status]


class NothingIn(Shape):
    """Nothing to say."""


class PresenceIn(Shape):
    status = serializers.ChoiceField(STATUSES, help_text="`offline` hides this device from others.")
    custom_status = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=100,
        validators=[validate_plain_name],
        help_text="What you say of yourself on all devices; null or empty: nothing.",
    )


class PeopleIn(Shape):
    user_ids = serializers.ListField(child=serializers.UUIDField(), allow_empty=False, max_length=MOST_AT_ONCE)


class PersonIn(Shape):
    user_id = serializers.UUIDField()


class PresenceOut(Shape):
    user_id = serializers.UUIDField()
    status = serializers.ChoiceField(STATUSES)
    custom_status = serializers.CharField(required=False, help_text="What they say of themselves, unless offline.")
    last_seen_at = serializers.DateTimeField(required=False, help_text="When they went offline, while they are.")


class PresencesOut(Shape):
    results = PresenceOut(many=True)


class OnlineOut(Shape):
    count = serializers.IntegerField()


# ---- Patient records ---------------------------------------------------------------------------------------------


def _mrn(**kwargs: Any) -> serializers.CharField:
    text = "Medical record number. Neither spaces nor case make another number of it."
    return serializers.CharField(max_length=64, validators=[validate_number], help_text=text, **kwargs)


def _patient_name(**kwargs: Any) -> serializers.CharField:
    return serializers.CharField(max_length=200, validators=[validate_plain_name], **kwargs)


class PatientRecordIn(Shape):
    mrn = _mrn()
    name = _patient_name()
    birth_date = serializers.DateField(required=False, allow_null=True)
    user_id = serializers.UUIDField(required=False, allow_null=True, help_text="The patient's account.")


class PatientRecordPatchBody(Shape):
    mrn = _mrn(required=False)
    name = _patient_name(required=False)
    birth_date = serializers.DateField(required=False, allow_null=True, help_text="null takes it away.")
    user_id = serializers.UUIDField(required=False, allow_null=True, help_text="null takes it away.")


class PatientRecordPatchIn(PatientRecordPatchBody):
    record_id = serializers.UUIDField()


class PatientRecordIdIn(Shape):
    record_id = serializers.UUIDField()


class PatientRecordListIn(Shape):
    cursor = cursor_field()
    limit = serializers.IntegerField(required=False, default=USUAL, min_value=1, max_value=MOST)


class LookupIn(Shape):
    mrn = _mrn()


class PatientRecordOut(Shape):
    id = serializers.UUIDField()
    mrn = serializers.CharField(allow_null=True)
    name = serializers.CharField(allow_null=True)
    birth_date = serializers.DateField(required=False)
    content_error = serializers.CharField(
        required=False, help_text="`undecryptable`: number, name and birth date cannot be opened."
    )
    user_id = serializers.UUIDField(required=False, help_text="The patient's account.")
    created_by = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class PatientRecordsOut(Shape):
    results = PatientRecordOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


# ---- Sessions ----------------------------------------------------------------------------------------------------


class SessionOut(Shape):
    id = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField(help_text="To the minute.")
    expires_at = serializers.DateTimeField(help_text="When it ends at the latest.")
    user_agent = serializers.CharField(help_text="What the device called itself when it signed in.")
    current = serializers.BooleanField(help_text="Whether it is the one that asks.")


class SessionsOut(Shape):
    results = SessionOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


def session_out(session: LoginSession, current: UUID | None) -> dict[str, Any]:
    return {
        "id": str(session.id),
        "createdAt": wire_time(session.created_at),
        "lastSeenAt": wire_time(session.last_seen),
        "expiresAt": wire_time(session.expires_at),
        "userAgent": session.user_agent,
        "current": session.id == current,
    }
