"""Saved choices of columns: whose they are, what replaces them, and columns that a file no longer has."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import make
from tests.support.credentials import count_rows
from tests.support.database_state import get_audit_changes
from ticketing import db
from ticketing.actors import OPERATOR
from ticketing.errors import InvalidInput, NotAllowed, NotFound
from ticketing.models import AuditEntry, FilePreset
from ticketing.reporting import csv_export, file_presets
from ticketing.reporting.file_presets import PresetDraft


def list_columns(event, kind="guests"):
    with db.read_session() as session:
        return csv_export.list_columns(session, OPERATOR, event.id, kind)


def save(actor, event, name="Seating", columns=("guest_name", "package"), *, for_event=False, kind="guests"):
    draft = PresetDraft(name=name, kind=kind, columns=columns)
    available = {each.name: each for each in list_columns(event, kind)}
    return db.write(lambda s: file_presets.save(s, actor, event.id, draft, available, for_event=for_event))


def list_names(actor, event):
    with db.read_session() as session:
        return [each.name for each in file_presets.list_presets(session, actor, event.id)]


def delete(actor, event, preset):
    db.write(lambda s: file_presets.delete(s, actor, event.id, preset.id))


@pytest.fixture
def coordinator(event):
    return make.staff("coordinator", event)


@pytest.fixture
def viewer(event):
    return make.staff("viewer", event)


def test_own_choice_is_there_in_every_event_and_for_nobody_else(event, coordinator, viewer):
    other = make.event()
    make.assign(viewer, other)
    save(viewer, event, "seating")
    save(viewer, event, "Bar")
    assert list_names(viewer, event) == list_names(viewer, other) == ["Bar", "seating"]
    assert list_names(coordinator, event) == []
    assert count_rows(AuditEntry, action="file_preset.saved", staff_id=viewer.staff_id) == 0


def test_choice_of_the_event_is_for_all_who_see_it_and_is_audited(event, coordinator, viewer):
    other = make.event()
    make.assign(viewer, other)
    preset = save(coordinator, event, for_event=True)
    assert list_names(viewer, event) == ["Seating"]
    assert list_names(viewer, other) == []
    columns = ["guest_name", "package"]
    assert get_audit_changes(preset.id, "file_preset.saved") == {"kind": (None, "guests"), "columns": (None, columns)}
    delete(coordinator, event, preset)
    assert list_names(viewer, event) == []
    assert get_audit_changes(preset.id, "file_preset.deleted") == {
        "kind": ("guests", None),
        "columns": (columns, None),
    }


def test_viewer_changes_no_choice_of_the_event(event, coordinator, viewer):
    preset = save(coordinator, event, for_event=True)
    with pytest.raises(NotAllowed):
        save(viewer, event, for_event=True)
    with pytest.raises(NotAllowed):
        delete(viewer, event, preset)
    assert list_names(viewer, event) == ["Seating"]


def test_nobody_deletes_the_choice_of_somebody_else(event, coordinator, viewer):
    preset = save(viewer, event)
    with pytest.raises(NotFound):
        delete(coordinator, event, preset)
    elsewhere = save(OPERATOR, make.event(), for_event=True)
    with pytest.raises(NotFound):
        delete(coordinator, event, elsewhere)
    delete(viewer, event, preset)
    assert list_names(viewer, event) == []


def test_same_name_replaces_and_both_owners_can_have_it(event, coordinator):
    first = save(coordinator, event)
    shared = save(coordinator, event, for_event=True)
    again = save(coordinator, event, columns=["total"], kind="purchases")
    assert (again.id, again.kind, again.columns) == (first.id, "purchases", ["total"])
    assert shared.id != first.id
    assert list_names(coordinator, event) == ["Seating", "Seating"]


def test_operator_has_no_choice_of_their_own(event):
    with pytest.raises(NotAllowed):
        save(OPERATOR, event)


@pytest.mark.parametrize("name", ["", " ", "x" * 101])
def test_name_is_required_and_short(event, name):
    with pytest.raises(ValueError, match="name"):
        PresetDraft(name=name, kind="guests", columns=("total",))


@pytest.mark.parametrize("name", ["Door list", "FINANCE"])
def test_name_of_a_choice_that_comes_along_is_refused(event, viewer, name):
    with pytest.raises(InvalidInput) as refused:
        save(viewer, event, name)
    assert refused.value.fields == {"name": f"“{name}” comes along. Choose another name."}


def test_limit(event, viewer, coordinator, monkeypatch):
    monkeypatch.setattr(file_presets, "MAX_PRESETS", 2)
    save(viewer, event, "A")
    save(viewer, event, "B")
    with pytest.raises(InvalidInput) as refused:
        save(viewer, event, "C")
    assert refused.value.fields == {"name": file_presets.TOO_MANY}
    save(viewer, event, "B", ["total"])
    save(coordinator, event, "C")
    assert list_names(viewer, event) == ["A", "B"]


def test_two_at_once_save_one_choice(event, coordinator):
    together = threading.Barrier(8)

    def save_at_once(_):
        together.wait(10)
        return save(coordinator, event, for_event=True).id

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(save_at_once, range(8)))) == 1
    assert count_rows(FilePreset, event_id=event.id) == 1


def test_question_is_found_by_its_label_in_another_event_and_missing_ones_are_named(event, viewer):
    other = make.event()
    asked, gone = (make.option(make.package(event), label=label) for label in ("Menu", "Shirt size"))
    again = make.option(make.package(other), label="Menu")
    names = [f"question-{gone.id}", "total", f"question-{asked.id}"]
    preset = save(viewer, event, columns=names)
    assert preset.columns == ["question: Shirt size", "total", "question: Menu"]
    assert file_presets.apply(preset.columns, list_columns(event)) == (names, [])
    assert file_presets.apply(preset.columns, list_columns(other)) == (
        ["total", f"question-{again.id}"],
        ["Shirt size"],
    )
    assert file_presets.apply(["seat_number"], list_columns(event, "purchases")) == ([], ["seat_number"])
