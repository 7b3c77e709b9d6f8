"""The second factor in the admin: setting up, signing in, recovery, removing, and what refuses."""

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from accounts import services
from accounts.models import RecoveryCode, TotpDevice
from core.errors import Forbidden, Invalid
from tests.accounts.admin import PEOPLE, Admin
from tests.accounts.authenticator import App, Clock, clock, recovery_codes_on, secret_on
from tests.accounts.conftest import recorded
from tests.live import Server
from tests.people import PASSWORD, Person, make_person

__all__ = ["clock"]

pytestmark = pytest.mark.core

PAGE = "/admin/second-factor/"


@pytest.fixture
def browsers(server: Server, settings: Any) -> Iterator[Callable[[], Admin]]:
    """Each a browser of its own."""
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    with ExitStack() as opened:

        def another() -> Admin:
            client = httpx.Client(base_url=server.url, timeout=30, follow_redirects=True, trust_env=False)
            return Admin(opened.enter_context(client))

        yield another


@pytest.fixture
def app(as_adm1: Admin, clock: Clock) -> App:
    """adm1 has set up an authenticator app, and its first code is used up."""
    app = App(secret_on(as_adm1.get(PAGE)), clock)
    assert recovery_codes_on(as_adm1.post(PAGE, code=app.code(), confirm="1"))
    clock.move(60)
    return app


def refused(page: httpx.Response) -> bool:
    return "Log out" not in page.text and "login-form" in page.text


# Setting up


def test_an_app_is_set_up_with_a_code_of_it(as_adm1: Admin, adm1: Person, clock: Clock) -> None:
    page = as_adm1.get(PAGE)
    assert "<svg" in page.text
    assert page.headers["cache-control"] == "no-store"
    done = as_adm1.post(PAGE, code=App(secret_on(page), clock).code(), confirm="1")
    assert len(set(recovery_codes_on(done))) == 10
    assert "only now" in done.text
    [entry] = recorded("totp.enrolled")
    assert (entry.actor, entry.outcome) == (adm1.id, "allow")
    assert "10 recovery codes left" in as_adm1.get(PAGE).text
    assert "secret" not in as_adm1.get(PAGE).text


def test_nothing_changes_until_a_code_was_shown(as_adm1: Admin, admin: Admin) -> None:
    secret_on(as_adm1.get(PAGE))
    assert "Log out" in as_adm1.get("/admin/").text
    assert not TotpDevice.objects.filter(confirmed=True).exists()
    assert "Log out" in admin.sign_in("adm1").text


def test_the_page_shows_the_same_key_until_it_is_confirmed(as_adm1: Admin) -> None:
    assert secret_on(as_adm1.get(PAGE)) == secret_on(as_adm1.get(PAGE))


def test_another_session_is_shown_another_key(
    browsers: Callable[[], Admin], as_adm1: Admin, adm1: Person, clock: Clock
) -> None:
    """Who got in once with the password alone does not know what its owner sets up later."""
    thief = browsers()
    thief.sign_in("adm1")
    seen = App(secret_on(thief.get(PAGE)), clock)
    own = App(secret_on(as_adm1.get(PAGE)), clock)
    assert "This code is not right" in as_adm1.post(PAGE, code=seen.code(), confirm="1").text
    assert recovery_codes_on(as_adm1.post(PAGE, code=own.code(), confirm="1"))


def test_a_wrong_code_sets_nothing_up(as_adm1: Admin, clock: Clock) -> None:
    app = App(secret_on(as_adm1.get(PAGE)), clock)
    page = as_adm1.post(PAGE, code=app.code(later=90), confirm="1")
    assert "This code is not right" in page.text
    assert not TotpDevice.objects.filter(confirmed=True).exists()
    [entry] = recorded("totp.refused")
    assert (entry.outcome, entry.reason) == ("deny", "wrong")


def test_nobody_but_staff_sees_the_page(admin: Admin) -> None:
    assert "login-form" in admin.get(PAGE).text
    assert not TotpDevice.objects.exists()


# Signing in


