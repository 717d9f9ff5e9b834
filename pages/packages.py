"""What an event sells: cards to look at, a form to make and change them, their order, and many changed at once."""

import uuid

import streamlit as st

from ticketing import db, money
from ticketing.catalog import copying, images, packages
from ticketing.catalog.bulk_edit import PackageEdit
from ticketing.errors import TicketingError
from ticketing.validation import validate
from ui import menu, session, text
from ui.audit import history
from ui.packages import bulk_table, image_field, reorder
from ui.packages import cards as package_cards
from ui.widgets import forms, paging, undo
from ui.widgets.page_header import render_header

context, event = session.require_event()
EMPTY = {
    "name": "", "price": "", "seats_per_package": 1, "description": "", "quantity_limit": None,
    "is_sponsorship": False, "is_enabled": True,
}  # fmt: skip
VIEWS = {"cards": "Cards", "arrange": "Arrange", "table": "Prices and limits"}
KINDS = {"all": "All", "sponsorships": "Sponsorships", "disabled": "Disabled", "sold_out": "Sold out"}
NONE_FOUND = {
    "all": "No package", "sponsorships": "No sponsorship", "disabled": "No disabled package",
    "sold_out": "No sold-out package",
}  # fmt: skip
PAGE_KEY = "packages_page"


def get_query_choice(name: str, choices: dict[str, str]) -> str:
    """What the address says, or the first of what there is."""
    value = st.query_params.get(name, "")
    return value if value in choices else next(iter(choices))


def apply_toolbar_change(name: str) -> None:
    """A field of the toolbar was changed, so the address changes, and with it what is shown."""
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
    forms.open_form("package", None, 0, EMPTY | image_field.EMPTY_VALUES, image_field.to_widget_value)


def handle_menu_choice(package_id: uuid.UUID, name: str) -> None:
    """What was picked in a card's menu."""
    match st.session_state[f"menu_{package_id}"]:
        case "Edit":
            start_edit(package_id)
        case "Options":
            st.session_state.options_package = package_id
            menu.request_page("options")
        case "Copy":
            copy(package_id, name)
        case "History":
            history.open_dialog(package_id, name)
        case "Delete":
            forms.open_form("package_deletion", package_id, 0, {"name": name})
        case picked:
            set_enabled(package_id, name, enabled=picked == "Enable")


def set_enabled(package_id: uuid.UUID, name: str, *, enabled: bool) -> None:
    """On sale or off it; a slip is taken back by the line that says so."""

    def work(s: db.Session) -> int | None:
        before = packages.get(s, context.actor, event.id, package_id).version
        after = packages.set_enabled(s, context.actor, event.id, package_id, enabled=enabled).version
        return after if after != before else None

    try:
        version = db.write(work)
    except TicketingError as refused:
        forms.add_message(str(refused), icon=":material/error:")
        return
    told = "on sale" if enabled else "disabled"
    if version is None:
        forms.add_message(f"{name} was {told} already.")
    else:
        undo.offer(event.id, f"{name} is {told}.", [PackageEdit(package_id, version, {"is_enabled": not enabled})])


def copy(package_id: uuid.UUID, name: str) -> None:
    """Opens the copy, which is for nobody to buy until it was looked at."""
    try:
        made = db.write(lambda s: copying.copy_package(s, context.actor, event.id, package_id))
    except TicketingError as refused:
        forms.add_message(str(refused), icon=":material/error:")
        return
    forms.add_message(f"{made.name} is made.")
    start_edit(made.id)
    forms.find_form("package").notes = (
        f"This is a copy of {name}, with its questions and its picture; it stands last. It is disabled: nobody can buy "
        "it until you switch On sale on."
    )


