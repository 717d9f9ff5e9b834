"""The banner over a page whose database cannot do it now. What it leaves on the page, tests/test_outage.py looks at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from tests.support.database import use_database
from tests.support.screen import unescape_markdown
from ticketing.errors import DatabaseTimeout, DiskFull, TooBusy, Unavailable


def page() -> None:
    """A page that fails as it is told to."""
    import streamlit as st

    from ui.runtime import outage

    with outage.keep_page_on_outage():
        with outage.reserve_banner():
            if failure := st.session_state.get("failure"):
                raise failure
        st.write("drawn")


def failing(failure: Unavailable) -> AppTest:
    at = AppTest.from_function(page, default_timeout=30)
    at.session_state["failure"] = failure
    return at.run()


@pytest.fixture
def away(database: str) -> Iterator[None]:
    """Nothing answers the banner either; a page that fails all the same would be drawn anew for ever."""
    use_database("postgresql://nobody@127.0.0.1:1/nothing")
    yield
    use_database(database)


@pytest.mark.parametrize("failure", [DatabaseTimeout(), DiskFull()])
def test_what_does_not_pass_is_said_and_tried_again_by_hand(failure):
    at = failing(failure)
    assert [unescape_markdown(alert.value) for alert in at.error] == [str(failure)]
    at.session_state["failure"] = None
    at.button(key="away_try_again").click().run()
    assert (list(at.error), [each.value for each in at.markdown]) == ([], ["drawn"])


@pytest.mark.parametrize("failure", [Unavailable(), TooBusy()])
def test_what_passes_is_tried_again_without_a_click(failure, away):
    at = failing(failure)
    assert [unescape_markdown(alert.value) for alert in at.error] == [
        f"{failure.summary} This page keeps what you typed and goes on by itself."
    ]
    assert list(at.button) == []
    at.session_state["failure"] = None
    assert list(at.run().error) == []


def test_a_callback_that_cannot_ask_leaves_the_page(away):
    def asking() -> None:
        import streamlit as st

        from ticketing.errors import Unavailable
        from ui.runtime import outage

        @outage.keep_page_on_outage()
        def ask() -> None:
            raise Unavailable

        with outage.reserve_banner():
            pass
        st.button("Ask", on_click=ask)
        st.text_input("Name", key="name")

    at = AppTest.from_function(asking, default_timeout=30).run()
    at.text_input(key="name").input("Ana")
    at.button[0].click().run()
    assert unescape_markdown(at.error[0].value).startswith("The database does not answer.")
    assert at.session_state["name"] == "Ana"