def test_with_an_app_the_password_alone_does_not_sign_in(browsers: Callable[[], Admin], app: App, adm1: Person) -> None:
    page = browsers().sign_in("adm1")
    assert refused(page)
    assert "Enter the code that your authenticator app shows" in page.text
    [entry] = recorded("totp.refused")
    assert (entry.actor, entry.object, entry.outcome, entry.reason) == (adm1.id, adm1.id, "deny", "missing")
    assert len(recorded("session.started")) == 1


def test_password_and_code_sign_in(browsers: Callable[[], Admin], app: App) -> None:
    browser = browsers()
    assert "Log out" in browser.sign_in("adm1", code=app.code()).text
    assert "Log out" in browser.get(PEOPLE).text
    assert len(recorded("session.started")) == 2


def test_a_code_without_the_password_is_worth_nothing(browsers: Callable[[], Admin], app: App) -> None:
    """And it is not used up: nobody without the password learns anything of codes."""
    assert "Please enter the correct" in browsers().sign_in("adm1", "wrong", app.code()).text
    assert not recorded("totp.refused")
    assert "Log out" in browsers().sign_in("adm1", code=app.code()).text


def test_a_code_signs_in_once(browsers: Callable[[], Admin], app: App) -> None:
    code = app.code()
    assert "Log out" in browsers().sign_in("adm1", code=code).text
    assert "was used before" in browsers().sign_in("adm1", code=code).text


def test_the_code_that_set_the_app_up_signs_nobody_in(
    browsers: Callable[[], Admin], as_adm1: Admin, clock: Clock
) -> None:
    code = App(secret_on(as_adm1.get(PAGE)), clock).code()
    as_adm1.post(PAGE, code=code, confirm="1")
    assert refused(browsers().sign_in("adm1", code=code))


def test_a_code_shown_twice_at_once_is_accepted_once(app: App, adm1: Person) -> None:
    code, start, actor = app.code(), threading.Barrier(6), adm1.actor

    def show(_: int) -> bool:
        start.wait(30)
        try:
            services.show_second_factor(actor=actor, code=code)
        except Invalid:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(6) as pool:
        accepted = [*pool.map(show, range(6))]
    assert accepted.count(True) == 1


@pytest.mark.parametrize(("later", "good"), [(-60, False), (-30, True), (30, True), (60, False)])
def test_a_phone_whose_clock_is_a_little_wrong_signs_in(
    browsers: Callable[[], Admin], app: App, clock: Clock, later: float, good: bool
) -> None:
    clock.move(60)
    assert refused(browsers().sign_in("adm1", code=app.code(later))) is not good


def test_after_five_wrong_codes_the_right_one_is_not_looked_at(browsers: Callable[[], Admin], app: App) -> None:
    browser = browsers()
    for _ in range(5):
        assert "This code is not right" in browser.sign_in("adm1", code="000000").text
    assert "Too many requests" in browser.sign_in("adm1", code=app.code()).text
    assert len(recorded("totp.refused")) == 5


def test_wrong_codes_count_wherever_they_are_entered(as_adm1: Admin, browsers: Callable[[], Admin], app: App) -> None:
    for _ in range(3):
        as_adm1.post(PAGE, code="000000", renew="1")
    browser = browsers()
    for _ in range(2):
        browser.sign_in("adm1", code="000000")
    assert "Too many requests" in as_adm1.post(PAGE, code=app.code(), remove="1").text
    assert TotpDevice.objects.filter(confirmed=True).exists()


def test_the_form_tells_nobody_who_has_an_app(browsers: Callable[[], Admin], app: App) -> None:
    with_app, without = browsers().sign_in("adm1", "wrong").text, browsers().sign_in("nobody", "wrong").text
    token = 'name="csrfmiddlewaretoken"'
    kept = [
        [line for line in text.replace("adm1", "nobody").splitlines() if token not in line]
        for text in (with_app, without)
    ]
    assert kept[0] == kept[1]


def test_a_form_that_comes_back_does_not_show_the_code_again(as_adm1: Admin, app: App) -> None:
    assert "918273" not in as_adm1.post(PAGE, code="918273", renew="1").text


