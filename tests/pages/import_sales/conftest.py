"""The import page of an event with one package, for the tests of its steps."""

import pytest

from tests.support import make


@pytest.fixture
def table(event):
    return make.package(event, name="Table", price="100", quantity_limit=5)


@pytest.fixture
def seller(event):
    return make.staff(event=event, name="Robin Park")


@pytest.fixture
def page(visit, event, table, seller):
    return visit("import_sales", seller, event)
