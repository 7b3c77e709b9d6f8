"""People, their sessions, and the words by which the directory finds people."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django_otp.models import Device

from accounts.validators import (
    validate_language,
    validate_plain_name,
    validate_storable,
    validate_time_zone,
    validate_username,
)
from core.actor import SYSTEM
from core.errors import Invalid
from core.models import TimestampedModel, UUIDModel
from core.time import now
from encryption.fields import EncryptedTextField
from realtime.presence import Status


class Role(models.TextChoices):
    PATIENT = "patient"
    PROVIDER = "provider"
    STUDENT = "student"
    INSTRUCTOR = "instructor"
    STAFF = "staff"
    BOT = "bot"


RIGHTS_ARE_FOR_STAFF = "Only people whose role is staff may use the admin or be superusers."


class UserManager(BaseUserManager["User"]):
    def find(self, username: str) -> "User | None":
        """Whoever has this login name, in whatever case it is typed."""
        return self.alias(name=Lower("username")).filter(name=username.lower()).first()

    def get_by_natural_key(self, username: str | None) -> "User":
        """The same for Django's own login and commands; raises User.DoesNotExist."""
        found = self.find(username or "")
        if found is None:
            raise self.model.DoesNotExist
        return found

    def create_superuser(self, username: str, password: str | None = None, **fields: Any) -> "User":
        """For `manage.py createsuperuser`: the service, with its refusals as that command expects them."""
        from accounts.services import create_user

        try:
            return create_user(
                actor=SYSTEM,
                username=username,
                password=password,
                role=Role.STAFF,
                is_staff=True,
                is_superuser=True,
                **fields,
            )
        except Invalid as error:
            raise ValidationError([e.message for e in error.errors] or error.detail) from error


class User(UUIDModel, AbstractBaseUser, PermissionsMixin):
    """A person, or a program that acts like one.

    The login name is searched, so it stands in the clear; whatever else names a person is encrypted. Nobody is ever
    deleted while something refers to them: they are disabled (`is_active`). Of somebody who was erased
    (`erased_at`) the id is left; `records_erased` when their medical record was to go as well.
    """

    username = models.CharField(max_length=64, unique=True, validators=[validate_username])
    display_name = EncryptedTextField[str | None, str | None](
        max_length=100, null=True, blank=True, validators=[validate_plain_name]
    )
    email = EncryptedTextField[str | None, str | None](
        max_length=254, null=True, blank=True, validators=[validate_email]
    )
    custom_status = EncryptedTextField[str | None, str | None](
        max_length=100, null=True, blank=True, validators=[validate_plain_name]
    )
    last_seen_at = models.DateTimeField(null=True, editable=False)
    out_of_office = EncryptedTextField[str | None, str | None](
        max_length=500, null=True, blank=True, validators=[validate_storable]
    )
    role = models.CharField(max_length=16, choices=Role, default=Role.PATIENT)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    language = models.CharField(max_length=35, default="en", validators=[validate_language])
    is_active = models.BooleanField("enabled", default=True)
    is_staff = models.BooleanField("may use the admin", default=False)
    sign_outs = models.PositiveIntegerField("how often all their sessions were ended", default=0, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)
    erased_at = models.DateTimeField(null=True, editable=False)
    records_erased = models.BooleanField(default=False, editable=False)
    _password: str | None  # What was set and is not saved yet; Django's.
    last_login = None  # Sessions tell, and they are more than the last one.

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name_plural = "people"
        permissions = [
            ("suspend_user", "Can suspend and reinstate people who were reported"),
            ("erase_user", "Can erase people for good"),
        ]
        constraints = [
            # The unique column alone would let `Anna` and `anna` be two people.
            models.UniqueConstraint(Lower("username"), name="one_person_per_name_in_any_case"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="user_role_is_known"),
            models.CheckConstraint(
                condition=Q(role="staff") | Q(is_staff=False, is_superuser=False),
                name="user_rights_are_for_staff",
                violation_error_message=RIGHTS_ARE_FOR_STAFF,
            ),
        ]

    def __str__(self) -> str:
        """Not the login name: this is what ends up in logs and error pages."""
        return str(self.id)

    def get_session_auth_hash(self) -> str:
        """What a session of the admin is compared with at each request: it ends when the password changes, and whenever
        all of its person's sessions end."""
        return f"{super().get_session_auth_hash()}.{self.sign_outs}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Django's own door, `manage.py changepassword`, sets a password and saves: then too every session ends and
        there is a record of it."""
        if self._password is None or self._state.adding:
            super().save(*args, **kwargs)
            return
        from accounts.services.passwords import password_set_elsewhere

        with password_set_elsewhere(self):
            super().save(*args, **kwargs)


class Ended(models.TextChoices):
    """Why a session ended."""

    LOGOUT = "logout", "signed out"
    LOGOUT_ALL = "logout_all", "signed out everywhere"
    REVOKED = "revoked", "ended from another device"
    PASSWORD = "password", "the password was changed"
    REUSED = "reused", "a refresh token came twice"
    DISABLED = "disabled", "the account was disabled"
    AUTHORITY = "authority", "the person's role or rights were changed"
    RESTORED = "restored", "a backup was restored"
    SECOND_FACTOR = "second_factor", "an authenticator app was set up"


class LoginSession(UUIDModel):
    """One device on which somebody is signed in. It lives until it is revoked or `expires_at` has come.

    What the device calls itself is encrypted; its address is only a keyed hash. `presence` is what its user chose to
    be while they are there on it.
    """

    user = models.ForeignKey(User, models.PROTECT, related_name="login_sessions")
    created_at = models.DateTimeField(default=now, editable=False)
    last_seen = models.DateTimeField(default=now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=16, choices=Ended, blank=True)
    user_agent = EncryptedTextField[str, str](max_length=200, blank=True)
    ip_h = models.BinaryField("keyed hash of the address", max_length=32, null=True)
    presence = models.CharField(
        max_length=8, choices=[(status.value, status.value) for status in Status], default=Status.ONLINE.value
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(presence__in=list(Status)), name="session_presence_is_known"),
            models.CheckConstraint(
                condition=Q(revoked_at=None, reason="") | (Q(revoked_at__isnull=False) & ~Q(reason="")),
                name="revoked_session_has_a_reason",
            ),
        ]


class RefreshToken(models.Model):
    """A token that continues its session once. Only its SHA-256 is stored; a used one stays, so that reuse shows."""

    hash = models.BinaryField(max_length=32, primary_key=True)
    session = models.ForeignKey(LoginSession, models.CASCADE, related_name="refresh_tokens")
    created_at = models.DateTimeField(default=now, editable=False)
    used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()


class NameToken(UUIDModel):
    """One word of somebody's display name, as a keyed hash: what makes encrypted names findable (`accounts.names`)."""

    user = models.ForeignKey(User, models.CASCADE, related_name="name_tokens")
    token = models.BinaryField(max_length=8)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["token", "user"], name="one_token_per_word_of_a_name")]