def test_every_page_leads_to_ones_own_app(as_adm1: Admin) -> None:
    assert f'href="{PAGE}"' in as_adm1.get(PEOPLE).text


def test_the_code_stands_nowhere_in_the_log(
    browsers: Callable[[], Admin], app: App, caplog: pytest.LogCaptureFixture
) -> None:
    code = app.code()
    browsers().sign_in("adm1", code=code)
    assert code not in caplog.text


# Sessions


def test_a_session_from_before_the_app_ends(browsers: Callable[[], Admin], as_adm1: Admin, clock: Clock) -> None:
    earlier = browsers()
    earlier.sign_in("adm1")
    assert "Log out" in earlier.get("/admin/").text
    as_adm1.post(PAGE, code=App(secret_on(as_adm1.get(PAGE)), clock).code(), confirm="1")
    assert refused(earlier.get(PEOPLE))
    assert "Log out" in as_adm1.get(PEOPLE).text


def test_a_session_of_an_app_that_was_removed_ends(browsers: Callable[[], Admin], as_adm1: Admin, app: App) -> None:
    other = browsers()
    other.sign_in("adm1", code=app.code())
    assert "is not asked any more" in as_adm1.post(PAGE, code=app.code(30), remove="1").text
    assert refused(other.get("/admin/"))
    assert "Log out" in as_adm1.get("/admin/").text


def test_changing_the_password_keeps_the_present_session(as_adm1: Admin, app: App) -> None:
    new = "another long passphrase"
    as_adm1.post("/admin/password_change/", old_password=PASSWORD, new_password1=new, new_password2=new)
    assert "Log out" in as_adm1.get(PEOPLE).text


# Over the API


def asked(server: Server, **more: str) -> httpx.Response:
    given = {"username": "adm1", "password": PASSWORD, **more}
    return httpx.post(f"{server.url}/api/v1/auth/token", json=given, trust_env=False, timeout=30)


def without_id(answer: httpx.Response) -> str:
    return answer.text.replace(answer.headers["x-request-id"], "")


def test_over_the_api_the_code_is_asked_as_well(server: Server, app: App, clock: Clock) -> None:
    """What the admin's second factor keeps from a thief of a password must not be had by the API."""
    wrong = asked(server, password="not the password")
    assert wrong.status_code == 401
    for otp in ({}, {"otp": ""}, {"otp": "000000"}, {"otp": app.code(90)}):
        refusal = asked(server, **otp)
        assert refusal.status_code == 401
        assert without_id(refusal) == without_id(wrong)
    good = app.code()
    assert asked(server, otp=good).status_code == 200
    assert asked(server, otp=good).status_code == 401
    assert len(recorded("totp.refused")) == 5


def test_a_recovery_code_signs_in_over_the_api(server: Server, adm1: Person, clock: Clock) -> None:
    [code, *_] = _set_up(adm1, clock)
    assert [asked(server, otp=code).status_code for _ in range(2)] == [200, 401]


def test_too_many_wrong_codes_look_like_any_refusal(server: Server, app: App, clock: Clock) -> None:
    """To be told to wait would tell that the password was right."""
    answers = [asked(server, otp="000000") for _ in range(8)]
    assert {answer.status_code for answer in answers} == {401}
    assert asked(server, otp=app.code()).status_code == 401


def test_sessions_from_before_the_app_are_over(server: Server, adm1: Person, clock: Clock) -> None:
    before = asked(server).json()["access"]
    _set_up(adm1, clock)
    shown = {"Authorization": f"Bearer {before}"}
    assert httpx.get(f"{server.url}/api/v1/me", headers=shown, trust_env=False).status_code == 401


def test_where_it_is_required_staff_without_an_app_sign_in_nowhere_else(
    required: None, server: Server, adm1: Person, doc1: Person
) -> None:
    assert asked(server).status_code == 401
    assert asked(server, username="doc1").status_code == 200


# Where everybody has to have one


@pytest.fixture
def required(settings: Any) -> None:
    settings.ADMIN_REQUIRE_TOTP = True


