"""What rerun_patch, script_run, outage and uploads use of a session and of the run of a script."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.fragment import MemoryFragmentStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.runtime import Runtime
from streamlit.runtime.scriptrunner import RerunData, RerunException, StopException, get_script_run_ctx
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_run_context import FragmentThreadState, ScriptRunContext
from streamlit.runtime.state import SafeSessionState, SessionState, SessionStateProxy
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec
from streamlit.testing.v1 import AppTest

from ui.runtime import rerun_patch

# The patches of decision 25 rest on what these methods do, so any change of their text is to be read.
SOURCES = {
    "AppSession.request_rerun": (rerun_patch._original_request_rerun, "52f29d897336"),
    "AppSession._create_scriptrunner": (rerun_patch._original_create_scriptrunner, "1529b64dc24c"),
    "AppSession._handle_scriptrunner_event_on_event_loop": (
        AppSession._handle_scriptrunner_event_on_event_loop,
        "ed8b8b01f1b6",
    ),
    "ScriptRunner.request_rerun": (ScriptRunner.request_rerun, "c55e8d7e95a8"),
    "SafeSessionState.on_script_will_rerun": (rerun_patch._original_on_script_will_rerun, "61c14e58f218"),
}


def parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize("name", SOURCES)
def test_source_is_the_one_that_was_read(name):
    function, digest = SOURCES[name]
    assert hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:12] == digest


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (rerun_patch._original_request_rerun, ["self", "client_state"]),
        (rerun_patch._original_create_scriptrunner, ["self", "initial_rerun_data"]),
        (ScriptRunner.request_rerun, ["self", "rerun_data"]),
        (get_script_run_ctx, ["suppress_warning"]),
        (MemoryFragmentStorage.resolve_target, ["self", "target"]),
        (MemoryUploadedFileManager.remove_file, ["self", "session_id", "file_id"]),
        (MemoryUploadedFileManager.remove_session_files, ["self", "session_id"]),
        (Runtime.is_active_session, ["self", "session_id"]),
        (Runtime.get_app_session, ["self", "session_id"]),
        (RerunException.__init__, ["self", "rerun_data"]),
        (Runtime.handle_backmsg, ["self", "session_id", "msg", "client"]),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_parameters(function, expected):
    assert parameters(function) == expected


def test_run_that_has_a_newer_request_ends_before_its_callbacks_without_the_patch():
    """The click of the run would be lost with its callback. Without the first error the patch is no longer needed."""

    class Ended(BaseException):
        pass

    def end_run():
        raise Ended

    state = SafeSessionState(SessionState(), end_run)
    with pytest.raises(Ended):
        rerun_patch._original_on_script_will_rerun(state, None)
    rerun_patch._on_script_will_rerun(state, None)


def test_copy_of_the_state_is_read_without_ending_a_run():
    """A run ends at an access of the state when another click waits; the till reads a copy instead (decision 34)."""
    ended = []
    state = SafeSessionState(SessionState(), lambda: ended.append("run"))
    state["name"] = "Zoë"
    ended.clear()
    assert (state.filtered_state, ended) == ({"name": "Zoë"}, [])
    assert "filtered_state" in inspect.getsource(SessionStateProxy.to_dict)
    assert (state["name"], ended) == ("Zoë", ["run"])


@pytest.mark.parametrize("attribute", ["id", "_scriptrunner", "_state", "_event_loop", "_client_state"])
def test_attribute_of_app_session(attribute):
    assert f"self.{attribute}" in inspect.getsource(AppSession.__init__)


def test_state_of_a_session_that_ends():
    assert AppSessionState.SHUTDOWN_REQUESTED


def test_tick_is_recognized_by_its_client_state():
    assert {"is_auto_rerun", "fragment_id"} <= set(ClientState.DESCRIPTOR.fields_by_name)


def test_client_state_has_what_a_rerun_needs():
    assert {"query_string", "page_script_hash", "context_info"} <= set(ClientState.DESCRIPTOR.fields_by_name)


def test_name_of_the_script_thread():
    """tests/support/late_tick_app.py waits for these threads."""
    assert 'name="ScriptRunner.' in inspect.getsource(ScriptRunner.start)


@pytest.mark.parametrize(
    "field",
    [
        "session_id",
        "query_string",
        "fragment_storage",
        "cached_message_hashes",
        "context_info",
        "uploaded_file_mgr",
        "fragment_ids_this_run",
    ],
)
def test_field_of_the_script_run_context(field):
    assert field in {each.name for each in fields(ScriptRunContext)}


def test_page_of_the_script_run_context():
    assert isinstance(ScriptRunContext.page_script_hash, property)


def test_fragment_of_the_running_thread():
    assert "fragment_id" in {each.name for each in fields(FragmentThreadState)}


@pytest.mark.parametrize(
    "field",
    [
        "query_string",
        "page_script_hash",
        "fragment_id_queue",
        "is_fragment_scoped_rerun",
        "cached_message_hashes",
        "context_info",
    ],
)
def test_field_of_the_rerun_data(field):
    assert field in {each.name for each in fields(RerunData)}


def test_run_knows_its_session_and_fragment():
    def page() -> None:
        import streamlit as st

        from ui.runtime import script_run

        @st.fragment
        def part() -> None:
            st.text(f"{bool(script_run.fragment_id())} {script_run.is_fragment_run()}")

        st.text(f"{bool(script_run.session_id())} {bool(script_run.fragment_id())} {script_run.is_fragment_run()}")
        part()

    at = AppTest.from_function(page, default_timeout=30).run()
    assert [each.value for each in at.text] == ["True False False", "True False"]


def test_removed_upload_is_gone():
    manager = MemoryUploadedFileManager("/upload")
    manager.add_file("session", UploadedFileRec("file", "table.jpg", "image/jpeg", b"x"))
    manager.remove_file("session", "file")
    assert manager.get_files("session", ["file"]) == []


def test_kept_uploads_are_listed_by_session():
    manager = MemoryUploadedFileManager("/upload")
    manager.add_file("session", UploadedFileRec("file", "table.jpg", "image/jpeg", b"x"))
    assert {name: list(files) for name, files in manager.file_storage.items()} == {"session": ["file"]}
    assert manager.file_storage["session"]["file"].data == b"x"
    manager.remove_session_files("session")
    assert dict(manager.file_storage) == {}


def test_runtime_has_the_manager_of_uploads():
    assert isinstance(Runtime.uploaded_file_mgr, property)


@pytest.mark.parametrize("control", [StopException, RerunException])
def test_script_control_is_no_error(control):
    """uploads.track_run tells a run that was stopped from one that failed."""
    assert not issubclass(control, Exception)


def test_upload_has_the_id_of_its_file():
    assert "self.file_id" in inspect.getsource(UploadedFile.__init__)
