"""The rows of the packages page: what a donor would see of each package, and how it sells."""

from __future__ import annotations

from html import escape

from ticketing import money
from ticketing.catalog.images import PackageImage
from ticketing.models import Package
from ticketing.reporting.figures import PackageTotals
from ticketing.reporting.status_totals import NOTHING
from ui import text
from ui.widgets.list_rows import Badge, Figure, Row, build_icon

TITLES = ("Price", "Sold, with pending", "Seats paid", "Revenue")
MAX_DESCRIPTION_LENGTH = 200  # longer than the two lines that a phone shows
# An image fills its square when that crops little of it; a wide logo or a tall poster is shown whole.
_MAX_CROPPED_ASPECT_RATIO, _MIN_CROPPED_ASPECT_RATIO = 1.8, 0.55


def build_row(
    package: Package,
    image: PackageImage | None,
    totals: PackageTotals | None,
    sales_url: str,
    *,
    is_movable: bool = False,
) -> Row:
    """Return the row of a package; its revenue leads to `sales_url`. What is pending is below what is paid."""
    paid, pending = (totals.paid, totals.pending) if totals else (NOTHING, NOTHING)
    price = Figure(money.format_dollars(package.price), text.format_count(package.seats_per_package, "seat"))
    seats = Figure(f"{paid.seats:,}", f"{pending.seats:,} pending" if pending.seats else "")
    revenue = Figure(
        money.format_dollars(paid.total),
        f"{money.format_dollars(pending.total)} pending" if pending.total else "",
        url=sales_url if totals else "",
    )
    return Row(
        package.id,
        package.name,
        build_thumbnail_html(package.is_sponsorship, image),
        (price, _build_sold(package), seats, revenue),
        tuple(_list_badges(package)),
        _shorten(package.description),
        is_off=not package.is_enabled,
        is_movable=is_movable,
    )


def build_thumbnail_html(is_sponsorship: bool, image: PackageImage | None) -> str:
    """Return the square of a package's image, or an icon without one."""
    if image is None:
        return build_icon("workspace_premium" if is_sponsorship else "confirmation_number")
    return build_image_html(image.thumbnail_path, image.alt, image.width, image.height)


def build_image_html(url: str, alt: str | None, width: int, height: int) -> str:
    """Return an image in a square that keeps its size while the image loads."""
    fit = "" if _MIN_CROPPED_ASPECT_RATIO <= width / height <= _MAX_CROPPED_ASPECT_RATIO else " whole"
    return (
        f'<div class="shot{fit}"><img src="{escape(url)}" alt="{escape(alt or "")}" width="{width}" '
        f'height="{height}" loading="lazy" decoding="async"></div>'
    )


def _list_badges(package: Package) -> list[Badge]:
    badges = (
        (package.is_sponsorship, Badge("Sponsorship", "workspace_premium", "note")),
        (package.is_sold_out, Badge("Sold out", "done_all", "strong")),
        (not package.is_enabled, Badge("Off sale", "pause_circle")),
    )
    return [badge for is_shown, badge in badges if is_shown]


def _build_sold(package: Package) -> Figure:
    """Return how many of the limit are sold, in words and as a bar."""
    if package.quantity_limit is None:
        return Figure(f"{package.sold_count:,}", "unlimited", unit="sold")
    left = "none left" if package.is_sold_out else f"{package.available:,} left"
    share = package.sold_count / package.quantity_limit
    return Figure(f"{package.sold_count:,} of {package.quantity_limit:,}", left, share, unit="sold")


def _shorten(description: str) -> str:
    if len(description) <= MAX_DESCRIPTION_LENGTH:
        return description
    return description[: MAX_DESCRIPTION_LENGTH - 1].rstrip() + "…"
