"""A corrected e-mail address: the donor that the order moves to, its promo use, and the donor it leaves."""

import uuid

import pytest

from tests.support import make
from tests.support.database_state import assert_refused
from tests.support.sale_corrections import (
    assert_verified,
    correct,
    find_donor,
    list_lines,
    list_use_donors,
    reload,
)
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.errors import PromoRefused
from ticketing.sales import corrections
from ticketing.sales.order_donor import AnotherDonor

pytestmark = pytest.mark.usefixtures("database_of_module")


def test_new_address_creates_the_donor_and_removes_the_one_without_orders(event):
    promo = make.promo_code(event, max_uses_per_donor=1)
    old, new = make.email(), make.email("ben")
    bought = make.order(event, make.package(event), make.package(event), donor_email=old, promo_code=promo.code)
    correct(bought.order, {"donor.email": new, "donor.name": "Ben", "donor.phone": "1"})
    donor = find_donor(event, new)
    assert (donor.name, donor.email, donor.phone) == ("Ben", new, "1")
    assert reload(bought.order).donor_id == donor.id
    assert list_use_donors(bought.order) == [(donor.id, False)]
    assert {line.purchaser_email for line in list_lines(bought.order)} == {new}
    assert find_donor(event, old) is None
    assert_verified(event)
    make.order(event, make.package(event), donor_email=old, promo_code=promo.code)  # the use was not theirs


def test_donor_with_another_order_or_a_use_stays(event):
    package, promo = make.package(event), make.promo_code(event)
    twice, used = make.email(), make.email("used")
    first, second = make.order(event, package, donor_email=twice), make.order(event, package, donor_email=twice)
    returned = make.order(event, package, donor_email=used, promo_code=promo.code)
    db.write(lambda s: corrections.void_order(s, OPERATOR, event.id, returned.order.id, "x", seen_version=1))
    correct(first.order, {"donor.email": make.email()})
    correct(returned.order, {"donor.email": make.email()})
    assert find_donor(event, twice).id == reload(second.order).donor_id
    assert find_donor(event, used) is not None
    correct(second.order, {"donor.email": make.email()})
    assert find_donor(event, twice) is None


def test_another_spelling_is_the_same_donor(event):
    email = make.email()
    bought = make.order(event, make.package(event), donor_email=email)
    donor_id = bought.order.donor_id
    correct(bought.order, {"donor.email": email.upper(), "donor.name": "Zoë"})
    donor = find_donor(event, email)
    assert (donor.id, donor.email, donor.name) == (donor_id, email.upper(), "Zoë")
    assert list_lines(bought.order)[0].purchaser_email == email.upper()


def test_what_a_later_sale_wrote_about_the_donor_stays(event):
    package, email = make.package(event), make.email()
    first = make.order(event, package, donor={"name": "Ana", "email": email, "phone": "1"})
    make.order(event, package, donor={"name": "Ana Ruiz", "email": email, "phone": "2"})
    correct(first.order, {"donor.name": "Anna", "donor.phone": "3"})
    donor = find_donor(event, email)
    assert (donor.name, donor.phone) == ("Ana Ruiz", "2")


def test_address_of_another_donor_asks_first(event):
    package = make.package(event)
    ben = {"name": "Ben Okafor", "email": make.email("ben"), "phone": "555 0100"}
    make.order(event, package, donor=ben)
    bought = make.order(event, package, donor_email=make.email())
    values = {"donor.email": ben["email"].upper(), "donor.name": "Benny", "donor.phone": "1"}
    ben_id = find_donor(event, ben["email"]).id
    for confirmed in (None, uuid.uuid4(), bought.order.donor_id):
        with assert_refused(AnotherDonor, event) as refusal:
            correct(bought.order, values, confirmed=confirmed)
        assert (refusal.value.donor_id, refusal.value.name) == (ben_id, "Ben Okafor")
    correct(bought.order, values, confirmed=ben_id)
    donor = find_donor(event, ben["email"])
    assert (donor.name, donor.email, donor.phone) == ("Ben Okafor", ben["email"], "555 0100")
    assert reload(bought.order).donor_id == ben_id
    assert list_lines(bought.order)[0].purchaser_name == "Benny"


def test_correction_of_the_same_donor_needs_no_confirmation(event):
    package, email = make.package(event), make.email()
    bought = [make.order(event, package, donor_email=email) for _ in range(2)]
    assert correct(bought[0].order, {"donor.email": email.upper()}).version == 2


def test_address_of_a_donor_left_without_orders_is_free(event):
    package, promo, email = make.package(event), make.promo_code(event), make.email()
    bought = make.order(event, package, donor_email=email, promo_code=promo.code)
    db.write(lambda s: corrections.void_order(s, OPERATOR, event.id, bought.order.id, "x", seen_version=1))
    left_behind = bought.order.donor_id
    correct(bought.order, {"donor.email": make.email()})
    correct(bought.order, {"donor.email": email, "donor.name": "Zoë"})
    assert reload(bought.order).donor_id == left_behind
    assert find_donor(event, email).name == "Zoë"


@pytest.mark.parametrize(("limit", "refused"), [(1, True), (2, False), (None, False)])
def test_limit_per_donor_counts_the_moved_use(event, limit, refused):
    package, promo = make.package(event), make.promo_code(event, max_uses_per_donor=limit)
    ben = make.email("ben")
    bens = make.order(event, package, donor_email=ben, promo_code=promo.code)
    bought = make.order(event, package, promo_code=promo.code)
    confirmed = bens.order.donor_id
    if refused:
        with assert_refused(PromoRefused, event) as refusal:
            correct(bought.order, {"donor.email": ben}, confirmed=confirmed)
        assert (refusal.value.reason, refusal.value.field) == ("used_up_by_donor", "donor.email")
        db.write(lambda s: corrections.void_order(s, OPERATOR, event.id, bens.order.id, "x", seen_version=1))
    correct(bought.order, {"donor.email": ben}, confirmed=confirmed)
    assert (confirmed, False) in list_use_donors(bought.order)
    assert_verified(event)


def test_order_without_a_code_moves_to_a_donor_who_used_theirs(event):
    package, promo = make.package(event), make.promo_code(event, max_uses_per_donor=1)
    bens = make.order(event, package, promo_code=promo.code)
    bought = make.order(event, package)
    email = bens.lines[0].purchase.purchaser_email
    assert correct(bought.order, {"donor.email": email}, confirmed=bens.order.donor_id).version == 2
    assert_verified(event)