def start_edit(package_id: uuid.UUID) -> None:
    try:
        with db.read_session() as s:
            package = packages.get(s, context.actor, event.id, package_id)
            picture = images.find_by_package(s, [package]).get(package.id)
    except TicketingError as refused:
        forms.add_message(str(refused), icon=":material/error:")
        return
    values = {name: getattr(package, name) for name in EMPTY} | {"price": money.format_plain(package.price)}
    values |= image_field.get_form_values(package, picture)
    forms.open_form("package", package.id, package.version, values, image_field.to_widget_value)
    forms.find_form("package").notes = format_sold_warning(package.sold_count, money.format_dollars(package.price))


def format_sold_warning(sold: int, price: str) -> str:
    """What a change will and will not touch once packages are sold."""
    if not sold:
        return ""
    keeps = "it keeps" if sold == 1 else f"those {sold:,} keep"
    return (
        f"{sold:,} sold, now at {price}. A new price or number of seats applies to purchases from now on; {keeps} "
        f"theirs. The name and description change everywhere. The limit cannot go below {sold:,}."
    )


def save() -> None:
    form = forms.find_form("package")

    def work(s: db.Session):
        if form.id is None:
            package = packages.create(s, context.actor, event.id, validate(packages.PackageDraft, form.typed()))
        else:
            package = packages.update(
                s, context.actor, event.id, form.id, form.changed_values(), seen_version=form.version
            )  # fmt: skip
        image_field.save(s, context, event.id, form, package)
        return package

    forms.submit(form, work, lambda package: f"{package.name} is {'made' if form.id is None else 'saved'}.")


def delete() -> None:
    form = forms.find_form("package_deletion")
    forms.submit(
        form,
        lambda s: packages.delete(s, context.actor, event.id, form.id),
        f"{form.values['name']} is deleted.",
    )


def render_package_form(form: forms.FormState) -> None:
    image_field.render(context, event.id, form)
    with st.form("package_form", border=False, enter_to_submit=False):
        image_field.render_alt_field(form)
        st.text_input("Name", key=form.key("name"), placeholder="Table of Ten")
        forms.render_problem(form.problems, "name")
        st.text_area("Description", key=form.key("description"), placeholder="What the donor gets", height=90)
        forms.render_problem(form.problems, "description")
        price, seats, limit = st.container(key="package_numbers").columns(3)
        with price:
            st.text_input("Price of the whole package, in US dollars", key=form.key("price"), placeholder="2500.00")
            forms.render_problem(form.problems, "price")
        with seats:
            st.number_input("Seats in one package", 1, 100, key=form.key("seats_per_package"))
            forms.render_problem(form.problems, "seats_per_package")
        with limit:
            st.number_input(
                "Limit, in packages (leave empty for unlimited)", 1, 10_000, None,
                key=form.key("quantity_limit"), placeholder="Unlimited",
            )  # fmt: skip
            forms.render_problem(form.problems, "quantity_limit")
        st.toggle("Includes sponsorship", key=form.key("is_sponsorship"))
        st.toggle("On sale", key=form.key("is_enabled"))
        forms.render_submit("Make package" if form.id is None else "Save package", form, save)


def render_deletion_form(form: forms.FormState) -> None:
    name = text.escape_markdown(form.values["name"])
    forms.render_deletion(form, f"{name}, its options and its picture are gone for good. Nobody has bought it.", delete)


def render_empty_state() -> None:
    with st.container(border=True):
        st.subheader("Nothing to sell yet", anchor=False)
        st.markdown(
            "A package is what a donor buys: a ticket, a table of ten, a sponsorship. It has one price for the whole "
            "package and a number of seats."
        )
        if context.is_allowed("change"):
            st.button("New package", icon=":material/add:", type="primary", on_click=start_new)


def sync_toolbar_field(name: str, value: str) -> str:
    """The key of a field that shows what the address says."""
    key = f"packages_{name}"
    st.session_state[key] = value
    return key


def render_view_switch(view: str) -> None:
    st.segmented_control(
        "View", VIEWS, key=sync_toolbar_field("view", view), format_func=VIEWS.get, required=True,
        label_visibility="collapsed", on_change=apply_toolbar_change, args=("view",),
    )  # fmt: skip


