"""Sign-in and sign-out, an invitation, a token, and a deactivated person with an open tab."""

from playwright.sync_api import Page, expect

from tests.support import make
from tests.support.credentials import count_rows, get_row
from ticketing import db
from ticketing.access import staff
from ticketing.models import Package, SignInSession


def main(page: Page):
    return page.get_by_test_id("stMain")


def dialog(page: Page):
    return page.get_by_role("dialog")


def test_sign_in_opens_requested_page_and_sign_out_closes_it(page: Page, live_server: str):
    event = make.event()
    ana = make.staff(event=event, name="Ana Ruiz", password=make.PASSWORD)
    page.goto(f"{live_server}/packages?event={event.id}")
    page.get_by_label("E-mail address").fill(ana.email)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("do not match an account")).to_be_visible()
    expect(page.get_by_label("E-mail address")).to_have_value(ana.email)
    page.get_by_label("Password").fill(make.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(main(page).get_by_role("heading", name="Packages", exact=True)).to_be_visible()
    expect(page).to_have_url(f"{live_server}/packages?event={event.id}")

    page.get_by_role("link", name="Ana Ruiz · coordinator").click()
    expect(main(page).get_by_role("heading", name="Your account")).to_be_visible()
    expect(main(page).get_by_text("This one")).to_be_visible()

    page.get_by_role("link", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.goto(f"{live_server}/packages?event={event.id}")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_deactivated_person_is_signed_out_at_next_click_in_open_tab(page: Page, enter):
    event, admin = make.event(), make.staff(role="admin")
    ben = make.staff(event=event, password=make.PASSWORD)
    enter(page, ben, f"/packages?event={event.id}")
    page.get_by_role("button", name="New package").click()
    dialog(page).get_by_label("Name", exact=True).fill("Captain's Table")
    dialog(page).get_by_label("Price").fill("100")
    dialog(page).get_by_label("Description").fill("Ten seats.")

    db.write(lambda session: staff.deactivate(session, admin, ben.staff_id))

    dialog(page).get_by_role("button", name="Create package").click()
    notice = page.get_by_role("dialog", name="You are signed out")
    expect(notice).to_be_visible()
    notice.get_by_role("button", name="Back to the page").click()
    expect(dialog(page).get_by_label("Name", exact=True)).to_have_value("Captain's Table")
    assert count_rows(Package, event_id=event.id) == 0


def test_invitation_link_leads_to_first_page(page: Page, another_page: Page, enter):
    event, email = make.event(name="Harbor Lights Gala"), make.email("ben")
    enter(page, make.staff(role="admin", password=make.PASSWORD), f"/staff?event={event.id}")
    main(page).get_by_role("button", name="Invite").click()
    dialog(page).get_by_label("Name", exact=True).fill("Ben Okafor")
    dialog(page).get_by_label("E-mail address").fill(email)
    dialog(page).get_by_role("button", name="Invite").click()
    link = dialog(page).get_by_test_id("stCode")
    expect(link).to_contain_text("/session/invitation?code=")
    expect(link.get_by_role("button", name="Copy to clipboard")).to_be_visible()
    expect(link.locator("> div")).to_have_css("opacity", "1")  # visible without hovering
    url = link.inner_text().strip()
    dialog(page).get_by_role("button", name="I have copied it").click()
    expect(dialog(page)).to_have_count(0)
    expect(page.get_by_text("/session/invitation")).to_have_count(0)

    another_page.goto(url)
    expect(another_page.get_by_role("heading", name="Welcome, Ben Okafor")).to_be_visible()
    another_page.get_by_label("Password").fill("short")
    another_page.get_by_role("button", name="Save password and sign in").click()
    expect(another_page.get_by_text("Use at least 10 characters.")).to_be_visible()
    another_page.get_by_label("Password").fill("another battery staple")
    another_page.get_by_role("button", name="Save password and sign in").click()
    expect(main(another_page).get_by_role("heading", name="All events", level=1)).to_be_visible()
    expect(another_page.get_by_role("link", name="Ben Okafor · coordinator")).to_be_visible()

    another_page.goto(url)
    expect(another_page.get_by_text("This link was used already.")).to_be_visible()


def test_token_is_shown_once_and_works(page: Page, live_server: str, enter):
    enter(page, make.staff(role="viewer", event=make.event(), password=make.PASSWORD), "/tokens")
    page.get_by_role("button", name="New token").click()
    dialog(page).get_by_label("What it is for").fill("Donor site")
    dialog(page).get_by_role("button", name="Create token").click()
    shown = dialog(page).get_by_test_id("stCode").first
    expect(shown).to_contain_text("td_")
    secret = shown.inner_text().strip()
    headers = {"Authorization": f"Bearer {secret}"}
    assert page.request.get(f"{live_server}/api/v1/admin/events", headers=headers).status == 200

    dialog(page).get_by_role("button", name="I have copied it").click()
    expect(dialog(page)).to_have_count(0)
    page.reload()
    expect(main(page).get_by_role("article").first).to_contain_text("Last used today")
    assert secret not in page.content()

    main(page).get_by_role("button", name="Revoke").click()
    dialog(page).get_by_role("button", name="Revoke for good").click()
    expect(main(page).get_by_role("article").first).to_contain_text("Revoked")
    assert page.request.get(f"{live_server}/api/v1/admin/events", headers=headers).status == 401


def test_admin_ends_session_and_dialog_stays_open(page: Page, enter):
    name = make.unique("Aaron")
    person = make.staff(name=name)
    for _ in range(5):  # the search is shown for more than five people
        make.staff()
    enter(page, make.staff(role="admin", password=make.PASSWORD), "/staff")
    page.get_by_label("Find by name or e-mail address").fill(name)
    page.get_by_label("Find by name or e-mail address").press("Enter")
    expect(main(page).get_by_text("1 person")).to_be_visible()
    main(page).get_by_role("button", name="Actions").click()
    page.get_by_text("Sessions", exact=True).click()
    dialog(page).get_by_role("button", name="End").click()
    expect(dialog(page).get_by_text("No active sessions.")).to_be_visible()
    expect(page.get_by_text("will be signed out at its next click.")).to_be_visible()
    assert get_row(SignInSession, person.session_id).ended_at is not None
