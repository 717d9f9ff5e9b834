"""A filter whose widget state Streamlit dropped does not break a search."""

from streamlit.testing.v1 import AppTest


def run_search_change():
    import streamlit as st

    from ticketing.purchase_filter import PurchaseFilter
    from ui.purchases import filters

    st.session_state.filter_search_7 = "  Ana "
    filters.generation()
    filters._on_change("search", 7, PurchaseFilter(statuses=("pending",), sponsorships_only=True))


def test_filter_without_widget_state_keeps_its_rendered_value():
    app = AppTest.from_function(run_search_change).run()
    assert not app.exception
    query = {name: value[0] if isinstance(value, list) else value for name, value in app.query_params.items()}
    assert query == {"search": "Ana", "status": "pending", "sponsorships_only": "true"}