def render_filters(found: packages.PackagePage, kind: str, search: str) -> None:
    if found.total_in_event > packages.PER_PAGE or search:
        st.text_input(
            "Search", key=sync_toolbar_field("search", search), type="search", max_chars=100, width=260,
            placeholder="Name of a package", autocomplete="off", label_visibility="collapsed", on_change=apply_toolbar_change,
            args=("search",),
        )  # fmt: skip
    st.pills(
        "Show", KINDS, key=sync_toolbar_field("show", kind), required=True, label_visibility="collapsed",
        wrap=True, format_func=lambda each: f"{KINDS[each]} {found.count_by_kind[each]:,}", on_change=apply_toolbar_change, args=("show",),
    )  # fmt: skip


def render_cards(found: packages.PackagePage, pictures: dict[uuid.UUID, images.PackageImage]) -> None:
    with st.container(key="package_cards"):
        for package in found.packages:
            with st.container(border=True, gap=None, key=f"card_{package.id}"):
                package_cards.render(package, pictures.get(package.id))
                if context.is_allowed("change"):
                    toggle = "Disable" if package.is_enabled else "Enable"
                    entries = ["Edit", "Options", "Copy", "History", toggle, "Delete"]
                    st.menu_button(
                        f"Actions for {text.escape_markdown(package.name)}", entries,
                        key=f"menu_{package.id}", type="tertiary", icon=":material/more_horiz:", on_click=handle_menu_choice,
                        args=(package.id, package.name),
                    )  # fmt: skip


def render_no_matches(kind: str, search: str) -> None:
    with st.container(border=True):
        like = f" has “{text.escape_markdown(search)}” in its name." if search else " here."
        st.markdown(NONE_FOUND[kind] + like)
        st.button("Show all packages", on_click=clear_filters)


def load_page(s: db.Session, kind: str, search: str) -> packages.PackagePage:
    """The page that is open, or the first when that is gone."""
    page = int(st.session_state.get(PAGE_KEY, 1))
    found = packages.search_page(s, context.actor, event.id, kind=kind, search=search, page=page)
    if not found.packages and page > 1:
        st.session_state[PAGE_KEY] = 1
        found = packages.search_page(s, context.actor, event.id, kind=kind, search=search)
    return found


view = get_query_choice("view", VIEWS) if context.is_allowed("change") else "cards"
kind, search = get_query_choice("show", KINDS), st.query_params.get("search", "")[:100]
with db.read_session() as s:
    if view == "cards":
        found = load_page(s, kind, search)
        pictures = images.find_by_package(s, found.packages)
        in_event = found.total_in_event
    else:
        in_event = len(packages.list_names(s, context.actor, event.id))

actions = render_header("Packages", event, text.format_count(in_event, "package"))
if in_event and context.is_allowed("change"):
    actions.button("New package", icon=":material/add:", type="primary", on_click=start_new)
if not in_event:
    render_empty_state()
else:
    if in_event > 1 or view != "cards" or kind != "all":
        with st.container(horizontal=True, vertical_alignment="center", key="package_tools"):
            if context.is_allowed("change"):
                render_view_switch(view)
            if view == "cards":
                render_filters(found, kind, search)
    if view == "arrange":
        reorder.render(context, event)
    elif view == "table":
        bulk_table.render(context, event)
    elif found.packages:
        render_cards(found, pictures)
        paging.render(PAGE_KEY, found.count_by_kind[kind], packages.PER_PAGE)
    else:
        render_no_matches(kind, search)
undo.render(context, event.id)

forms.render_dialog("package", "New package", "Edit package", render_package_form, event.time_zone, width="medium")
forms.render_dialog("package_deletion", "Delete package", "Delete package", render_deletion_form, event.time_zone)
history.render(context, event)
