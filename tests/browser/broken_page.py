"""Raise an error where a button was clicked. Its text must appear in the log only."""

import streamlit as st


def fail(where):
    raise RuntimeError(f"the inside of {where}")


@st.fragment
def fragment():
    if st.button("in a fragment"):
        fail("a fragment")


@st.dialog("Dialog")
def dialog():
    if st.button("inside it"):
        fail("a dialog")


st.title("Breaks")
if st.button("in the page"):
    fail("the page")
st.button("in a callback", on_click=fail, args=("a callback",))
fragment()
if st.button("in a dialog"):
    dialog()
