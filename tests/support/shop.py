"""An event with one of everything that paths and bodies name."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from tests.support import make
from tests.support.sales_file import run_import, sale, sales_csv
from ticketing.models import Event, Option, Order, Package, PromoCode


@dataclass(frozen=True)
class Shop:
    """A package without sales, an option, a promo code and a pending order of an event, and an import if asked for."""

    event: Event
    package: Package
    option: Option
    promo: PromoCode
    order: Order
    batch_id: uuid.UUID | None = None

    @property
    def names(self) -> dict[str, Any]:
        """Return the values of path parameters by name."""
        return {
            "event_id": self.event.id,
            "package_id": self.package.id,
            "option_id": self.option.id,
            "promo_id": self.promo.id,
            "code": self.promo.code,
            "order_id": self.order.id,
            "batch_id": self.batch_id,
        }


def create_shop(event: Event, *, has_import: bool = False) -> Shop:
    package = make.package(event)
    order = make.order(event, make.package(event), make.package(event), payment_status="pending").order
    batch_id = run_import(event, sales_csv(sale(make.package(event)))).batch_id if has_import else None
    return Shop(event, package, make.option(package, is_required=False), make.promo_code(event), order, batch_id)