class Block(UUIDModel):
    """Somebody wants nothing to do with somebody: no direct conversation, no call, no presence, in either direction."""

    blocker = models.ForeignKey(User, models.PROTECT, related_name="blocks", db_index=False)
    blocked = models.ForeignKey(User, models.PROTECT, related_name="blocked_by")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["blocker", "blocked"], name="one_block_per_pair"),
            models.CheckConstraint(condition=~Q(blocker=models.F("blocked")), name="nobody_blocks_themselves"),
        ]


class PatientRecord(TimestampedModel):
    """A patient as the clinic's record system knows them, to which messages can be linked.

    Number, name and date of birth are encrypted. `mrn_h` is a keyed hash of the medical record number: it finds a
    record by its whole number and tells nothing without the key. `user` is the patient's account, if they have one.
    """

    mrn = EncryptedTextField[str, str](max_length=64)
    mrn_h = models.BinaryField("keyed hash of the number", max_length=32, unique=True)
    name = EncryptedTextField[str, str](max_length=200, validators=[validate_plain_name])
    birth_date = EncryptedTextField[str | None, str | None](max_length=10, null=True)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="patient_records")
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)


class TotpDevice(UUIDModel, Device):  # type: ignore[misc]  # django-otp has no stubs
    """The authenticator app of somebody who uses the admin: codes by time (RFC 6238) under a secret that both sides
    know. Until `confirmed` it has proved nothing, and is not asked.

    `secret` is base32, encrypted at rest. `last_step` is the time step of the last code that was accepted: that one and
    all before it are used up. `begun_in` is the session of the admin to which the secret was shown, as a keyed hash.
    """

    name = None  # Whose phone it is says the person.
    user = models.OneToOneField(User, models.PROTECT, related_name="totp_device")
    confirmed = models.BooleanField(default=False)
    secret = EncryptedTextField[str, str](max_length=32)
    last_step = models.BigIntegerField(default=-1)
    begun_in = models.BinaryField(max_length=32, default=b"")
    created_at = models.DateTimeField(default=now, editable=False)

    objects: ClassVar[models.Manager["TotpDevice"]] = models.Manager()

    class Meta:
        verbose_name = "authenticator app"

    def __str__(self) -> str:
        return str(self.id)


class RecoveryCode(UUIDModel):
    """One way in without the authenticator app, once. Only a keyed hash of the code is stored."""

    device = models.ForeignKey(TotpDevice, models.CASCADE, related_name="recovery_codes")
    hash = models.BinaryField(max_length=32, unique=True)
    used_at = models.DateTimeField(null=True)
