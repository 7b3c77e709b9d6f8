"""The second factor of people who use the admin: setting it up, showing it wherever they sign in, removing it."""

from uuid import UUID

from django.db import transaction

import audit
from accounts import totp
from accounts.limiting import totp_failures
from accounts.models import Ended, LoginSession, RecoveryCode, TotpDevice, User
from accounts.services.ending import end_all
from core.actor import Actor
from core.errors import FieldError, Forbidden, Invalid
from core.time import now


def device_of(user_id: UUID) -> TotpDevice | None:
    """The authenticator app that this person has to show, if they have set one up."""
    return TotpDevice.objects.filter(user=user_id, confirmed=True).first()


def begin_second_factor(*, actor: Actor, session: str) -> TotpDevice:
    """The actor's authenticator app; it counts once a code of it was shown. Until then its secret is that of one
    session (its key), the same however often it is asked for, and another session begins with a new one: who once got
    in with the password alone must not know the secret that its owner sets up later."""
    begun_in = totp.session_hash(session)
    secret = totp.new_secret()
    with transaction.atomic():
        device, is_new = TotpDevice.objects.select_for_update(no_key=True).get_or_create(
            user_id=actor.id, defaults={"secret": secret, "begun_in": begun_in}
        )
        if not is_new and not device.confirmed and bytes(device.begun_in) != begun_in:
            device.secret, device.begun_in = secret, begun_in
            device.save(update_fields=["secret", "begun_in"])
    return device


def confirm_second_factor(*, actor: Actor, session: str, code: str) -> tuple[TotpDevice, list[str]]:
    """The code proves that the app has the secret: from COMMIT on it is asked at every sign-in, and sessions that began
    without it are over. Returns the recovery codes, which nobody can read again.

    Raises Invalid for a wrong code, or when there is nothing to confirm that this session began; RateLimited after too
    many wrong ones.
    """
    begun_in = totp.session_hash(session)
    failures = totp_failures(actor.id)
    failures.require_room()
    with audit.transaction():
        device = (
            TotpDevice.objects.select_for_update(no_key=True)
            .filter(user_id=actor.id, confirmed=False, begun_in=begun_in)
            .first()
        )
        step = None if device is None else totp.matching_step(device.secret, code, device.last_step)
        if device is not None and step is not None:
            device.confirmed, device.last_step = True, step
            device.save(update_fields=["confirmed", "last_step"])
            audit.record("totp.enrolled", actor=actor, object_id=device.id)
            end_all(LoginSession.objects.filter(user=actor.id), Ended.SECOND_FACTOR, actor=actor)
            return device, _new_codes(device)
    failures.count()
    raise _refused(actor, "wrong")


def show_second_factor(*, actor: Actor, code: str) -> TotpDevice | None:
    """The app that was shown, or None for an actor who has none. `code` is one of the app that was not used before, or
    a recovery code, which is then used up.

    Raises Invalid for any other code, RateLimited after too many wrong ones. Every refusal is recorded
    (`totp.refused`): whoever gets here has shown the right password.
    """
    if device_of(actor.id) is None:
        return None
    if not code.strip():
        raise _refused(actor, "missing")
    failures = totp_failures(actor.id)
    failures.require_room()
    with audit.transaction():
        # One at a time: else one code would do for two who show it at once.
        device = TotpDevice.objects.select_for_update(no_key=True).filter(user_id=actor.id, confirmed=True).first()
        if device is not None and _accept(device, code, actor):
            return device
    failures.count()
    raise _refused(actor, "wrong")


def renew_recovery_codes(*, actor: Actor, code: str) -> list[str]:
    """New recovery codes, for a code; the old ones are worth nothing any more. Raises as `show_second_factor`."""
    device = show_second_factor(actor=actor, code=code)
    if device is None:
        raise Invalid("There is no authenticator app.")
    with audit.transaction():
        # Whoever asks at the same time has other codes, and only the last ones count.
        if not TotpDevice.objects.select_for_update(no_key=True).filter(pk=device.pk).exists():
            raise Invalid("There is no authenticator app.")
        audit.record("totp.enrolled", actor=actor, object_id=device.id, reason="recovery_codes")
        return _new_codes(device)


def remove_own_second_factor(*, actor: Actor, code: str) -> None:
    """The actor's app is asked no more; for a present code. Raises as `show_second_factor`; a repeat does nothing."""
    show_second_factor(actor=actor, code=code)
    with audit.transaction():
        _remove(actor, actor.id)


def remove_second_factor(*, actor: Actor, user: User) -> bool:
    """For somebody who has lost app and recovery codes: they sign in with their password and set up another. Whether
    there was one. Raises Forbidden for whoever is no superuser, and for oneself."""
    if not actor.is_superuser:
        raise Forbidden("Only superusers remove other people's second factor.")
    if actor.id == user.id:
        raise Forbidden("Your own you remove where you set it up, with a code of it.")
    with audit.transaction():
        return _remove(actor, user.id)


def remove_second_factor_on_host(*, actor: Actor, user: User) -> bool:
    """The same for who runs commands on the server's host, and could do anything."""
    with audit.transaction():
        return _remove(actor, user.id)


def _accept(device: TotpDevice, code: str, actor: Actor) -> bool:
    step = totp.matching_step(device.secret, code, device.last_step)
    if step is not None:
        TotpDevice.objects.filter(pk=device.pk).update(last_step=step)
        return True
    hash_ = totp.recovery_hash(code)
    unused = RecoveryCode.objects.filter(device=device, hash=hash_, used_at=None)
    if hash_ is None or not unused.update(used_at=now()):
        return False
    audit.record("totp.recovered", actor=actor, object_id=device.id)
    return True


def _new_codes(device: TotpDevice) -> list[str]:
    codes = totp.new_recovery_codes()
    device.recovery_codes.all().delete()
    RecoveryCode.objects.bulk_create(RecoveryCode(device=device, hash=totp.recovery_hash(code)) for code in codes)
    return codes


def _remove(actor: Actor, user_id: UUID) -> bool:
    device = TotpDevice.objects.select_for_update(no_key=True).filter(user=user_id).first()
    if device is None:
        return False
    device.delete()
    if device.confirmed:
        audit.record("totp.removed", actor=actor, object_id=user_id)
    return device.confirmed


def _refused(actor: Actor, why: str) -> Invalid:
    with audit.transaction():
        audit.record("totp.refused", actor=actor, object_id=actor.id, outcome="deny", reason=why)
    message = (
        "Enter the code that your authenticator app shows, or a recovery code."
        if why == "missing"
        else "This code is not right, or was used before."
    )
    return Invalid("Some fields are not valid.", errors=[FieldError("code", why, message)])
