"""Packages as cards: what a donor would see of each, and how it sells.

One piece of HTML for each, because the number of elements is what a page of cards costs. What users typed is escaped.
"""

from __future__ import annotations

from html import escape

import streamlit as st

from ticketing import money
from ticketing.catalog.images import PackageImage
from ticketing.models import Package
from ui import text

MAX_DESCRIPTION_LENGTH = 200  # longer than the two lines that a card shows
# An image fills its square when that crops little of it; a wide logo or a tall poster is shown whole.
_MAX_CROPPED_ASPECT_RATIO, _MIN_CROPPED_ASPECT_RATIO = 1.8, 0.55


def render(package: Package, image: PackageImage | None) -> None:
    """Render a card without its menu."""
    state = "package" if package.is_enabled else "package off"
    st.html(
        f'<article class="{state}">{build_thumbnail_html(package.is_sponsorship, image)}<div class="about">'
        f'<div class="named"><h2>{escape(package.name)}</h2>{_build_badges_html(package)}</div>'
        f'<div class="price"><strong>{money.format_dollars(package.price)}</strong> · '
        f"{text.format_count(package.seats_per_package, 'seat')}</div>"
        f"<p>{escape(_shorten(package.description))}</p></div>{_build_sales_html(package)}</article>"
    )


def build_thumbnail_html(is_sponsorship: bool, image: PackageImage | None) -> str:
    """Return the square of a card's image, or an icon without one."""
    if image is None:
        icon = "workspace_premium" if is_sponsorship else "confirmation_number"
        return f'<div class="shot">{_build_icon_html(icon)}</div>'
    return build_image_html(image.thumbnail_path, image.alt, image.width, image.height)


def build_image_html(url: str, alt: str | None, width: int, height: int) -> str:
    """Return an image in a square that keeps its size while the image loads."""
    fit = "" if _MIN_CROPPED_ASPECT_RATIO <= width / height <= _MAX_CROPPED_ASPECT_RATIO else " whole"
    return (
        f'<div class="shot{fit}"><img src="{escape(url)}" alt="{escape(alt or "")}" width="{width}" '
        f'height="{height}" loading="lazy" decoding="async"></div>'
    )


def _build_badges_html(package: Package) -> str:
    badges = (
        (package.is_sponsorship, "Sponsorship", "workspace_premium"),
        (package.is_sold_out, "Sold out", "block"),
        (not package.is_enabled, "Disabled", "pause_circle"),
    )
    return "".join(
        f' <span class="badge {icon}">{_build_icon_html(icon)}{label}</span>'
        for is_shown, label, icon in badges
        if is_shown
    )


def _build_icon_html(name: str) -> str:
    return f'<span class="icon" aria-hidden="true" translate="no">{name}</span>'


def _build_sales_html(package: Package) -> str:
    """Return how many of the limit are sold, in words and as a bar."""
    if package.quantity_limit is None:
        return f'<div class="sold">{package.sold_count:,} sold · unlimited</div>'
    left = "none left" if package.is_sold_out else f"{package.available:,} left"
    bar = f'<span class="bar"><span style="width:{package.sold_count / package.quantity_limit:.1%}"></span></span>'
    label = f"{package.sold_count:,} of {package.quantity_limit:,} sold · {left}"
    return f'<div class="sold{" full" if package.is_sold_out else ""}">{label}{bar}</div>'


def _shorten(description: str) -> str:
    if len(description) <= MAX_DESCRIPTION_LENGTH:
        return description
    return description[: MAX_DESCRIPTION_LENGTH - 1].rstrip() + "…"
