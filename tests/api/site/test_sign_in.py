"""Signing in and out, as a browser does it."""

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


def test_the_right_password_opens_a_session_and_goes_on_to_the_page_that_was_asked_for(browser):
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


def test_the_cookie_is_for_https_alone_when_people_come_by_https(browser, monkeypatch):
    monkeypatch.setenv("TICKETDESK_BASE_URL", "https://tickets.example.org")
    person = make.staff(password=make.PASSWORD)

    answer = browser.post("/session/sign-in", data={"email": person.email, "password": make.PASSWORD})

    assert "; Secure" in answer.headers["set-cookie"]


def test_a_wrong_password_and_an_unknown_address_are_told_apart_by_nobody(browser):
    person = make.staff(password=make.PASSWORD)

    wrong = browser.post("/session/sign-in", data={"email": person.email, "password": "not the password"})
    unknown = browser.post("/session/sign-in", data={"email": "nobody@example.org", "password": "not the password"})

    assert wrong.status_code == unknown.status_code == 422
    assert wrong.text.replace(person.email, "?") == unknown.text.replace("nobody@example.org", "?")
    assert "set-cookie" not in wrong.headers


def test_a_refused_form_keeps_the_address_and_forgets_the_password(browser):
    typed = {"email": 'ana"<b>@example.org', "password": "not the password", "next": "/sales"}

    shown = browser.post("/session/sign-in", data=typed).text

    assert "ana&#34;&lt;b&gt;@example.org" in shown
    assert 'name="next" value="/sales"' in shown
    assert "not the password" not in shown
    assert 'aria-describedby="password-told"' in shown
    assert 'id="password-told"' in shown


def test_empty_fields_are_named_beside_themselves(browser):
    answer = browser.post("/session/sign-in", data={"email": "", "password": ""})

    assert answer.status_code == 422
    assert answer.text.count("Fill this in.") == 2


def test_someone_who_is_signed_in_is_not_asked_again(browser, sign_in):
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
        "",
    ],
)
def test_after_signing_in_nobody_is_sent_elsewhere(browser, elsewhere):
    person = make.staff(password=make.PASSWORD)

    answer = browser.post(
        "/session/sign-in", data={"email": person.email, "password": make.PASSWORD, "next": elsewhere}
    )

    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize("inside", ["/", "/packages", "/packages?event=7&q=a%20b", "/sales#top"])
def test_a_place_inside_is_gone_to(inside):
    assert safe_next(inside) == inside


@pytest.mark.parametrize("path", ["/session/sign-in", "/session/sign-out", "/session/first-run"])
@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}],
)
def test_a_form_that_another_site_sends_does_nothing(request, browser, path, headers):
    if path == "/session/first-run":
        request.getfixturevalue("empty_database")
    person = make.staff(password=make.PASSWORD) if path != "/session/first-run" else None
    typed = {"email": person.email if person else "a@example.org", "password": make.PASSWORD, "name": "Ana"}

    answer = browser.post(path, data=typed, headers=headers)

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert "sent from another site" in answer.text


def test_our_own_origin_may_send_the_form(browser):
    person = make.staff(password=make.PASSWORD)
    typed = {"email": person.email, "password": make.PASSWORD}

    assert browser.post("/session/sign-in", data=typed, headers={"Origin": "http://testserver"}).status_code == 303


def test_signing_out_ends_the_session_and_not_only_the_cookie(browser, sign_in):
    sign_in()
    cookie = browser.cookies[authentication.COOKIE_NAME]

    answer = browser.post("/session/sign-out")

    assert (answer.status_code, answer.headers["location"]) == (303, "/session/sign-in")
    assert authentication.COOKIE_NAME not in browser.cookies
    browser.cookies.set(authentication.COOKIE_NAME, cookie)
    assert browser.get("/packages").status_code == 401


def test_a_link_to_sign_out_works_at_once_when_a_person_clicks_it_here(browser, sign_in):
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
def test_any_other_visit_to_sign_out_asks_first(browser, sign_in, headers):
    sign_in()

    answer = browser.get("/session/sign-out", headers=headers)

    assert answer.status_code == 200
    assert "Sign out?" in answer.text
    assert browser.get("/packages").status_code == 200


def test_a_session_that_is_over_is_signed_out(browser, sign_in):
    person = sign_in()
    over = datetime.now(UTC) - timedelta(seconds=1)
    _execute(update(SignInSession).where(SignInSession.staff_id == person.staff_id).values(expires_at=over))

    assert browser.get("/packages").status_code == 401


def test_a_person_who_was_deactivated_is_out_at_the_next_request(browser, sign_in):
    person = sign_in()
    _execute(update(Staff).where(Staff.id == person.staff_id).values(is_active=False))

    assert browser.get("/packages").status_code == 401


def test_a_cookie_with_another_signature_is_worth_nothing(browser, sign_in):
    sign_in()
    secret = authentication.unsign_cookie(browser.cookies[authentication.COOKIE_NAME])
    browser.cookies.clear()
    browser.cookies.set(
        authentication.COOKIE_NAME, TimestampSigner("guessed", salt=authentication.COOKIE_NAME).sign(secret).decode()
    )

    assert browser.get("/packages").status_code == 401


def test_the_database_does_not_know_the_secret_in_the_cookie(browser, sign_in):
    person = sign_in()
    secret = authentication.unsign_cookie(browser.cookies[authentication.COOKIE_NAME])

    with db.read_session() as session:
        rows = session.scalars(select(SignInSession).where(SignInSession.staff_id == person.staff_id)).all()

    assert all(secret.encode() not in row.secret_hash for row in rows)


def test_the_pages_allow_no_script_and_load_nothing_from_elsewhere(browser):
    answer = browser.get("/session/sign-in")

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "<script" not in answer.text
    assert "http" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert browser.get("/session/style.css").status_code == 200
    assert browser.get("/session/icon.svg").status_code == 200


def _execute(statement):
    db.write(lambda session: session.execute(statement))
