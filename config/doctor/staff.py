"""People with rights over the whole server."""

from concurrent.futures import ThreadPoolExecutor

from django.conf import settings

from accounts import passwords
from accounts.models import TotpDevice, User
from config.doctor.checks import Asked, Finding, State, check, error, ok, warning
from messaging.demo import PEOPLE

_MANY = 3
_NO_COINCIDENCE = 3
"""Names of the demonstration that somebody uses: `admin` alone could be anybody's."""


@check("staff.passwords", "Passwords are stored by argon2", takes={"accounts.E001": State.ERROR})
def hashing(asked: Asked) -> Finding:
    return ok("They are.")


@check("staff.second_factor", "The admin asks for a second factor", takes={"accounts.E002": State.ERROR})
def second_factor(asked: Asked) -> Finding:
    return ok("It does.")


@check("staff.devices", "All staff have an authenticator app")
def devices(asked: Asked) -> Finding:
    """Whoever signs in first sets it up: until its owner has, the password is enough to take over an account."""
    staff = User.objects.filter(is_staff=True, is_active=True)
    without = staff.exclude(id__in=TotpDevice.objects.filter(confirmed=True).values("user")).count()
    if without:
        remedy = "Let them sign in to the admin soon, or disable the accounts: People, filtered by staff."
        return warning(f"{without} of {staff.count()} have none.", remedy)
    return ok(f"All {staff.count()} have.")


@check("staff.superusers", "There are superusers, and few")
def superusers(asked: Asked) -> Finding:
    count = User.objects.filter(is_superuser=True, is_active=True).count()
    if not count:
        return warning("There is none: nobody can make accounts.", "Run `manage.py createsuperuser`.")
    if count > _MANY:
        remedy = "Give people groups instead (moderators, compliance, operators): superusers may do everything."
        return warning(f"There are {count}.", remedy)
    return ok(f"There are {count}.")


@check("staff.demo", "Nobody of the demonstration is here")
def demo(asked: Asked) -> Finding:
    found = list(User.objects.filter(username__in=[person.username for person in PEOPLE], is_active=True))
    remedy = "Disable the accounts that seed_demo made, and empty DEMO_PASSWORD."
    if opened := _opened_by_demo_password(found):
        return error(f"The password of the demonstration opens {opened} accounts.", remedy)
    if len(found) >= _NO_COINCIDENCE:
        return warning(f"{len(found)} accounts have names of the demonstration.", remedy)
    if settings.DEMO_PASSWORD:
        return warning("DEMO_PASSWORD is set.", "Remove it: nobody needs it here.")
    return ok("Nobody is.")


def _opened_by_demo_password(people: list[User]) -> int:
    if not settings.DEMO_PASSWORD:
        return 0
    with ThreadPoolExecutor(passwords.AT_ONCE) as pool:
        return sum(pool.map(lambda user: passwords.check(settings.DEMO_PASSWORD, user.password).correct, people))
