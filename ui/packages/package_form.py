"""The form of a package: create, copy, edit, take off sale and delete it, each with what undoes it."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

import streamlit as st

from ticketing import db, money
from ticketing.catalog import copying, images, packages
from ticketing.catalog.events import Event
from ticketing.catalog.packages import Package
from ticketing.errors import NotFound, TicketingError
from ticketing.validation import validate
from ui import text
from ui.packages import image_field
from ui.session import PageContext
from ui.widgets import forms, undo

KINDS = ("package", "package_deletion")
PAGE_KEY = "packages_page"  # the page of the list that is shown
NEW_PACKAGE_VALUES = {
    "name": "",
    "price": "",
    "seats_per_package": 1,
    "description": "",
    "quantity_limit": None,
    "is_sponsorship": False,
    "is_enabled": True,
}
LIMIT_HELP = "How many packages can be sold, not seats. It cannot go below what is sold."
SPONSORSHIP_HELP = "Marks it for staff and in reports. Price and seats work the same."


def start_new() -> None:
    forms.open_form("package", None, 0, NEW_PACKAGE_VALUES | image_field.EMPTY_VALUES, image_field.to_widget_value)


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
    new_state = "on sale" if enabled else "off sale"
    if version is None:
        forms.add_message(f"{name} was {new_state} already.")
    else:
        _offer_undo(context, event, package_id, version, {"is_enabled": not enabled}, f"{name} is {new_state}.")


def _offer_undo(
    context: PageContext,
    event: Event,
    package_id: uuid.UUID,
    version: int,
    old: dict[str, Any],
    sentence: str,
    former: image_field.FormerImage | None = None,
) -> None:
    """Offer to give a package the values `old` and the image again that it had before `version`."""

    def work(s: db.Session) -> None:
        packages.update(s, context.actor, event.id, package_id, old, seen_version=version)
        if former is not None:
            image_field.restore(s, context, event.id, package_id, former)

    undo.offer(sentence, work)


def start_copy(context: PageContext, event: Event, package_id: uuid.UUID) -> None:
    """Open the form of a new package with the values of another one. Nothing is created before it is saved."""
    try:
        with db.read_session() as s:
            original = packages.get(s, context.actor, event.id, package_id)
            image = images.find_by_package(s, [original]).get(original.id)
            name = copying.find_copy_name(s, context.actor, event.id, original.name)
    except TicketingError as refused:
        forms.add_message(str(refused), icon=":material/error:")
        return
    values = _get_form_values(original, image) | {"name": name, "is_enabled": False}
    forms.open_form("package", None, 0, values, image_field.to_widget_value)
    form = forms.get_form("package")
    image_field.start_copy(form, package_id, image)
    form.notes = (
        f"A copy of {original.name}, with its questions. It is created when you save it, at the end of the list, and "
        "off sale until you turn On sale on."
    )


def _get_form_values(package: Package, image: images.PackageImage | None) -> dict[str, Any]:
    values = {name: getattr(package, name) for name in NEW_PACKAGE_VALUES}
    return values | {"price": money.format_plain(package.price)} | image_field.get_form_values(package, image)


def start_edit(context: PageContext, event: Event, package_id: uuid.UUID) -> None:
    try:
        with db.read_session() as s:
            package = packages.get(s, context.actor, event.id, package_id)
            image = images.find_by_package(s, [package]).get(package.id)
    except TicketingError as refused:
        forms.add_message(str(refused), icon=":material/error:")
        return
    values = _get_form_values(package, image)
    forms.open_form("package", package.id, package.version, values, image_field.to_widget_value)
    forms.get_form("package").read_notes = partial(_read_sold_warning, context, event, package_id)


def _read_sold_warning(context: PageContext, event: Event, package_id: uuid.UUID) -> str:
    """Return what a change affects once packages are sold, with the number that is sold now."""
    with db.read_session() as s:
        sold = packages.get(s, context.actor, event.id, package_id).sold_count
    if not sold:
        return ""
    return (
        f"{sold:,} already sold. Changes to price or seats only affect new sales; the name and description change "
        f"everywhere. The limit cannot go below {sold:,}."
    )


def _save(context: PageContext, event: Event, form: forms.FormState) -> None:
    before: dict[str, Any] = {}
    former: image_field.FormerImage | None = None

    def work(s: db.Session) -> Package:
        nonlocal former
        if form.id is not None:
            former = image_field.find_former_image(s, context, event.id, form)
            before.update(undo.take_snapshot(packages.get(s, context.actor, event.id, form.id), NEW_PACKAGE_VALUES))
            changed = forms.mark_amount(form.changed_values(), "price")
            package = packages.update(s, context.actor, event.id, form.id, changed, seen_version=form.version)
        else:
            package = _create(s, context, event, form)
        image_field.save(s, context, event.id, form, package)
        return package

    if form.id is None:
        if forms.submit(
            form, work, lambda package: f"{package.name} created.", shown_as=lambda package: f"card_{package.id}"
        ):
            _show_last_card(context, event)
        return
    saved: Package | None = forms.submit(form, work)
    if saved is None:
        return
    old = undo.list_old_values(before, saved)
    if old or former is not None:
        _offer_undo(context, event, saved.id, saved.version, old, f"{saved.name} saved.", former)
    else:
        forms.add_message("Nothing was changed.")


def _show_last_card(context: PageContext, event: Event) -> None:
    """Show the page of all cards on which a new package is: the last one."""
    for name in ("view", "show", "search"):
        st.query_params.pop(name, None)
    with db.read_session() as s:
        total = len(packages.list_names(s, context.actor, event.id))
    st.session_state[PAGE_KEY] = -(-total // packages.PER_PAGE)


def _create(s: db.Session, context: PageContext, event: Event, form: forms.FormState) -> Package:
    """Create the package of the form, with what else its original has when it is a copy."""
    draft = validate(packages.PackageDraft, forms.mark_amount(form.typed(), "price"))
    original_id = image_field.find_original(form)
    if original_id is None:
        return packages.create(s, context.actor, event.id, draft)
    return copying.copy_package(s, context.actor, event.id, original_id, draft)


def _render_package_form(context: PageContext, event: Event, form: forms.FormState) -> None:
    image_field.render(context, event.id, form)
    with st.form("package_form", border=False):
        forms.render_required_note()
        image_field.render_alt_field(form)
        st.text_input("Name", key=form.key("name"), placeholder="Table of Ten")
        forms.render_problem(form, "name")
        st.text_area("Description", key=form.key("description"), placeholder="What the donor gets", height=90)
        forms.render_problem(form, "description")
        _render_numbers(form)
        st.toggle("This is a sponsorship", key=form.key("is_sponsorship"), help=SPONSORSHIP_HELP)
        st.toggle("On sale", key=form.key("is_enabled"), help="Off sale, only staff see it. What is sold stays sold.")
        label = "Create package" if form.id is None else "Save package"
        forms.render_submit(label, form, lambda: _save(context, event, form), start_new)


def _render_numbers(form: forms.FormState) -> None:
    price, seats, limit = st.container(key="package_numbers").columns(3)
    with price:
        st.text_input("Price", key=form.key("price"), placeholder="2,500.00", icon=":material/attach_money:")
        forms.render_hint("for the whole package")
        forms.render_problem(form, "price")
    with seats:
        seats_help = "Each seat gets a ticket code, and a guest can be named for it."
        st.number_input("Seats in one package", 1, 100, key=form.key("seats_per_package"), help=seats_help)
        forms.render_problem(form, "seats_per_package")
    with limit:
        key, placeholder = form.key("quantity_limit"), "Unlimited"
        st.number_input("Limit (optional)", 1, 10_000, None, key=key, placeholder=placeholder, help=LIMIT_HELP)
        forms.render_problem(form, "quantity_limit")


def _render_deletion_form(context: PageContext, event: Event, form: forms.FormState) -> None:
    """Ask for confirmation, or offer to take a package with purchases off sale, as they are now."""
    assert form.id is not None
    try:
        with db.read_session() as s:
            package = packages.get(s, context.actor, event.id, form.id)
            purchases = packages.count_purchases(s, context.actor, event.id, form.id)
    except NotFound as gone:
        forms.render_close(form, "" if form.refusal else str(gone))
        return
    name = text.escape_markdown(package.name)
    if not purchases:
        sentence = f"Nobody has bought {name}. This permanently deletes it with its options and picture."
        delete = partial(packages.delete, actor=context.actor, event_id=event.id, package_id=package.id)
        forms.render_deletion(form, sentence, partial(forms.submit, form, delete, f"{package.name} deleted."))
        return
    sentence = f"{name} has {text.format_count(purchases, 'purchase')}, so it stays in the records."
    if package.is_enabled:
        sentence += " Take it off sale instead: nobody can buy it, and what is sold stays sold."
    set_off_sale = partial(set_enabled, context, event, package.id, package.name, enabled=False)
    label = "Take off sale" if package.is_enabled else ""
    forms.render_alternative(form, sentence, label, ":material/pause_circle:", set_off_sale)


def render_dialogs(context: PageContext, event: Event) -> None:
    """Render the form or the confirmation that is open."""
    zone = event.time_zone
    forms.render_dialog(
        "package",
        "New package",
        "Edit package",
        lambda form: _render_package_form(context, event, form),
        zone,
        drafts=f"{context.actor.staff_id}:{event.id}",
        **forms.SHEET,
    )
    forms.render_dialog(
        "package_deletion",
        "Delete package",
        "Delete package",
        lambda form: _render_deletion_form(context, event, form),
        zone,
    )
