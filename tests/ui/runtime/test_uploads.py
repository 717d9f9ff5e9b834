"""Uploaders of a page: files that no uploader holds any more are freed, and the permission to upload ends."""

from __future__ import annotations

import pytest
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.testing.v1 import AppTest

from ui.runtime import uploads


def page() -> None:
    import streamlit as st

    from ui.runtime import uploads

    with uploads.track_run():
        end = st.selectbox("End", ["normally", "by st.stop", "by st.rerun", "by an error"])
        if st.checkbox("Form is open", value=True):
            uploads.render_uploader("Picture", types=["jpg"], key=f"upload_{st.number_input('Number', 0)}")
        if end == "by st.stop":
            st.stop()
        if end == "by st.rerun" and st.session_state.setdefault("is_first", True):
            st.session_state.is_first = False
            st.rerun()
        if end == "by an error":
            raise ValueError


@pytest.fixture
def freed(monkeypatch) -> list[str]:
    """List what Streamlit is asked to free; AppTest adds the files of its uploaders anew in each run."""
    calls: list[str] = []
    remove_file, remove_all = MemoryUploadedFileManager.remove_file, MemoryUploadedFileManager.remove_session_files

    def note_file(self: MemoryUploadedFileManager, session_id: str, file_id: str) -> None:
        calls.append(self.get_files(session_id, [file_id])[0].name if self.get_files(session_id, [file_id]) else "gone")
        remove_file(self, session_id, file_id)

    def note_all(self: MemoryUploadedFileManager, session_id: str) -> None:
        calls.append("all")
        remove_all(self, session_id)

    monkeypatch.setattr(MemoryUploadedFileManager, "remove_file", note_file)
    monkeypatch.setattr(MemoryUploadedFileManager, "remove_session_files", note_all)
    return calls


@pytest.fixture
def screen(freed, monkeypatch) -> AppTest:
    monkeypatch.setattr(uploads, "_sessions", {})
    opened = AppTest.from_function(page, default_timeout=30)
    opened.user = {"session_id": "sign-in session"}
    opened.run()
    opened.file_uploader[0].upload("table.jpg", b"x").run()
    assert (freed, find_uploaders()) == ([], ["sign-in session"])
    return opened


def find_uploaders() -> list[str]:
    return [each for each in map(uploads.find_uploader, uploads._sessions) if each is not None]


def test_file_is_kept_while_its_uploader_holds_it(screen, freed):
    screen.run()
    assert (freed, find_uploaders()) == ([], ["sign-in session"])


def test_file_of_a_replaced_uploader_is_freed(screen, freed):
    screen.number_input[0].set_value(1).run()
    assert (len(freed), "all" in freed, find_uploaders()) == (1, False, ["sign-in session"])
    screen.run()
    assert len(freed) == 1


def test_page_without_uploader_frees_all_files_and_may_not_upload(screen, freed):
    screen.checkbox[0].uncheck().run()
    assert (freed[0], find_uploaders()) == ("all", [])


@pytest.mark.parametrize(("end", "is_freed"), [("by st.stop", False), ("by st.rerun", True), ("by an error", True)])
def test_run_that_may_have_been_cut_short_frees_nothing(screen, freed, end, is_freed):
    """A script is stopped in the same way when its tab loses the connection, and the page continues afterwards."""
    screen.selectbox[0].select(end)
    screen.checkbox[0].uncheck().run()
    assert (freed[:1] == ["all"], find_uploaders()) == (is_freed, [])
