"""The fonts that the app sends in place of two of Streamlit's. A missing icon would be a word across the page."""

from __future__ import annotations

import pytest

from tools import icon_font


def test_every_icon_of_the_code_is_in_the_font():
    icons = icon_font.list_icons(icon_font.ICONS)
    assert icon_font.list_used_names() - icons.keys() == set(), "run `make icons`"
    assert {
        "monitoring",
        "point_of_sale",
        "logout",
        "menu",
        "keyboard_double_arrow_right",
        "expand_more",
    } <= icons.keys()


def test_names_that_the_code_composes_are_found():
    """`:material/{entry.icon}:` of the menu, `counter_` with a number, and the words of st.html."""
    assert {"confirmation_number", "upload_file", "account_circle"} <= icon_font.list_used_names()
    assert {"counter_1", "counter_2", "counter_3"} <= icon_font.list_used_names()
    assert "ac_unit" not in icon_font.list_used_names()


@pytest.mark.parametrize(("font", "most"), [(icon_font.ICONS, 40_000), (icon_font.PLACEHOLDER, 1_000)])
def test_fonts_stay_small(font, most):
    assert font.stat().st_size < most
