"""The messages of the websocket, as bench/load/tab.py and tests/support/websocket_pages.py read and write them."""

from __future__ import annotations

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from bench.load.tab import TRACKED_ELEMENTS

FIELDS = {
    BackMsg: """
        rerun_script.query_string rerun_script.widget_states.widgets rerun_script.page_script_hash
        rerun_script.page_name rerun_script.fragment_id rerun_script.is_auto_rerun
        rerun_script.context_info.timezone rerun_script.context_info.locale rerun_script.context_info.url""",
    WidgetState: """
        id trigger_value string_trigger_value.data string_array_value.data string_value bool_value
        file_uploader_state_value.uploaded_file_info.file_id file_uploader_state_value.uploaded_file_info.name
        file_uploader_state_value.uploaded_file_info.size""",
    ForwardMsg: """
        metadata.delta_path metadata.active_script_hash metadata.run.script_run_id metadata.run.fragment_ids
        delta new_session.page_script_hash new_session.main_script_hash new_session.initialize.session_id
        script_finished
        auto_rerun.fragment_id auto_rerun.interval stop_auto_rerun.fragment_ids
        page_info_changed.query_string page_not_found navigation.page_script_hash""",
    Delta: """
        fragment_id new_element.alert.body new_element.alert.format new_element.metric.label new_element.metric.body
        new_element.toast.body new_element.exception.message new_element.button.id new_element.button.label
        new_element.menu_button.id new_element.button_group.id new_element.selectbox.id
        new_element.text_input.id new_element.text_area.id new_element.checkbox.id
        new_element.checkbox.query_param_key new_element.file_uploader.id new_element.page_link.label
        new_element.page_link.page_script_hash new_element.page_link.query_string""",
}


@pytest.mark.parametrize(
    ("message", "path"),
    [(message.DESCRIPTOR, path) for message, paths in FIELDS.items() for path in paths.split()],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_field_exists(message, path):
    assert find_field(message, path) is not None


def find_field(message: Descriptor, path: str) -> FieldDescriptor | None:
    field = None
    for name in path.split("."):
        field = message.fields_by_name.get(name)
        if field is None:
            return None
        message = field.message_type
    return field


@pytest.mark.parametrize("kind", sorted(TRACKED_ELEMENTS))
def test_element_exists(kind):
    assert find_field(Delta.DESCRIPTOR, f"new_element.{kind}") is not None


def test_ends_of_a_run():
    assert (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_WITH_COMPILE_ERROR) == (0, 1)
    assert ForwardMsg.FINISHED_EARLY_FOR_RERUN == 2


def test_alert_of_an_error():
    assert Alert.ERROR == 1
