"""The packages page: cards, the form of a package, the Arrange view, and the table of prices and limits."""

import uuid

import streamlit as st

from ticketing import db, money
from ticketing.catalog import copying, images, packages
from ticketing.catalog.bulk_edit import PackageEdit
from ticketing.catalog.events import Event
from ticketing.catalog.packages import Package
from ticketing.errors import TicketingError
from ticketing.validation import validate
from ui import menu, session, text
from ui.audit import history
from ui.packages import bulk_table, image_field, reorder
from ui.packages import cards as package_cards
from ui.session import PageContext
from ui.widgets import forms, paging, undo
from ui.widgets.page_header import render_header

context, event = session.require_event()
NEW_PACKAGE_VALUES = {
    "name": "",
    "price": "",
    "seats_per_package": 1,
    "description": "",
    "quantity_limit": None,
    "is_sponsorship": False,
    "is_enabled": True,
}
VIEWS = {"cards": "Cards", "arrange": "Arrange", "table": "Prices and limits"}
KINDS = {"all": "All", "sponsorships": "Sponsorships", "disabled": "Disabled", "sold_out": "Sold out"}
NO_MATCH_SENTENCES = {
    "all": "No packages here.",
    "sponsorships": "No sponsorships here.",
    "disabled": "No disabled packages here.",
    "sold_out": "No sold-out packages here.",
}
PAGE_KEY = "packages_page"


def get_query_choice(name: str, choices: dict[str, str]) -> str:
    """Return the value of a query parameter if it is one of `choices`, else the first choice."""
    value = st.query_params.get(name, "")
    return value if value in choices else next(iter(choices))


def apply_toolbar_change(event: Event, name: str) -> None:
    """Write the changed toolbar field to the query parameters, which decide what the page shows."""
    value = st.session_state[f"packages_{name}"].strip()
    bulk_table.keep_edits(event)
    st.session_state[PAGE_KEY] = 1
    if value == {"view": "cards", "show": "all", "search": ""}[name]:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = value


def clear_filters() -> None:
    for name in ("show", "search"):
        st.query_params.pop(name, None)
    st.session_state[PAGE_KEY] = 1


def start_new() -> None:
    forms.open_form("package", None, 0, NEW_PACKAGE_VALUES | image_field.EMPTY_VALUES, image_field.to_widget_value)


def handle_menu_choice(context: PageContext, event: Event, package_id: uuid.UUID, name: str) -> None:
    """Run the entry picked in a card's menu."""
    match st.session_state[f"menu_{package_id}"]:
        case "Edit":
            start_edit(context, event, package_id)
        case "Options":
            st.session_state.options_package = package_id
            menu.request_page("options")
        case "Copy":
            copy(context, event, package_id, name)
        case "History":
            history.open_dialog(package_id, name)
        case "Delete":
            forms.open_form("package_deletion", package_id, 0, {"name": name})
        case picked:
            set_enabled(context, event, package_id, name, enabled=picked == "Enable")


def set_enabled(context: PageContext, event: Event, package_id: uuid.UUID, name: str, *, enabled: bool) -> None:
    """Put a package on sale or take it off sale, and offer to undo it."""

    def work(s: db.Session) -> int | None:
        before = packages.get(s, context.actor, event.id, package_id).version
        after = packages.set_enabled(s, context.actor, event.id, package_id, enabled=enabled).version
        return after if after != before else None

    try:
        version = db.write(work)
    except TicketingError as refused:
        forms.add_message(str(refused), icon=":material/error:")
        return
    new_state = "on sale" if enabled else "disabled"
    if version is None:
        forms.add_message(f"{name} was {new_state} already.")
    else:
        edit = PackageEdit(package_id, version, {"is_enabled": not enabled})
        undo.offer(event.id, f"{name} is {new_state}.", [edit])