@pytest.mark.parametrize(
    "path", ["/admin/", PEOPLE, "/admin/password_change/", "/admin/audit/entry/", "/admin/jsi18n/"]
)
def test_without_an_app_every_page_leads_to_setting_one_up(required: None, as_adm1: Admin, path: str) -> None:
    page = as_adm1.get(path)
    assert page.url.path == PAGE
    assert "Set it up to go on" in page.text


def test_without_an_app_nothing_can_be_done(required: None, as_adm1: Admin, doc1: Person) -> None:
    fields = {"action": "disable", "_selected_action": str(doc1.id), "confirmed": "yes"}
    as_adm1._client.post(PEOPLE, data={"csrfmiddlewaretoken": as_adm1._client.cookies["csrftoken"], **fields})
    doc1.user.refresh_from_db()
    assert doc1.user.is_active


def test_once_it_is_set_up_everything_is_open(required: None, as_adm1: Admin, app: App) -> None:
    assert "Log out" in as_adm1.get(PEOPLE).text
    assert as_adm1.get(PEOPLE).url.path == PEOPLE


def test_who_removes_theirs_is_led_to_set_up_another(required: None, as_adm1: Admin, app: App) -> None:
    as_adm1.post(PAGE, code=app.code(), remove="1")
    assert as_adm1.get(PEOPLE).url.path == PAGE


def test_one_can_always_sign_out(required: None, as_adm1: Admin) -> None:
    as_adm1.post("/admin/second-factor/", code="", confirm="1")
    token = as_adm1._client.cookies["csrftoken"]
    as_adm1._client.post("/admin/logout/", data={"csrfmiddlewaretoken": token})
    assert refused(as_adm1.get("/admin/"))


# Recovery


def test_a_recovery_code_signs_in_once(browsers: Callable[[], Admin], as_adm1: Admin, clock: Clock) -> None:
    app = App(secret_on(as_adm1.get(PAGE)), clock)
    [code, *_] = recovery_codes_on(as_adm1.post(PAGE, code=app.code(), confirm="1"))
    assert "Log out" in browsers().sign_in("adm1", code=code.lower()).text
    assert "was used before" in browsers().sign_in("adm1", code=code).text
    assert len(recorded("totp.recovered")) == 1
    assert "9 recovery codes left" in as_adm1.get(PAGE).text


def test_new_recovery_codes_replace_the_old_ones(browsers: Callable[[], Admin], as_adm1: Admin, clock: Clock) -> None:
    app = App(secret_on(as_adm1.get(PAGE)), clock)
    old = recovery_codes_on(as_adm1.post(PAGE, code=app.code(), confirm="1"))
    clock.move(60)
    new = recovery_codes_on(as_adm1.post(PAGE, code=app.code(), renew="1"))
    assert len({*old, *new}) == 20
    assert refused(browsers().sign_in("adm1", code=old[0]))
    assert "Log out" in browsers().sign_in("adm1", code=new[0]).text
    assert [entry.reason for entry in recorded("totp.enrolled")] == ["", "recovery_codes"]


def test_of_several_renewals_at_once_the_codes_of_one_are_left(adm1: Person, clock: Clock) -> None:
    codes = _set_up(adm1, clock)[:4]
    done = _at_once(lambda code: services.renew_recovery_codes(actor=adm1.actor, code=code), codes)
    assert set(done) <= {"done", "refused"}
    assert "done" in done
    assert RecoveryCode.objects.count() == 10


def test_of_several_removals_at_once_one_does_it(adm1: Person, clock: Clock) -> None:
    codes = _set_up(adm1, clock)[:4]
    done = _at_once(lambda code: services.remove_own_second_factor(actor=adm1.actor, code=code), codes)
    assert set(done) <= {"done", "refused"}
    assert not TotpDevice.objects.exists()
    assert len(recorded("totp.removed")) == 1


def _at_once(act: Callable[[str], object], codes: list[str]) -> list[str]:
    together = threading.Barrier(len(codes), timeout=30)

    def one(code: str) -> str:
        together.wait()
        try:
            act(code)
        except Invalid:
            return "refused"
        finally:
            connections.close_all()
        return "done"

    with ThreadPoolExecutor(len(codes)) as pool:
        return [*pool.map(one, codes)]


