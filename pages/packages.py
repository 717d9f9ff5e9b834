"""What an event sells: cards to look at, a form to make and change them, their order, and many changed at once."""

import uuid

import streamlit as st

from ticketing import db, money
from ticketing.catalog import copying, images, packages
from ticketing.catalog.bulk_edit import Edit
from ticketing.errors import TicketingError
from ticketing.validation import validated
from ui import menu, session, text
from ui.audit import history
from ui.packages import bulk_table, image_field, reorder
from ui.packages import cards as package_cards
from ui.widgets import forms, paging, undo
from ui.widgets.page_header import show_header

here, event = session.require_event()
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
PAGE = "packages_page"


def asked(name: str, known: dict[str, str]) -> str:
    """What the address says, or the first of what there is."""
    value = st.query_params.get(name, "")
    return value if value in known else next(iter(known))


def follow(name: str) -> None:
    """A field of the toolbar was changed, so the address changes, and with it what is shown."""
    value = st.session_state[f"packages_{name}"].strip()
    bulk_table.keep(event)
    st.session_state[PAGE] = 1
    if value == {"view": "cards", "show": "all", "search": ""}[name]:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = value


def show_all() -> None:
    for name in ("show", "search"):
        st.query_params.pop(name, None)
    st.session_state[PAGE] = 1


def start_new() -> None:
    forms.open_form("package", None, 0, EMPTY | image_field.FIELDS, image_field.as_typed)


def choose(package_id: uuid.UUID, name: str) -> None:
    """What was picked in a card's menu."""
    match st.session_state[f"menu_{package_id}"]:
        case "Edit":
            start_edit(package_id)
        case "Options":
            st.session_state.options_package = package_id
            menu.go("options")
        case "Copy":
            copy(package_id, name)
        case "History":
            history.start(package_id, name)
        case "Delete":
            forms.open_form("package_deletion", package_id, 0, {"name": name})
        case picked:
            enable(package_id, name, enabled=picked == "Enable")


def enable(package_id: uuid.UUID, name: str, *, enabled: bool) -> None:
    """On sale or off it; a slip is taken back by the line that says so."""

    def work(s: db.Session) -> int | None:
        before = packages.get(s, here.actor, event.id, package_id).version
        after = packages.set_enabled(s, here.actor, event.id, package_id, enabled=enabled).version
        return after if after != before else None

    try:
        version = db.write(work)
    except TicketingError as refused:
        forms.say(str(refused), icon=":material/error:")
        return
    told = "on sale" if enabled else "disabled"
    if version is None:
        forms.say(f"{name} was {told} already.")
    else:
        undo.offer(event.id, f"{name} is {told}.", [Edit(package_id, version, {"is_enabled": not enabled})])


def copy(package_id: uuid.UUID, name: str) -> None:
    """Opens the copy, which is for nobody to buy until it was looked at."""
    try:
        made = db.write(lambda s: copying.copy_package(s, here.actor, event.id, package_id))
    except TicketingError as refused:
        forms.say(str(refused), icon=":material/error:")
        return
    forms.say(f"{made.name} is made.")
    start_edit(made.id)
    forms.opened("package").notes = (
        f"This is a copy of {name}, with its questions and its picture; it stands last. It is disabled: nobody can buy "
        "it until you switch On sale on."
    )


def start_edit(package_id: uuid.UUID) -> None:
    try:
        with db.reading() as s:
            package = packages.get(s, here.actor, event.id, package_id)
            picture = images.by_package(s, [package]).get(package.id)
    except TicketingError as refused:
        forms.say(str(refused), icon=":material/error:")
        return
    values = {name: getattr(package, name) for name in EMPTY} | {"price": money.plain(package.price)}
    values |= image_field.values(package, picture)
    forms.open_form("package", package.id, package.version, values, image_field.as_typed)
    forms.opened("package").notes = warning(package.sold_count, money.dollars(package.price))


def warning(sold: int, price: str) -> str:
    """What a change will and will not touch once packages are sold."""
    if not sold:
        return ""
    keeps = "it keeps" if sold == 1 else f"those {sold:,} keep"
    return (
        f"{sold:,} sold, now at {price}. A new price or number of seats applies to purchases from now on; {keeps} "
        f"theirs. The name and description change everywhere. The limit cannot go below {sold:,}."
    )


def save() -> None:
    form = forms.opened("package")

    def work(s: db.Session):
        if form.id is None:
            package = packages.create(s, here.actor, event.id, validated(packages.PackageDraft, form.typed()))
        else:
            package = packages.change(
                s, here.actor, event.id, form.id, form.changed(), seen_version=form.version
            )  # fmt: skip
        image_field.save(s, here, event.id, form, package)
        return package

    forms.submit(form, work, lambda package: f"{package.name} is {'made' if form.id is None else 'saved'}.")


def delete() -> None:
    form = forms.opened("package_deletion")
    forms.submit(
        form,
        lambda s: packages.delete(s, here.actor, event.id, form.id),
        f"{form.values['name']} is deleted.",
    )


