"""A page of one user without a browser. Fields, buttons and sentences are found by their text."""

from __future__ import annotations

import html
import re
import uuid
from collections.abc import Iterator
from itertools import dropwhile
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import (
    AlertBase,
    Block,
    Caption,
    HeadingBase,
    Html,
    Markdown,
    Metric,
    Progress,
    Widget,
)

from ticketing.actors import Actor
from ticketing.models import Event
from ticketing.settings import ROOT
from ui import menu
from ui.shell import phone_bars

RUN_TIMEOUT_SECONDS = 30
_TEXT_ELEMENTS = (AlertBase, Caption, HeadingBase, Html, Markdown)
_PROBLEM_PATTERN = re.compile(r":red\[:material/error: (.*)\]")


def unescape_markdown(markdown: str) -> str:
    """Return what a reader sees of text from `text.escape_markdown`."""
    return html.unescape(re.sub(r":color\[(.*?)\]", r"\1", markdown)).replace(r"\$", "$")


class Screen:
    """`app` is Streamlit's AppTest."""

    def __init__(
        self,
        script: str | Path,
        actor: Actor | None = None,
        event: Event | None = None,
        *,
        page: str | None = None,
        till: str = "till",
    ) -> None:
        self.app = AppTest.from_file(ROOT / script, default_timeout=RUN_TIMEOUT_SECONDS)
        self.app.user = {"session_id": str(actor.session_id), "till": till} if actor else {}
        if event is not None:
            self.app.query_params["event"] = str(event.id)
        if page is not None:
            self.app.switch_page(menu.path(page))
        self.rerun()

    def go(self, page: str) -> Screen:
        self.app.switch_page(menu.path(page))
        return self.rerun()

    def rerun(self) -> Screen:
        """Run the page; an exception of the page fails the test."""
        self.app.run()
        assert [error.message for error in self.app.exception] == []
        return self

    def field(self, label: str) -> Any:
        """Return the field or button with this label. There must be exactly one."""
        (element,) = (each for each in self._elements() if _is_field(each) and unescape_markdown(each.label) == label)
        return element

    def type(self, label: str, value: Any) -> Screen:
        """Fill in a field of a form, without sending it."""
        self.field(label).set_value(value)
        return self

    def enter(self, label: str, value: Any) -> Screen:
        """Fill in a field outside of a form, which runs the page."""
        return self.type(label, value).rerun()

    def value(self, label: str) -> Any:
        return self.field(label).value

    def click(self, label: str) -> Screen:
        self.field(label).click()
        return self.rerun()

    def click_last(self, label: str) -> Screen:
        """Click the last button with this label: that of a dialog, if the button that opened it has the same label."""
        [each for each in self._elements(sidebar=False) if _is_field(each) and unescape_markdown(each.label) == label][
            -1
        ].click()
        return self.rerun()

    def pick(self, record: Any, entry: str) -> Screen:
        """Choose an entry of a record's menu."""
        self.app.menu_button(key=f"menu_{record.id}").click(entry)
        return self.rerun()

    def menu(self, record_id: uuid.UUID) -> list[str]:
        """Return the entries of a record's menu, without their icons."""
        return [
            re.sub("^:material/[a-z_]+: ", "", each) for each in self.app.menu_button(key=f"menu_{record_id}").options
        ]

    def labels(self) -> list[str]:
        """Return the labels of all fields and buttons, without the sidebar."""
        return [unescape_markdown(each.label) for each in self._elements(sidebar=False) if _is_field(each)]

    def pages(self) -> list[str]:
        """Return the links of the sidebar."""
        return [unescape_markdown(each.label) for each in self.app.sidebar.page_link]

    def links(self) -> list[Any]:
        """Return the links of the page itself, without those of the bar at the foot of a phone, which come first."""
        titles = [menu.get_entry(name).title for name in phone_bars.PAGES]
        return list(dropwhile(lambda link: link.label in titles, self.app.main.page_link))

    def dialog(self) -> str | None:
        """Return the title of the open dialog."""
        return next((block.proto.dialog.title for block in self.app.get("dialog")), None)

    def texts(self) -> list[str]:
        """Return the texts of the page and its dialog in order, without the sidebar and the values of fields."""
        return [text for each in self._elements(sidebar=False) if (text := _get_text(each))]

    def says(self, sentence: str) -> bool:
        return any(sentence in text for text in self.texts())

    def toasts(self) -> list[str]:
        return [unescape_markdown(each.value) for each in self.app.toast]

    def offer(self) -> str | None:
        """Return the sentence of the Undo bar."""
        elements = list(self._elements(sidebar=False))
        places = [index for index, each in enumerate(elements) if each.key in ("undo_button", "undo_inside_button")]
        return (
            unescape_markdown(elements[places[0] - 1].value).removeprefix(":material/check_circle: ")
            if places
            else None
        )

    def problem(self, label: str) -> str | None:
        """Return the problem that is shown between a field and the next one."""
        elements = list(self._elements())
        for each in elements[elements.index(self.field(label)) + 1 :]:
            if _is_field(each):
                return None
            if sentence := _find_problem(each):
                return sentence
        return None

    def problems(self) -> list[str]:
        return [sentence for each in self._elements() if (sentence := _find_problem(each))]

    def table(self, column: str) -> list[dict[str, Any]]:
        """Return the rows of the table that has this column."""
        (table,) = (each.value for each in self.app.dataframe if column in each.value.columns)
        return list(table.to_dict("records"))

    def _elements(self, *, sidebar: bool = True) -> Iterator[Any]:
        roots = [self.app.main, *self.app.get("dialog"), *([self.app.sidebar] if sidebar else [])]
        found = (each for root in roots for each in root if not isinstance(each, Block))
        return (each for each in found if not (isinstance(each, Html) and each.value.startswith(phone_bars.BAR_TAG)))


