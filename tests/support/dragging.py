"""Drag packages by their handles, in their list and in the arrangement."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect


def handle(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=f"Move {name}", exact=True)


def middle(place: Locator) -> tuple[float, float]:
    box = place.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def pick_up(page: Page, name: str, onto: str) -> None:
    """Press the mouse on the handle, move it, and keep it pressed."""
    page.mouse.move(*middle(handle(page, name)))
    page.mouse.down()
    page.mouse.move(*middle(handle(page, onto)), steps=8)
    expect(page.locator(".held").locator("h2, .name")).to_have_text(name)
