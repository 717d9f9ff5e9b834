"""The packages page: its list, the form of a package, the Arrange view, and the table of prices and limits."""

import uuid
from urllib.parse import urlencode

import streamlit as st

from ticketing import db, purchase_filter
from ticketing.catalog import images, packages
from ticketing.catalog.events import Event
from ticketing.catalog.packages import Package
from ticketing.purchase_filter import PurchaseFilter
from ticketing.reporting import figures
from ticketing.reporting.figures import PackageTotals
from ticketing.reporting.status_totals import NOTHING
from ui import menu, session, text
from ui.audit import history
from ui.packages import bulk_table, package_form, reorder
from ui.packages import rows as package_rows
from ui.runtime import sales_watch
from ui.session import PageContext
from ui.widgets import forms, list_rows, paging
from ui.widgets.empty_page import render_empty_page
from ui.widgets.page_header import render_archived_note, render_header

context, event = session.require_event()
VIEWS = {"cards": "List", "arrange": "Arrange", "table": "Prices and limits"}
KINDS = {"all": "All", "sponsorships": "Sponsorships", "disabled": "Off sale", "sold_out": "Sold out"}
DIALOGS = (*package_form.KINDS, *history.KINDS)
NO_MATCH_SENTENCES = {
    "all": "No packages here.",
    "sponsorships": "No sponsorships here.",
    "disabled": "No packages off sale here.",
    "sold_out": "No sold-out packages here.",
}


def get_query_choice(name: str, choices: dict[str, str]) -> str:
    """Return the value of a query parameter if it is one of `choices`, else the first choice."""
    value = st.query_params.get(name, "")
    return value if value in choices else next(iter(choices))


def apply_toolbar_change(event: Event, name: str) -> None:
    """Write the changed toolbar field to the query parameters, which decide what the page shows."""
    value = st.session_state[f"packages_{name}"]
    if value is None:  # a group that was drawn anew may send that nothing is chosen
        return
    value = value.strip()
    bulk_table.keep_edits(event)
    st.session_state[package_form.PAGE_KEY] = 1
    if value == {"view": "cards", "show": "all", "search": ""}[name]:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = value


def open_linked(context: PageContext, event: Event) -> None:
    """Open the package that a link names (`?package=`), once: its form for those who may change it, else its page."""
    linked = st.query_params.pop("package", None)
    if linked is None:
        return
    with db.read_session() as s:
        ids = [str(package_id) for package_id in packages.list_names(s, context.actor, event.id)]
    if linked in ids:
        clear_filters()
        st.session_state[package_form.PAGE_KEY] = ids.index(linked) // packages.PER_PAGE + 1
        if context.may_set_up():
            package_form.start_edit(context, event, uuid.UUID(linked))


def clear_filters() -> None:
    for name in ("show", "search"):
        st.query_params.pop(name, None)
    st.session_state[package_form.PAGE_KEY] = 1


def handle_menu_choice(context: PageContext, event: Event, package_id: uuid.UUID, name: str) -> None:
    """Run the entry picked in a card's menu."""
    match st.session_state[f"menu_{package_id}"]:
        case "Edit":
            package_form.start_edit(context, event, package_id)
        case "Purchases":
            chosen = PurchaseFilter(package_ids=(package_id,))
            menu.request_page("purchasers", session.event_query_params(event) | purchase_filter.to_query(chosen))
        case "Options":
            st.session_state.options_package = package_id
            menu.request_page("options")
        case "Copy":
            package_form.start_copy(context, event, package_id)
        case "History":
            history.open_dialog(package_id, name)
        case "Delete":
            forms.open_form("package_deletion", package_id, 0, {})
        case picked:
            package_form.set_enabled(context, event, package_id, name, enabled=picked == "Put on sale")


def render_empty_state(context: PageContext) -> None:
    sentence = (
        "A package is what a donor buys: a ticket, a table of ten, a sponsorship. It has one price for the whole "
        "package and a number of seats."
    )
    with render_empty_page("No packages yet", sentence, "packages"):
        if context.may_set_up():
            st.button("New package", icon=":material/add:", type="primary", on_click=package_form.start_new)


def sync_toolbar_field(name: str, value: str) -> str:
    """Set a toolbar field to the value of its query parameter and return its key."""
    key = f"packages_{name}"
    if st.session_state.get(key) != value:  # else what is being typed would be replaced when the page is redrawn
        st.session_state[key] = value
    return key


def render_view_switch(event: Event, view: str) -> None:
    st.segmented_control(
        "View",
        VIEWS,
        key=sync_toolbar_field("view", view),
        format_func=VIEWS.__getitem__,
        required=True,
        label_visibility="collapsed",
        on_change=apply_toolbar_change,
        args=(event, "view"),
    )


def render_filters(event: Event, found: packages.PackagePage, kind: str, search: str) -> None:
    if found.total_in_event > packages.PER_PAGE or search:
        st.text_input(
            "Search",
            key=sync_toolbar_field("search", search),
            type="search",
            max_chars=100,
            width=260,
            placeholder="Package name",
            autocomplete="off",
            label_visibility="collapsed",
            on_change=apply_toolbar_change,
            args=(event, "search"),
        )
    st.pills(
        "Show",
        KINDS,
        key=sync_toolbar_field("show", kind),
        required=True,
        label_visibility="collapsed",
        wrap=True,
        format_func=lambda each: f"{KINDS[each]} {found.count_by_kind[each]:,}",
        on_change=apply_toolbar_change,
        args=(event, "show"),
    )


