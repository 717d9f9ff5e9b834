"""The picture in a package's form: chosen, seen as its card will show it, replaced, removed, put into words.

A file is judged and drawn anew as soon as it is there; what comes out waits in the form until the package is saved.
The form's value `image` is the picture that it stands for: the one stored, the one chosen, or none.
"""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ticketing import db
from ticketing.catalog import images, packages
from ticketing.catalog.image_files import Prepared
from ticketing.catalog.images import Picture
from ticketing.errors import TicketingError
from ticketing.models import Package
from ui.packages import cards
from ui.session import Here
from ui.widgets import forms
from ui.widgets.forms import Opened

FIELDS = {"image": None, "image_alt": ""}
TYPES = ("jpg", "jpeg", "png", "webp")
MOST_MEGABYTES = 5


@dataclass
class Chosen:
    """What a form knows of its picture: the stored one, the one chosen in its place, and how the choosing stands."""

    stored: Picture | None = None
    prepared: Prepared | None = None
    problem: str = ""
    is_asking: bool = False
    uploads: int = 0


def values(package: Package, stored: Picture | None) -> dict[str, str | None]:
    """The form's values that are about the picture."""
    return {"image": stored.sha256 if stored else None, "image_alt": package.image_alt or ""}


def as_typed(name: str, stored: object) -> object:
    return "" if name == "image_alt" and stored is None else stored


def is_there(form: Opened) -> bool:
    """Whether the package will have a picture when the form is saved."""
    return form.typed()["image"] is not None


def show(here: Here, event_id: uuid.UUID, form: Opened) -> None:
    """Outside of the form's fields: a file must be seen before they are sent."""
    chosen = _chosen(form)
    _look_again(here, event_id, form, chosen)
    with st.container(horizontal=True, wrap=False, key="package_picture"):
        st.html(_preview(form, chosen), width="content")
        with st.container(gap="small"):
            _show_choice(form, chosen)


def show_words(form: Opened) -> None:
    """Among the form's fields: what the picture shows. A new picture may need other words."""
    if not is_there(form):
        return
    st.text_input(
        "What the picture shows, for people who cannot see it (optional)", key=form.key("image_alt"), max_chars=200,
        placeholder="A round table set for ten",
    )  # fmt: skip
    forms.show_problem(form.problems, "alt")
    if form.values["image"] and form.values["image_alt"] and form.typed()["image"] != form.values["image"]:
        forms.hint("These words were written for the former picture. Change them if they no longer fit.")


def save(session: db.Session, here: Here, event_id: uuid.UUID, form: Opened, package: Package) -> None:
    """What was done to the picture, in the transaction that saves the rest of the form."""
    typed, changed = form.typed(), form.changed()
    if "image" in changed and typed["image"] is None:
        images.remove_image(session, here.actor, event_id, package.id)
    elif "image" in changed:
        images.set_image(session, here.actor, event_id, package.id, form.picture.prepared, typed["image_alt"])
    elif "image_alt" in changed and typed["image"] is not None:
        images.set_alt(session, here.actor, event_id, package.id, typed["image_alt"])


def _chosen(form: Opened) -> Chosen:
    if form.picture is None:
        form.picture = Chosen()
    return form.picture


def _look_again(here: Here, event_id: uuid.UUID, form: Opened, chosen: Chosen) -> None:
    """The stored picture is read once, and again when a colleague's was taken along."""
    named = form.values["image"]
    if named is None or (chosen.stored and chosen.stored.sha256 == named):
        return
    with db.reading() as session:
        package = packages.get(session, here.actor, event_id, form.id)
        chosen.stored = images.by_package(session, [package]).get(package.id)


def _preview(form: Opened, chosen: Chosen) -> str:
    """What the card will show."""
    named, prepared, stored = form.typed()["image"], chosen.prepared, chosen.stored
    if prepared is not None and named == prepared.sha256.hex():
        content = base64.b64encode(prepared.thumbnail).decode()
        address = f"data:{prepared.media_type};base64,{content}"
        return cards.framed(address, "The chosen picture", prepared.width, prepared.height)
    return cards.shot(bool(form.typed()["is_sponsorship"]), stored if named else None)


def _show_choice(form: Opened, chosen: Chosen) -> None:
    named = form.typed()["image"]
    if chosen.is_asking:
        st.markdown("Remove this picture? It is gone for good once the package is saved.")
        with st.container(horizontal=True):
            st.button("Remove it", type="primary", on_click=_remove, args=(form,))
            st.button("Keep it", key=form.key("keep_picture"), on_click=_ask, args=(form, False))
        return
    _show_uploader(form, chosen, "Picture (optional)" if named is None else "Another picture")
    forms.show_problem({"image": chosen.problem}, "image")
    if named is not None and named == form.values["image"]:
        st.button("Remove picture", icon=":material/delete:", on_click=_ask, args=(form, True))
    elif named != form.values["image"]:
        done = "The picture is removed" if named is None else "The new picture is kept"
        with st.container(horizontal=True, vertical_alignment="center"):
            forms.hint(f"{done} when you save the package.")
            st.button("Take back", icon=":material/undo:", on_click=_take_back, args=(form,))


def _show_uploader(form: Opened, chosen: Chosen, label: str) -> None:
    """Takes a file in, and gives it up at once: what was made of it is in the form, or what is wrong with it."""
    file = st.file_uploader(label, type=TYPES, max_upload_size=MOST_MEGABYTES, key=form.key(f"upload_{chosen.uploads}"))
    if file is None:
        return
    with st.spinner("Looking at the picture"):
        try:
            prepared = images.prepare(file.getvalue())
        except TicketingError as refused:
            chosen.problem = str(refused)
        else:
            chosen.prepared, chosen.problem = prepared, ""
            st.session_state[form.key("image")] = prepared.sha256.hex()
    chosen.uploads += 1
    _forget(file.file_id)
    st.rerun()


def _forget(file_id: str) -> None:
    """Streamlit keeps an uploaded file until the tab is closed, also when its uploader is long gone."""
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, file_id)


def _ask(form: Opened, is_asking: bool) -> None:
    form.picture.is_asking = is_asking


def _remove(form: Opened) -> None:
    form.picture.is_asking = False
    form.picture.problem = ""
    st.session_state[form.key("image")] = None


def _take_back(form: Opened) -> None:
    form.picture.prepared, form.picture.problem = None, ""
    st.session_state[form.key("image")] = form.values["image"]