def copy(context: PageContext, event: Event, package_id: uuid.UUID, name: str) -> None:
    """Copy a package and open the copy, which stays disabled until staff has checked it."""
    try:
        copied = db.write(lambda s: copying.copy_package(s, context.actor, event.id, package_id))
    except TicketingError as refused:
        forms.add_message(str(refused), icon=":material/error:")
        return
    forms.add_message(f"{copied.name} created.")
    start_edit(context, event, copied.id)
    forms.get_form("package").notes = (
        f"This is a copy of {name} with its options and picture, at the end of the list. It is disabled: nobody can "
        "buy it until you turn On sale on."
    )


def start_edit(context: PageContext, event: Event, package_id: uuid.UUID) -> None:
    try:
        with db.read_session() as s:
            package = packages.get(s, context.actor, event.id, package_id)
            image = images.find_by_package(s, [package]).get(package.id)
    except TicketingError as refused:
        forms.add_message(str(refused), icon=":material/error:")
        return
    values = {name: getattr(package, name) for name in NEW_PACKAGE_VALUES} | {
        "price": money.format_plain(package.price)
    }
    values |= image_field.get_form_values(package, image)
    forms.open_form("package", package.id, package.version, values, image_field.to_widget_value)
    forms.get_form("package").notes = format_sold_warning(package.sold_count)


def format_sold_warning(sold: int) -> str:
    """Return what a change affects once packages are sold."""
    if not sold:
        return ""
    return (
        f"{sold:,} already sold. Changes to price or seats only affect new sales; the name and description change "
        f"everywhere. The limit cannot go below {sold:,}."
    )


def save(context: PageContext, event: Event, form: forms.FormState) -> None:
    def work(s: db.Session) -> Package:
        if form.id is None:
            package = packages.create(s, context.actor, event.id, validate(packages.PackageDraft, form.typed()))
        else:
            changed = form.changed_values()
            package = packages.update(s, context.actor, event.id, form.id, changed, seen_version=form.version)
        image_field.save(s, context, event.id, form, package)
        return package

    forms.submit(form, work, lambda package: f"{package.name} {'created' if form.id is None else 'saved'}.")


def delete(context: PageContext, event: Event, form: forms.FormState) -> None:
    record_id = form.id
    assert record_id is not None
    forms.submit(
        form,
        lambda s: packages.delete(s, context.actor, event.id, record_id),
        f"{form.values['name']} deleted.",
    )


def render_package_form(context: PageContext, event: Event, form: forms.FormState) -> None:
    image_field.render(context, event.id, form)
    with st.form("package_form", border=False, enter_to_submit=False):
        image_field.render_alt_field(form)
        st.text_input("Name", key=form.key("name"), placeholder="Table of Ten")
        forms.render_problem(form.problems, "name")
        st.text_area("Description", key=form.key("description"), placeholder="What the donor gets", height=90)
        forms.render_problem(form.problems, "description")
        price, seats, limit = st.container(key="package_numbers").columns(3)
        with price:
            st.text_input("Price ($)", key=form.key("price"), placeholder="2500.00")
            forms.render_hint("for the whole package")
            forms.render_problem(form.problems, "price")
        with seats:
            st.number_input("Seats in one package", 1, 100, key=form.key("seats_per_package"))
            forms.render_problem(form.problems, "seats_per_package")
        with limit:
            st.number_input(
                "Limit (optional)", 1, 10_000, None, key=form.key("quantity_limit"), placeholder="Unlimited"
            )
            forms.render_problem(form.problems, "quantity_limit")
        st.toggle("This is a sponsorship", key=form.key("is_sponsorship"))
        st.toggle("On sale", key=form.key("is_enabled"))
        label = "Create package" if form.id is None else "Save package"
        forms.render_submit(label, form, lambda: save(context, event, form))


def render_deletion_form(context: PageContext, event: Event, form: forms.FormState) -> None:
    name = text.escape_markdown(form.values["name"])
    sentence = f"This permanently deletes {name} with its options and picture."
    forms.render_deletion(form, sentence, lambda: delete(context, event, form))