def render_rows(
    context: PageContext,
    event: Event,
    found: packages.PackagePage,
    image_by_package: dict[uuid.UUID, images.PackageImage],
    totals: dict[uuid.UUID, PackageTotals],
) -> None:
    is_editable, titles = context.may_set_up(), package_rows.TITLES
    is_movable = is_editable and len(found.packages) > 1
    if is_movable:
        reorder.render_conflict(context, event, found.packages)
    with list_rows.render_list("packages", "Package", titles, is_editable=is_editable):
        for package in found.packages:
            url = build_sales_url(event, package)
            row = package_rows.build_row(
                package, image_by_package.get(package.id), totals.get(package.id), url, is_movable=is_movable
            )
            on_open = package_form.start_edit if is_editable else None
            label = f"Edit {text.escape_markdown(package.name)}"
            with list_rows.render_row(row, titles, label, on_open, context, event, package.id):
                if is_editable:
                    label, args = f"{text.escape_markdown(package.name)} on sale", (package.id, package.name)
                    list_rows.render_switch(
                        label,
                        package.id,
                        package.version,
                        handle_switch,
                        context,
                        event,
                        *args,
                        is_on=package.is_enabled,
                    )
                    render_menu(context, event, package, is_bought=package.id in found.bought)
        if is_movable:
            reorder.render_handles(context, event, found.packages)


def build_sales_url(event: Event, package: Package) -> str:
    """Return the address of the purchases of a package."""
    chosen = PurchaseFilter(package_ids=(package.id,))
    return f"purchasers?{urlencode(session.event_query_params(event) | purchase_filter.to_query(chosen))}"


def handle_switch(context: PageContext, event: Event, package_id: uuid.UUID, name: str, key: str) -> None:
    package_form.set_enabled(context, event, package_id, name, enabled=st.session_state[key])


def render_menu(context: PageContext, event: Event, package: Package, *, is_bought: bool) -> None:
    """Render the menu of a card; one that was bought can be taken off sale and not deleted, which the menu says."""
    toggle = "Take off sale" if package.is_enabled else "Put on sale"
    list_rows.render_menu(
        text.escape_markdown(package.name),
        ["Edit", *(["Purchases"] * is_bought), "Options", "Copy", "History", toggle, *(["Delete"] * (not is_bought))],
        package.id,
        handle_menu_choice,
        context,
        event,
        package.id,
        package.name,
        reasons={toggle: "bought, so not deleted"} if is_bought else None,
    )


def render_no_matches(kind: str, search: str) -> None:
    with st.container(border=True):
        st.markdown(f"No results for “{text.escape_markdown(search)}”." if search else NO_MATCH_SENTENCES[kind])
        st.button("Show all packages", on_click=clear_filters)


def load_page(s: db.Session, context: PageContext, event: Event, kind: str, search: str) -> packages.PackagePage:
    """Load the open page of cards, or the first one when the open page no longer exists."""
    page = int(st.session_state.get(package_form.PAGE_KEY, 1))
    found = packages.search_page(s, context.actor, event.id, kind=kind, search=search, page=page)
    if not found.packages and page > 1:
        st.session_state[package_form.PAGE_KEY] = 1
        found = packages.search_page(s, context.actor, event.id, kind=kind, search=search)
    return found


def render_toolbar(
    context: PageContext, event: Event, view: str, found: packages.PackagePage | None, kind: str, search: str
) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="package_tools"):
        if context.may_set_up():
            render_view_switch(event, view)
        if found is not None:
            render_filters(event, found, kind, search)


def format_totals(count: int, totals: dict[uuid.UUID, PackageTotals]) -> str:
    """Return "$228,952 in revenue · 800 paid (1,204 seats), 38 pending" as Markdown, or "8 packages" before sales."""
    if not totals:
        return text.format_count(count, "package")
    paid = sum((each.paid for each in totals.values()), NOTHING)
    pending = sum(each.pending.packages for each in totals.values())
    sold = f"{paid.packages:,} paid ({text.format_count(paid.seats, 'seat')})"
    revenue = f"{text.format_whole_dollars(paid.total)} in revenue"
    return f"{revenue} · {sold}, {pending:,} pending" if pending else f"{revenue} · {sold}"


def render_page(context: PageContext, event: Event) -> None:
    view = get_query_choice("view", VIEWS) if context.may_set_up() else "cards"
    sales_watch.rerun_on_change(event.id, paused=view != "cards" or forms.is_open(*DIALOGS))
    kind, search = get_query_choice("show", KINDS), st.query_params.get("search", "")[:100]
    with db.read_session() as s:
        found = load_page(s, context, event, kind, search) if view == "cards" else None
        image_by_package = images.find_by_package(s, found.packages) if found else {}
        total = found.total_in_event if found else len(packages.list_names(s, context.actor, event.id))
        totals = figures.list_package_totals_unchecked(s, event.id)
    actions = render_header("Packages", event, format_totals(total, totals))
    if total and context.may_set_up():
        actions.button("New package", icon=":material/add:", type="primary", on_click=package_form.start_new)
    render_archived_note(event)
    if not total:
        render_empty_state(context)
    else:
        if total > 1 or view != "cards" or kind != "all":
            render_toolbar(context, event, view, found, kind, search)
        if view == "arrange":
            reorder.render(context, event)
        elif view == "table":
            bulk_table.render(context, event)
        elif found and found.packages:
            render_rows(context, event, found, image_by_package, totals)
            paging.render(package_form.PAGE_KEY, found.count_by_kind[kind], packages.PER_PAGE)
        else:
            render_no_matches(kind, search)


open_linked(context, event)
render_page(context, event)
package_form.render_dialogs(context, event)
history.render(context, event)
