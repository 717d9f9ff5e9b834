"""What the tests of the Sales page open and read."""

from __future__ import annotations

from tests.support.html_tables import parse_page


def open_query(visit, actor, event, **query):
    """Open the page with these query parameters, as from a link."""
    screen = visit("sales", actor, event)
    for name, value in query.items():
        screen.app.query_params[name] = value
    return screen.rerun()


def count_charts(screen):
    return len(screen.app.get("vega_lite_chart"))


def get_notes(screen):
    return ["".join(each.itertext()) for each in parse_page(screen).iter("p")]
