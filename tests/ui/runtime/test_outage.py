"""The banner over a page whose database is unavailable. tests/test_outage.py tests what stays on the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from tests.support.database import use_database
from tests.support.screen import unescape_markdown
from ticketing.errors import DatabaseTimeout, DiskFull, TooBusy, Unavailable


def page() -> None:
    """A page that raises `failure` of its session state."""
    import streamlit as st

    from ui.runtime import outage

    with outage.keep_page_on_outage():
        with outage.reserve_banner():
            if failure := st.session_state.get("failure"):
                raise failure
        st.write("rendered")


def run_with_failure(failure: Unavailable) -> AppTest:
    at = AppTest.from_function(page, default_timeout=30)
    at.session_state["failure"] = failure
    return at.run()


@pytest.fixture
def unreachable(database: str) -> Iterator[None]:
    """Replace the database by an address that nothing answers, or the banner would rerun the failing page for ever."""
    use_database("postgresql://user@127.0.0.1:1/nothing")
    yield
    use_database(database)


@pytest.mark.parametrize("failure", [DatabaseTimeout(), DiskFull()])
def test_permanent_error_is_retried_by_hand(failure):
    at = run_with_failure(failure)
    assert [unescape_markdown(alert.value) for alert in at.error] == [str(failure)]
    at.session_state["failure"] = None
    at.button(key="away_try_again").click().run()
    assert (list(at.error), [each.value for each in at.markdown]) == ([], ["rendered"])


@pytest.mark.parametrize("failure", [Unavailable(), TooBusy()])
def test_transient_error_is_retried_without_a_click(failure, unreachable):
    at = run_with_failure(failure)
    assert [unescape_markdown(alert.value) for alert in at.error] == [
        f"{failure.summary} This page keeps what you typed and continues by itself."
    ]
    assert list(at.button) == []
    at.session_state["failure"] = None
    assert list(at.run().error) == []


def test_outage_in_callback_keeps_page(unreachable):
    def callback_page() -> None:
        import streamlit as st

        from ticketing.errors import Unavailable
        from ui.runtime import outage

        @outage.keep_page_on_outage()
        def query() -> None:
            raise Unavailable

        with outage.reserve_banner():
            pass
        st.button("Query", on_click=query)
        st.text_input("Name", key="name")

    at = AppTest.from_function(callback_page, default_timeout=30).run()
    at.text_input(key="name").input("Ana")
    at.button[0].click().run()
    assert unescape_markdown(at.error[0].value).startswith("The database does not answer.")
    assert at.session_state["name"] == "Ana"
