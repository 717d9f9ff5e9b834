"""Sign-in and sign-out in a browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from itsdangerous import TimestampSigner
from sqlalchemy import select, update

from api.middleware import authentication
from api.site.sign_in import safe_next
from tests.api.conftest import ACCEPT_HTML
from tests.support import make
from ticketing import db
from ticketing.models import SignInSession, Staff

pytestmark = pytest.mark.usefixtures("admin")


def test_right_password_signs_in_and_continues_to_requested_page(browser):
    person = make.staff(password=make.PASSWORD)

    answer = browser.post(
        "/session/sign-in",
        data={"email": f" {person.email.upper()} ", "password": make.PASSWORD, "next": "/packages?event=7"},
    )

    assert (answer.status_code, answer.headers["location"]) == (303, "/packages?event=7")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert browser.get("/packages", headers=ACCEPT_HTML).status_code == 200


def test_cookie_is_secure_with_https_base_url(browser, monkeypatch):
    monkeypatch.setenv("TICKETDESK_BASE_URL", "https://tickets.example.org")
    person = make.staff(password=make.PASSWORD)

    answer = browser.post("/session/sign-in", data={"email": person.email, "password": make.PASSWORD})

    assert "; Secure" in answer.headers["set-cookie"]


def test_wrong_password_and_unknown_email_look_the_same(browser):
    person = make.staff(password=make.PASSWORD)

    wrong = browser.post("/session/sign-in", data={"email": person.email, "password": "not the password"})
    unknown = browser.post("/session/sign-in", data={"email": "nobody@example.org", "password": "not the password"})

    assert wrong.status_code == unknown.status_code == 422
    assert wrong.text.replace(person.email, "?") == unknown.text.replace("nobody@example.org", "?")
    assert "set-cookie" not in wrong.headers


def test_refused_form_keeps_email_and_not_password(browser):
    form = {"email": 'ana"<b>@example.org', "password": "not the password", "next": "/sales"}

    shown = browser.post("/session/sign-in", data=form).text

    assert "ana&#34;&lt;b&gt;@example.org" in shown
    assert 'name="next" value="/sales"' in shown
    assert "not the password" not in shown
    assert 'aria-describedby="password-help"' in shown
    assert 'id="password-help"' in shown


@pytest.mark.parametrize("email", ["", "  "])
def test_empty_fields_are_named(browser, email):
    answer = browser.post("/session/sign-in", data={"email": email, "password": ""})

    assert answer.status_code == 422
    assert "Enter your e-mail address." in answer.text
    assert "Enter your password." in answer.text


def test_signed_in_user_is_redirected_from_sign_in(browser, sign_in):
    sign_in()

    answer = browser.get("/session/sign-in?next=/packages")

    assert (answer.status_code, answer.headers["location"]) == (303, "/packages")


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "evil.example",
        "javascript:alert(1)",
        "/session/sign-out",
        "/./session/sign-out",
        "/%2e/session/sign-out",
        "/x/../session/sign-out",
        "/x/.%2E/session/sign-out?y=1",
        "/../../session/sign-out#top",
        "/session/../session/sign-out",
        "/session/./sign-out",
        "/%73ession/sign-out",
        "/session%2Fsign-out",
        "/.//evil.example",
        "/x/..//evil.example",
        "/%2Fevil.example",
        "",
    ],
)
def test_redirect_after_sign_in_stays_on_this_site(browser, elsewhere):
    person = make.staff(password=make.PASSWORD)

    answer = browser.post(
        "/session/sign-in", data={"email": person.email, "password": make.PASSWORD, "next": elsewhere}
    )

    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    "path", ["/", "/packages", "/packages?event=7&q=a%20b", "/sales?q=../session//x", "/sales#top", "/sessions"]
)
def test_path_on_this_site_is_safe(path):
    assert safe_next(path) == path


@pytest.mark.parametrize("path", ["/session/sign-in", "/session/sign-out", "/session/first-run"])
@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
)
def test_form_from_another_site_is_refused(request, browser, path, headers):
    if path == "/session/first-run":
        request.getfixturevalue("empty_database")
    person = make.staff(password=make.PASSWORD) if path != "/session/first-run" else None
    form = {"email": person.email if person else "a@example.org", "password": make.PASSWORD, "name": "Ana"}

    answer = browser.post(path, data=form, headers=headers)

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert "sent from another site" in answer.text


def test_form_from_own_origin_is_accepted(browser):
    person = make.staff(password=make.PASSWORD)
    form = {"email": person.email, "password": make.PASSWORD}

    assert browser.post("/session/sign-in", data=form, headers={"Origin": "http://testserver"}).status_code == 303


def test_sign_out_ends_session_and_deletes_cookie(browser, sign_in):
    sign_in()
    cookie = browser.cookies[authentication.COOKIE_NAME]

    answer = browser.post("/session/sign-out")

    assert (answer.status_code, answer.headers["location"]) == (303, "/session/sign-in")
    assert authentication.COOKIE_NAME not in browser.cookies
    browser.cookies.set(authentication.COOKIE_NAME, cookie)
    assert browser.get("/packages").status_code == 401


def test_clicked_sign_out_link_signs_out_at_once(browser, sign_in):
    sign_in()
    click = {
        "Sec-Fetch-Site": "same-origin",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
        "Sec-Fetch-User": "?1",
    }

    assert browser.get("/session/sign-out", headers=click).status_code == 303
    assert browser.get("/packages").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [{}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, {"Sec-Fetch-Site": "same-origin"}],
)
def test_other_requests_of_sign_out_page_ask_first(browser, sign_in, headers):
    sign_in()

    answer = browser.get("/session/sign-out", headers=headers)

    assert answer.status_code == 200
    assert "Sign out?" in answer.text
    assert browser.get("/packages").status_code == 200


def test_expired_session_is_refused(browser, sign_in):
    person = sign_in()
    expired_at = datetime.now(UTC) - timedelta(seconds=1)
    _execute(update(SignInSession).where(SignInSession.staff_id == person.staff_id).values(expires_at=expired_at))

    assert browser.get("/packages").status_code == 401


def test_deactivated_person_is_refused_at_next_request(browser, sign_in):
    person = sign_in()
    _execute(update(Staff).where(Staff.id == person.staff_id).values(is_active=False))

    assert browser.get("/packages").status_code == 401


def test_cookie_with_another_signature_is_refused(browser, sign_in):
    sign_in()
    secret = authentication.unsign_cookie(browser.cookies[authentication.COOKIE_NAME])
    browser.cookies.clear()
    browser.cookies.set(
        authentication.COOKIE_NAME, TimestampSigner("guessed", salt=authentication.COOKIE_NAME).sign(secret).decode()
    )

    assert browser.get("/packages").status_code == 401


def test_database_does_not_contain_cookie_secret(browser, sign_in):
    person = sign_in()
    secret = authentication.unsign_cookie(browser.cookies[authentication.COOKIE_NAME])

    with db.read_session() as session:
        rows = session.scalars(select(SignInSession).where(SignInSession.staff_id == person.staff_id)).all()

    assert all(secret.encode() not in row.secret_hash for row in rows)


def test_sign_in_page_has_no_script_and_loads_own_files_only(browser):
    answer = browser.get("/session/sign-in")

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "<script" not in answer.text
    assert answer.text.count('type="password"') == 1
    assert "http" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert browser.get("/session/style.css").status_code == 200
    assert browser.get("/session/icon.svg").status_code == 200


def _execute(statement):
    db.write(lambda session: session.execute(statement))
