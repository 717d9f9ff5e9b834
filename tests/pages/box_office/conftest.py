"""A till of one event, for the tests of the Box office page."""

import pytest

from tests.support import make
from tests.support.till import send_lines


@pytest.fixture
def seller(event):
    return make.staff(event=event)


@pytest.fixture
def table(event):
    return make.package(event, name="Table of Ten", price="2500", seats_per_package=10, quantity_limit=4)


@pytest.fixture
def couple(event, table):
    return make.package(event, name="Couple", price="180", seats_per_package=2)


@pytest.fixture
def desk(visit, seller, event, table):
    return visit("box_office", seller, event)


@pytest.fixture
def order(desk, table):
    """A till with one table in the order."""
    return send_lines(desk, (table, 1))
