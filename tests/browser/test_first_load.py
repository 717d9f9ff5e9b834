"""The first visit of a browser with an empty cache stays within its budget. Times are printed, not asserted."""

from __future__ import annotations

import pytest

from tests.browser import first_load
from tests.support import make

MAX_BYTES = 1_300_000
MAX_REQUESTS = 140
MAX_LAYOUT_SHIFT = 0.05


@pytest.mark.parametrize(
    ("path", "slow", "window"),
    [
        ("/", False, {"viewport": {"width": 1280, "height": 800}}),
        ("/sales", True, {"viewport": {"width": 1280, "height": 800}}),
        ("/", False, {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}),
    ],
    ids=["computer", "slow line", "phone"],
)
def test_first_visit_of_sales_stays_within_its_budget(chromium, live_server, capsys, path, slow, window):
    event = make.event(revenue_goal="5000")
    make.package(event, name="Table of Ten")
    make.purchase(event, make.package(event, name="Single"))
    seller = make.staff(event=event, password=make.PASSWORD)

    load = first_load.measure(chromium, live_server, f"{path}?event={event.id}", seller, slow=slow, **window)

    with capsys.disabled():
        print(f"\nFirst visit: {load}")
    assert load.errors == []
    assert load.bytes_received <= MAX_BYTES
    assert len(load.requests) <= MAX_REQUESTS
    assert load.shift < MAX_LAYOUT_SHIFT
