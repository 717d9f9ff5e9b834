"""The pages of the menu. The address of a page is the name of its file: /packages is pages/packages.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from ticketing.access.permissions import Action

DEFAULT_PAGE = "sales"
PAGES_DIR = Path(__file__).resolve().parents[1] / "pages"


@dataclass(frozen=True)
class Entry:
    """A page in the menu.

    `action` is the permission that it requires. A page that `is_about_event` is hidden while no event is chosen.
    """

    name: str
    title: str
    icon: str
    action: Action = "read"
    heading: str | None = None
    is_about_event: bool = True


ENTRIES = (
    Entry("search", "Search", "search", is_about_event=False),
    Entry("sales", "Sales", "monitoring"),
    Entry("purchasers", "Purchasers", "group"),
    Entry("guests", "Guests", "event_seat"),
    Entry("packages", "Packages", "confirmation_number", heading="Set up"),
    Entry("options", "Options", "help", heading="Set up"),
    Entry("promo_codes", "Promo codes", "sell", heading="Set up"),
    Entry("box_office", "Box office", "point_of_sale", action="change", heading="Sell"),
    Entry("import_sales", "Import", "upload_file", action="change", heading="Sell"),
    Entry("audit_log", "Audit log", "history", heading="Office"),
    Entry("staff", "Staff", "badge", action="administer", heading="Office", is_about_event=False),
    Entry("tokens", "API tokens", "key", heading="Office", is_about_event=False),
    Entry("events", "All events", "event", is_about_event=False),
    Entry("account", "Your account", "account_circle", is_about_event=False),
)


def get_entry(name: str) -> Entry:
    """Return the page of this name. Raises KeyError."""
    return {entry.name: entry for entry in ENTRIES}[name]


def path(name: str) -> str:
    """Return the page's file, for st.page_link and st.switch_page."""
    return str(PAGES_DIR / f"{name}.py")


def create_page(entry: Entry) -> st.Page:
    return st.Page(
        path(entry.name),
        title=entry.title,
        icon=f":material/{entry.icon}:",
        url_path=entry.name,
        default=entry.name == DEFAULT_PAGE,
    )


def request_page(name: str, query: Mapping[str, str] | None = None) -> None:
    """Open the page in the next run, with these query parameters. For callbacks, which cannot switch the page."""
    st.session_state.go_to_page = name, query


def open_requested_page() -> None:
    """Open the page that a callback requested, if any."""
    if requested := st.session_state.pop("go_to_page", None):
        name, query = requested
        st.switch_page(path(name), query_params=query)