def package_form(form: forms.Opened) -> None:
    image_field.show(here, event.id, form)
    with st.form("package_form", border=False, enter_to_submit=False):
        image_field.show_words(form)
        st.text_input("Name", key=form.key("name"), placeholder="Table of Ten")
        forms.show_problem(form.problems, "name")
        st.text_area("Description", key=form.key("description"), placeholder="What the donor gets", height=90)
        forms.show_problem(form.problems, "description")
        price, seats, limit = st.container(key="package_numbers").columns(3)
        with price:
            st.text_input("Price of the whole package, in US dollars", key=form.key("price"), placeholder="2500.00")
            forms.show_problem(form.problems, "price")
        with seats:
            st.number_input("Seats in one package", 1, 100, key=form.key("seats_per_package"))
            forms.show_problem(form.problems, "seats_per_package")
        with limit:
            st.number_input(
                "Limit, in packages (leave empty for unlimited)", 1, 10_000, None,
                key=form.key("quantity_limit"), placeholder="Unlimited",
            )  # fmt: skip
            forms.show_problem(form.problems, "quantity_limit")
        st.toggle("Includes sponsorship", key=form.key("is_sponsorship"))
        st.toggle("On sale", key=form.key("is_enabled"))
        forms.show_submit("Make package" if form.id is None else "Save package", form, save)


def deletion(form: forms.Opened) -> None:
    name = text.md(form.values["name"])
    forms.show_deletion(form, f"{name}, its options and its picture are gone for good. Nobody has bought it.", delete)


def nothing_to_sell() -> None:
    with st.container(border=True):
        st.subheader("Nothing to sell yet", anchor=False)
        st.markdown(
            "A package is what a donor buys: a ticket, a table of ten, a sponsorship. It has one price for the whole "
            "package and a number of seats."
        )
        if here.may("change"):
            st.button("New package", icon=":material/add:", type="primary", on_click=start_new)


def toolbar_field(name: str, value: str) -> str:
    """The key of a field that shows what the address says."""
    key = f"packages_{name}"
    st.session_state[key] = value
    return key


def switch(view: str) -> None:
    st.segmented_control(
        "View", VIEWS, key=toolbar_field("view", view), format_func=VIEWS.get, required=True,
        label_visibility="collapsed", on_change=follow, args=("view",),
    )  # fmt: skip


def filters(found: packages.Found, kind: str, search: str) -> None:
    if found.in_event > packages.PER_PAGE or search:
        st.text_input(
            "Search", key=toolbar_field("search", search), type="search", max_chars=100, width=260,
            placeholder="Name of a package", autocomplete="off", label_visibility="collapsed", on_change=follow,
            args=("search",),
        )  # fmt: skip
    st.pills(
        "Show", KINDS, key=toolbar_field("show", kind), required=True, label_visibility="collapsed",
        wrap=True, format_func=lambda each: f"{KINDS[each]} {found.by_kind[each]:,}", on_change=follow, args=("show",),
    )  # fmt: skip


def cards(found: packages.Found, pictures: dict[uuid.UUID, images.Picture]) -> None:
    with st.container(key="package_cards"):
        for package in found.packages:
            with st.container(border=True, gap=None, key=f"card_{package.id}"):
                package_cards.show(package, pictures.get(package.id))
                if here.may("change"):
                    toggle = "Disable" if package.is_enabled else "Enable"
                    entries = ["Edit", "Options", "Copy", "History", toggle, "Delete"]
                    st.menu_button(
                        f"Actions for {text.md(package.name)}", entries,
                        key=f"menu_{package.id}", type="tertiary", icon=":material/more_horiz:", on_click=choose,
                        args=(package.id, package.name),
                    )  # fmt: skip


def none_found(kind: str, search: str) -> None:
    with st.container(border=True):
        like = f" has “{text.md(search)}” in its name." if search else " here."
        st.markdown(NONE_FOUND[kind] + like)
        st.button("Show all packages", on_click=show_all)


def look_for(s: db.Session, kind: str, search: str) -> packages.Found:
    """The page that is open, or the first when that is gone."""
    page = int(st.session_state.get(PAGE, 1))
    found = packages.look_for(s, here.actor, event.id, kind=kind, search=search, page=page)
    if not found.packages and page > 1:
        st.session_state[PAGE] = 1
        found = packages.look_for(s, here.actor, event.id, kind=kind, search=search)
    return found


view = asked("view", VIEWS) if here.may("change") else "cards"
kind, search = asked("show", KINDS), st.query_params.get("search", "")[:100]
with db.reading() as s:
    if view == "cards":
        found = look_for(s, kind, search)
        pictures = images.by_package(s, found.packages)
        in_event = found.in_event
    else:
        in_event = len(packages.names(s, here.actor, event.id))

actions = show_header("Packages", event, text.count(in_event, "package"))
if in_event and here.may("change"):
    actions.button("New package", icon=":material/add:", type="primary", on_click=start_new)
if not in_event:
    nothing_to_sell()
else:
    if in_event > 1 or view != "cards" or kind != "all":
        with st.container(horizontal=True, vertical_alignment="center", key="package_tools"):
            if here.may("change"):
                switch(view)
            if view == "cards":
                filters(found, kind, search)
    if view == "arrange":
        reorder.show(here, event)
    elif view == "table":
        bulk_table.show(here, event)
    elif found.packages:
        cards(found, pictures)
        paging.show(PAGE, found.by_kind[kind], packages.PER_PAGE)
    else:
        none_found(kind, search)
undo.show(here, event.id)

forms.show_dialog("package", "New package", "Edit package", package_form, event.time_zone, width="medium")
forms.show_dialog("package_deletion", "Delete package", "Delete package", deletion, event.time_zone)
history.show(here, event)
