"""The image field of a package's form: upload, preview as on the card, replace, remove, alternative text.

A file is validated and re-encoded as soon as it is uploaded, and stored when the form is saved. The form's value
`image` is the SHA-256 of the stored or uploaded image, or None.
"""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass

import streamlit as st

from ticketing import db
from ticketing.catalog import images, packages
from ticketing.catalog.image_files import PreparedImage
from ticketing.catalog.images import PackageImage
from ticketing.errors import TicketingError
from ticketing.models import Package
from ui.packages import rows
from ui.runtime import uploads
from ui.session import PageContext
from ui.widgets import forms
from ui.widgets.forms import FormState

EMPTY_VALUES = {"image": None, "image_alt": ""}
FILE_EXTENSIONS = ("jpg", "jpeg", "png", "webp")
MAX_MEGABYTES = 5


@dataclass
class ImageFieldState:
    """The stored image, the uploaded one that will replace it, and the state of the upload.

    `copied_from` is the package that a new one copies, whose image it has at first.
    """

    copied_from: uuid.UUID | None = None
    stored: PackageImage | None = None
    prepared: PreparedImage | None = None
    problem: str = ""
    is_confirming_removal: bool = False
    upload_count: int = 0


@dataclass(frozen=True)
class FormerImage:
    """What a package showed before its form was saved. The database deletes an image that no package uses."""

    image: PreparedImage | None
    alt: str | None


def get_form_values(package: Package, stored: PackageImage | None) -> dict[str, str | None]:
    """Return the form's values that concern the image."""
    return {"image": stored.sha256 if stored else None, "image_alt": package.image_alt or ""}


def start_copy(form: FormState, package_id: uuid.UUID, stored: PackageImage | None) -> None:
    """Begin the form of a copy with the image of its original."""
    chosen = _get_state(form)
    chosen.copied_from, chosen.stored = package_id, stored


def find_original(form: FormState) -> uuid.UUID | None:
    """Return the package that the form copies, if any."""
    return _get_state(form).copied_from


def to_widget_value(name: str, stored: object) -> object:
    return "" if name == "image_alt" and stored is None else stored


def has_image(form: FormState) -> bool:
    """Return whether the package will have an image when the form is saved."""
    return form.typed()["image"] is not None


def render(context: PageContext, event_id: uuid.UUID, form: FormState) -> None:
    """Render the preview and its controls, outside of st.form so that an upload shows before the form is submitted."""
    chosen = _get_state(form)
    _refresh_stored_image(context, event_id, form, chosen)
    with st.container(horizontal=True, wrap=False, key="package_picture"):
        st.html(_build_preview_html(form, chosen), width="content")
        with st.container(gap="small"):
            _render_controls(form, chosen)


def render_alt_field(form: FormState) -> None:
    """Render the alternative text, inside of st.form, with a hint when it was written for the former image."""
    if not has_image(form):
        return
    st.text_input(
        "Picture description for screen readers (optional)",
        key=form.key("image_alt"),
        max_chars=200,
        placeholder="A round table set for ten",
    )
    forms.render_problem(form, "alt", "image_alt")
    if form.values["image"] and form.values["image_alt"] and form.typed()["image"] != form.values["image"]:
        forms.render_hint("This description was written for the former picture. Change it if it no longer fits.")


def save(session: db.Session, context: PageContext, event_id: uuid.UUID, form: FormState, package: Package) -> None:
    """Save the changes of the image in the transaction that saves the rest of the form."""
    typed, changed = form.typed(), form.changed_values()
    if "image" in changed and typed["image"] is None:
        images.remove_image(session, context.actor, event_id, package.id)
    elif "image" in changed:
        prepared = _get_state(form).prepared
        assert prepared is not None  # only an upload sets the form's image
        images.set_image(session, context.actor, event_id, package.id, prepared, typed["image_alt"])
    elif "image_alt" in changed and typed["image"] is not None:
        images.set_alt(session, context.actor, event_id, package.id, typed["image_alt"])


def find_former_image(
    session: db.Session, context: PageContext, event_id: uuid.UUID, form: FormState
) -> FormerImage | None:
    """Return the image that saving the form will replace or remove, or the text that it will change; else None."""
    if form.id is None or not EMPTY_VALUES.keys() & form.changed_values().keys():
        return None
    alt = packages.get(session, context.actor, event_id, form.id).image_alt
    return FormerImage(images.find_prepared(session, context.actor, event_id, form.id), alt)


