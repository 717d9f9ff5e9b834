"""What an event sells: cards to look at, one form to make and change them."""

import uuid

import streamlit as st

from ticketing import db, money, packages
from ticketing.fields import validated
from ui import forms, menu, paging, session, text
from ui.header import show_header

here, event = session.require_event()
EMPTY = {
    "name": "", "price": "", "seats_per_package": 1, "description": "", "quantity_limit": None,
    "is_sponsorship": False, "is_enabled": True,
}  # fmt: skip


def start_new() -> None:
    forms.open_form("package", None, 0, EMPTY)


def choose(package_id: uuid.UUID, name: str) -> None:
    """What was picked in a card's menu."""
    match st.session_state[f"menu_{package_id}"]:
        case "Edit":
            start_edit(package_id)
        case "Options":
            st.session_state.options_package = package_id
            menu.go("options")
        case "Delete":
            forms.open_form("package_deletion", package_id, 0, {"name": name})
        case picked:
            enabled = picked == "Enable"
            done = f"{name} is on sale." if enabled else f"{name} is disabled: no longer for sale."
            forms.attempt(lambda s: packages.set_enabled(s, here.actor, event.id, package_id, enabled=enabled), done)


def start_edit(package_id: uuid.UUID) -> None:
    with db.reading() as s:
        package = packages.get(s, here.actor, event.id, package_id)
    values = {name: getattr(package, name) for name in EMPTY} | {"price": money.plain(package.price)}
    forms.open_form("package", package.id, package.version, values)
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
    if form.id is None:
        forms.submit(
            form,
            lambda s: packages.create(s, here.actor, event.id, validated(packages.PackageDraft, form.typed())),
            lambda package: f"{package.name} is made.",
        )
    else:
        forms.submit(
            form,
            lambda s: packages.change(s, here.actor, event.id, form.id, form.changed(), seen_version=form.version),
            lambda package: f"{package.name} is saved.",
        )


def delete() -> None:
    form = forms.opened("package_deletion")
    forms.submit(
        form,
        lambda s: packages.delete(s, here.actor, event.id, form.id),
        f"{form.values['name']} is deleted.",
    )


def package_form(form: forms.Opened) -> None:
    with st.form("package_form", border=False, enter_to_submit=False):
        st.text_input("Name", key=form.key("name"), placeholder="Table of Ten")
        forms.show_problem(form.problems, "name")
        st.text_input("Price of the whole package, in US dollars", key=form.key("price"), placeholder="2500.00")
        forms.show_problem(form.problems, "price")
        st.number_input("Seats in one package", 1, 100, key=form.key("seats_per_package"))
        forms.show_problem(form.problems, "seats_per_package")
        st.text_area("Description", key=form.key("description"), placeholder="What the donor gets", height=90)
        forms.show_problem(form.problems, "description")
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
    forms.show_deletion(form, f"{name} and its options are gone for good. Nobody has bought it.", delete)


def card(package) -> None:
    with st.container(border=True, height="stretch", gap="small", key=f"card_{package.id}"):
        with st.container(horizontal=True, vertical_alignment="top", wrap=False):
            with st.container(gap="xsmall"):
                st.subheader(text.md(package.name), anchor=False)
                badges(package)
                st.markdown(f"{text.dollars(package.price)} · {text.count(package.seats_per_package, 'seat')}")
            if here.may("change"):
                toggle = "Disable" if package.is_enabled else "Enable"
                st.menu_button(
                    "Actions", ["Edit", "Options", toggle, "Delete"], key=f"menu_{package.id}", type="tertiary",
                    on_click=choose, args=(package.id, package.name),
                )  # fmt: skip
        st.markdown(text.md(shortened(package.description)))
        if package.quantity_limit is None:
            st.markdown(f":gray[{package.sold_count:,} sold · unlimited]")
        else:
            left = "none left" if package.is_sold_out else f"{package.available:,} left"
            told = f"{package.sold_count:,} of {package.quantity_limit:,} sold · {left}"
            with st.container(key=f"{'full' if package.is_sold_out else 'part'}_bar_{package.id}"):
                st.progress(package.sold_count / package.quantity_limit, text=told)


def badges(package) -> None:
    shown = [
        (package.is_sponsorship, "Sponsorship", ":material/workspace_premium:", "orange"),
        (package.is_sold_out, "Sold out", ":material/block:", "red"),
        (not package.is_enabled, "Disabled", ":material/pause_circle:", "gray"),
    ]
    if any(shown_now for shown_now, *_ in shown):
        with st.container(horizontal=True, gap="xsmall"):
            for shown_now, label, icon, color in shown:
                if shown_now:
                    st.badge(label, icon=icon, color=color)


def shortened(description: str) -> str:
    """Two lines of a card."""
    return description if len(description) <= 90 else description[:89].rstrip() + "…"


with db.reading() as s:
    rows, total = paging.load("packages_page", lambda page: packages.list_page(s, here.actor, event.id, page=page))

actions = show_header("Packages", event, text.count(total, "package"))
if here.may("change"):
    actions.button("New package", icon=":material/add:", type="primary", on_click=start_new)

if total == 0:
    with st.container(border=True):
        st.subheader("Nothing to sell yet", anchor=False)
        st.markdown(
            "A package is what a donor buys: a ticket, a table of ten, a sponsorship. It has one price for the whole "
            "package and a number of seats."
        )

for left in range(0, len(rows), 2):
    for column, package in zip(st.columns(2), rows[left : left + 2], strict=False):
        with column:
            card(package)

paging.show("packages_page", total, packages.PER_PAGE)

forms.show_dialog("package", "New package", "Edit package", package_form, event.time_zone)
forms.show_dialog("package_deletion", "Delete package", "Delete package", deletion, event.time_zone)
