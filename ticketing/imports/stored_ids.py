"""The forms of the ids under which lines of orders are stored, as SQL (docs/decisions/0010).

A line is stored as "<order number>/<last 8 digits of the package's id>" when its package is not the only one of the
order, with "/refunded" or "/failed" when another line of the package has another status.
"""

from __future__ import annotations

_LINE_ID = "regexp_replace(purchase.external_sale_id, '/(refunded|failed)$', '')"
IS_LINE_OF_ORDER = f"right({_LINE_ID}, 9) = '/' || right(purchase.package_id::text, 8)"
ORDER_OF_LINE = f"left({_LINE_ID}, -9)"