def restore(
    session: db.Session, context: PageContext, event_id: uuid.UUID, package_id: uuid.UUID, former: FormerImage
) -> None:
    """Set the image again that a package had before a form was saved."""
    if former.image is None:
        images.remove_image(session, context.actor, event_id, package_id)
    else:
        images.set_image(session, context.actor, event_id, package_id, former.image, former.alt)


def _get_state(form: FormState) -> ImageFieldState:
    return forms.get_page_state(form, ImageFieldState)


def _refresh_stored_image(context: PageContext, event_id: uuid.UUID, form: FormState, chosen: ImageFieldState) -> None:
    """Load the stored image once, and again when a colleague's image was merged into the form."""
    named = form.values["image"]
    if named is None or (chosen.stored and chosen.stored.sha256 == named):
        return
    assert form.id is not None  # a new package has no stored image
    with db.read_session() as session:
        package = packages.get(session, context.actor, event_id, form.id)
        chosen.stored = images.find_by_package(session, [package]).get(package.id)


def _build_preview_html(form: FormState, chosen: ImageFieldState) -> str:
    """Return the image as the card will show it."""
    named, prepared, stored = form.typed()["image"], chosen.prepared, chosen.stored
    if prepared is not None and named == prepared.sha256.hex():
        content = base64.b64encode(prepared.thumbnail).decode()
        address = f"data:{prepared.media_type};base64,{content}"
        return rows.build_image_html(address, "The chosen picture", prepared.width, prepared.height)
    return rows.build_thumbnail_html(bool(form.typed()["is_sponsorship"]), stored if named else None)


def _render_controls(form: FormState, chosen: ImageFieldState) -> None:
    named = form.typed()["image"]
    if chosen.is_confirming_removal:
        st.markdown("Remove this picture when you save the package?")
        with st.container(horizontal=True):
            key = f"destroy_picture_{form.form_id}"
            st.button("Remove", key=key, type="primary", on_click=_remove, args=(form,))
            st.button(
                "Keep picture", key=form.key("keep_picture"), on_click=_set_confirming_removal, args=(form, False)
            )
        return
    _render_uploader(form, chosen, "Picture (optional)" if named is None else "Another picture")
    forms.render_problem({"image": chosen.problem}, "image")
    if named is not None and named == form.values["image"]:
        st.button("Remove picture", icon=":material/delete:", on_click=_set_confirming_removal, args=(form, True))
    elif named != form.values["image"]:
        done = "The picture is removed" if named is None else "The new picture is kept"
        with st.container(horizontal=True, vertical_alignment="center"):
            forms.render_hint(f"{done} when you save the package.")
            st.button("Undo", key=form.key("revert_picture"), icon=":material/undo:", on_click=_revert, args=(form,))


def _render_uploader(form: FormState, chosen: ImageFieldState, label: str) -> None:
    """Take a file, keep the re-encoded image or the problem in the form, and discard the file."""
    file = uploads.render_uploader(
        label, types=FILE_EXTENSIONS, max_megabytes=MAX_MEGABYTES, key=form.key(f"upload_{chosen.upload_count}")
    )
    if file is None:
        return
    with st.spinner("Checking the picture"):
        try:
            prepared = images.prepare(file.getvalue())
        except TicketingError as refused:
            chosen.problem = str(refused)
        else:
            chosen.prepared, chosen.problem = prepared, ""
            st.session_state[form.key("image")] = prepared.sha256.hex()
    chosen.upload_count += 1
    uploads.discard_upload(file.file_id)
    st.rerun()


def _set_confirming_removal(form: FormState, is_asking: bool) -> None:
    _get_state(form).is_confirming_removal = is_asking


def _remove(form: FormState) -> None:
    chosen = _get_state(form)
    chosen.is_confirming_removal, chosen.problem = False, ""
    st.session_state[form.key("image")] = None


def _revert(form: FormState) -> None:
    chosen = _get_state(form)
    chosen.prepared, chosen.problem = None, ""
    st.session_state[form.key("image")] = form.values["image"]
