"""An event with one of everything that paths and bodies name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.support import make
from ticketing.models import Event, Option, Package, PromoCode


@dataclass(frozen=True)
class Shop:
    """A package, an option and a promo code of an event."""

    event: Event
    package: Package
    option: Option
    promo: PromoCode

    @property
    def names(self) -> dict[str, Any]:
        """Return the values of path parameters by name."""
        return {
            "event_id": self.event.id,
            "package_id": self.package.id,
            "option_id": self.option.id,
            "promo_id": self.promo.id,
            "code": self.promo.code,
        }


def create_shop(event: Event) -> Shop:
    package = make.package(event)
    return Shop(event, package, make.option(package, is_required=False), make.promo_code(event))