def render_empty_state(context: PageContext) -> None:
    with st.container(border=True):
        st.subheader("No packages yet", anchor=False)
        st.markdown(
            "A package is what a donor buys: a ticket, a table of ten, a sponsorship. It has one price for the whole "
            "package and a number of seats."
        )
        if context.is_allowed("change"):
            st.button("New package", icon=":material/add:", type="primary", on_click=start_new)


def sync_toolbar_field(name: str, value: str) -> str:
    """Set a toolbar field to the value of its query parameter and return its key."""
    key = f"packages_{name}"
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


def render_cards(
    context: PageContext,
    event: Event,
    found: packages.PackagePage,
    image_by_package: dict[uuid.UUID, images.PackageImage],
) -> None:
    with st.container(key="package_cards"):
        for package in found.packages:
            with st.container(border=True, gap=None, key=f"card_{package.id}"):
                package_cards.render(package, image_by_package.get(package.id))
                if context.is_allowed("change"):
                    toggle = "Disable" if package.is_enabled else "Enable"
                    entries = ["Edit", "Options", "Copy", "History", toggle, "Delete"]
                    st.menu_button(
                        f"Actions for {text.escape_markdown(package.name)}",
                        entries,
                        key=f"menu_{package.id}",
                        type="tertiary",
                        icon=":material/more_horiz:",
                        on_click=handle_menu_choice,
                        args=(context, event, package.id, package.name),
                    )


def render_no_matches(kind: str, search: str) -> None:
    with st.container(border=True):
        st.markdown(f"No results for “{text.escape_markdown(search)}”." if search else NO_MATCH_SENTENCES[kind])
        st.button("Show all packages", on_click=clear_filters)


def load_page(s: db.Session, context: PageContext, event: Event, kind: str, search: str) -> packages.PackagePage:
    """Load the open page of cards, or the first one when the open page no longer exists."""
    page = int(st.session_state.get(PAGE_KEY, 1))
    found = packages.search_page(s, context.actor, event.id, kind=kind, search=search, page=page)
    if not found.packages and page > 1:
        st.session_state[PAGE_KEY] = 1
        found = packages.search_page(s, context.actor, event.id, kind=kind, search=search)
    return found


def render_toolbar(
    context: PageContext, event: Event, view: str, found: packages.PackagePage | None, kind: str, search: str
) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="package_tools"):
        if context.is_allowed("change"):
            render_view_switch(event, view)
        if found is not None:
            render_filters(event, found, kind, search)


def render_page(context: PageContext, event: Event) -> None:
    view = get_query_choice("view", VIEWS) if context.is_allowed("change") else "cards"
    kind, search = get_query_choice("show", KINDS), st.query_params.get("search", "")[:100]
    with db.read_session() as s:
        found = load_page(s, context, event, kind, search) if view == "cards" else None
        image_by_package = images.find_by_package(s, found.packages) if found else {}
        total = found.total_in_event if found else len(packages.list_names(s, context.actor, event.id))
    actions = render_header("Packages", event, text.format_count(total, "package"))
    if total and context.is_allowed("change"):
        actions.button("New package", icon=":material/add:", type="primary", on_click=start_new)
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
            render_cards(context, event, found, image_by_package)
            paging.render(PAGE_KEY, found.count_by_kind[kind], packages.PER_PAGE)
        else:
            render_no_matches(kind, search)
    undo.render(context, event.id)


def render_dialogs(context: PageContext, event: Event) -> None:
    zone = event.time_zone
    forms.render_dialog(
        "package",
        "New package",
        "Edit package",
        lambda form: render_package_form(context, event, form),
        zone,
        width="medium",
    )
    forms.render_dialog(
        "package_deletion",
        "Delete package",
        "Delete package",
        lambda form: render_deletion_form(context, event, form),
        zone,
    )
    history.render(context, event)


render_page(context, event)
render_dialogs(context, event)