def test_somebody_elses_recovery_code_is_worth_nothing(browsers: Callable[[], Admin], app: App, clock: Clock) -> None:
    other = make_person("adm2", "staff", is_staff=True, is_superuser=True)
    secret = services.begin_second_factor(actor=other.actor, session="a").secret
    _, codes = services.confirm_second_factor(actor=other.actor, session="a", code=App(secret, clock).code())
    assert refused(browsers().sign_in("adm1", code=codes[0]))
    assert "Log out" in browsers().sign_in("adm2", code=codes[0]).text


# Removing


@pytest.mark.parametrize("button", ["renew", "remove"])
def test_changing_the_factor_needs_a_code(as_adm1: Admin, app: App, button: str) -> None:
    """A browser left alone for a moment is not enough."""
    codes = {*RecoveryCode.objects.values_list("id", flat=True)}
    assert "Enter the code" in as_adm1.post(PAGE, code="", **{button: "1"}).text
    assert "This code is not right" in as_adm1.post(PAGE, code="123456", **{button: "1"}).text
    assert TotpDevice.objects.filter(confirmed=True).count() == 1
    assert {*RecoveryCode.objects.values_list("id", flat=True)} == codes
    assert not recorded("totp.removed")


def test_removing_ones_own_is_recorded(as_adm1: Admin, app: App, adm1: Person) -> None:
    as_adm1.post(PAGE, code=app.code(), remove="1")
    [entry] = recorded("totp.removed")
    assert (entry.actor, entry.object) == (adm1.id, adm1.id)
    assert not RecoveryCode.objects.exists()


def test_a_superuser_removes_it_for_somebody_who_lost_theirs(
    browsers: Callable[[], Admin], as_adm1: Admin, clock: Clock, adm1: Person
) -> None:
    other = make_person("desk", "staff", is_staff=True)
    _set_up(other, clock)
    assert "They" not in as_adm1.choose("remove_app", adm1.user).text
    assert "1 removed." in as_adm1.act("remove_app", other.user).text
    [entry] = recorded("totp.removed")
    assert (entry.actor, entry.object) == (adm1.id, other.id)
    assert "Log out" in browsers().sign_in("desk").text


def test_staff_without_that_right_cannot_remove_anybodys(as_staff: Admin, app_of_doc: Person) -> None:
    assert "remove_app" not in as_staff.get(PEOPLE).text
    as_staff.act("remove_app", app_of_doc.user)
    assert services.device_of(app_of_doc.id) is not None
    with pytest.raises(Forbidden):
        services.remove_second_factor(actor=make_person("st2", "staff", is_staff=True).actor, user=app_of_doc.user)


def test_a_superuser_removes_their_own_only_with_a_code(app: App, adm1: Person) -> None:
    with pytest.raises(Forbidden):
        services.remove_second_factor(actor=adm1.actor, user=adm1.user)
    assert services.device_of(adm1.id) is not None


def test_who_has_the_host_removes_it_by_a_command(app: App, adm1: Person) -> None:
    output = io.StringIO()
    call_command("remove_second_factor", "ADM1", stdout=output)
    assert services.device_of(adm1.id) is None
    assert len(recorded("totp.removed")) == 1
    with pytest.raises(CommandError, match="They have no authenticator app"):
        call_command("remove_second_factor", "adm1")
    with pytest.raises(CommandError, match="There is nobody of that name"):
        call_command("remove_second_factor", "nobody")


@pytest.fixture
def app_of_doc(database: None, clock: Clock) -> Person:
    other = make_person("adm3", "staff", is_staff=True, is_superuser=True)
    _set_up(other, clock)
    return other


def _set_up(person: Person, clock: Clock) -> list[str]:
    """Their recovery codes."""
    secret = services.begin_second_factor(actor=person.actor, session="a").secret
    return services.confirm_second_factor(actor=person.actor, session="a", code=App(secret, clock).code())[1]
