"""Search over everything that the user may see, in all their events. What is typed is in no address and no log."""

import streamlit as st

from ticketing import db
from ticketing.errors import InvalidInput, RateLimited
from ticketing.reporting import search
from ui import session, text
from ui.search import results
from ui.session import PageContext
from ui.widgets import forms
from ui.widgets.page_header import render_header

context = session.require()


def render_page(context: PageContext) -> None:
    render_header("Search", subtitle="In all your events")
    typed = st.text_input(
        "Name, e-mail address, ticket code, order number, external id, package, promo code or event",
        key="search_everything",
        type="search",
        live=True,
        autocomplete="off",
        persist_state="session",
    )
    if typed.strip():
        render_results(context, typed)
    else:
        forms.render_hint("Press / on any page to search. At the box office, / is for the donor's name.")


def render_results(context: PageContext, typed: str) -> None:
    try:
        found = db.write(lambda s: search.search(s, context.actor, typed))
    except InvalidInput as exc:
        forms.render_hint(exc.fields["search"])
    except RateLimited as exc:
        st.warning(str(exc), icon=":material/hourglass_top:")
        st.button("Search again", icon=":material/refresh:")
    else:
        if found:
            st.html(results.build(found))
        else:
            st.markdown(
                f"No results for “{text.escape_markdown(typed.strip())}”. Names are found by the beginning of a word, "
                "e-mail addresses and codes from their first letter."
            )


render_page(context)