def _is_field(element: Any) -> bool:
    return isinstance(element, Widget) and hasattr(element, "label")


def _find_problem(element: Any) -> str | None:
    match = _PROBLEM_PATTERN.fullmatch(element.value) if isinstance(element, Markdown) else None
    return unescape_markdown(match[1]) if match else None


def _get_text(element: Any) -> str | None:
    if isinstance(element, Metric):
        return unescape_markdown(f"{element.label} {element.value} {element.delta}")
    if isinstance(element, Progress):
        return unescape_markdown(element.text)
    if isinstance(element, Html) and "<article" in element.value:
        return get_row_text(element.value)
    return unescape_markdown(element.value) if isinstance(element, _TEXT_ELEMENTS) else None


def get_row_text(drawn: str) -> str:
    """Return the text of a row of a list, without its icons."""
    without_icons = re.sub(r'<span class="icon".*?</span>', "", drawn)
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", without_icons)).split())


def list_row_html(screen: Screen) -> list[str]:
    """Return the HTML of each row of a list, or card of an event."""
    return [each.value for each in screen.app.html if "<article" in each.value]


def list_row_names(screen: Screen) -> list[str]:
    return [html.unescape(re.search("<h2>(.*?)</h2>", drawn)[1]) for drawn in list_row_html(screen)]


def list_row_texts(screen: Screen) -> list[str]:
    """Return the text of each row."""
    return [get_row_text(drawn) for drawn in list_row_html(screen)]


def visit(page: str, actor: Actor, event: Event | None = None, *, till: str = "till") -> Screen:
    """Open a page through the frame script, as a browser does: `visit("packages", actor, event)`.

    `till` is the device, for the drafts of the box office.
    """
    return Screen("ui/main.py", actor, event, page=page, till=till)


def get_query(screen: Screen) -> dict[str, str]:
    """Return the query parameters of the page without the event."""
    query = {name: each[0] if isinstance(each, list) else each for name, each in screen.app.query_params.items()}
    return {name: value for name, value in query.items() if name != "event"}
