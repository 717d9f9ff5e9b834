"""The sample gala: what a visitor looks at before there are figures of their own.

Built through the same functions that users call, from sample/gala.json and one fixed seed, so that everybody sees the
same names and amounts; only the dates follow the day on which it is loaded.
"""

from __future__ import annotations

import json
import unicodedata
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ticketing.access import permissions
from ticketing.actors import Actor
from ticketing.catalog import events, options, packages, promo_codes
from ticketing.catalog.events import EventDraft
from ticketing.catalog.options import OptionDraft
from ticketing.catalog.packages import PackageDraft
from ticketing.catalog.promo_codes import PromoCodeDraft
from ticketing.models import Event, Option, Package, Purchase
from ticketing.sales import purchases
from ticketing.sales.purchase_draft import PurchaseDraft

DAYS_UNTIL_EVENT = 13
DAYS_ON_SALE = 56
DONOR_COUNT = 260

# The first purchase carries it, so that the sample is found again even after it was renamed.
_IDEMPOTENCY_KEY = f"sample gala {uuid.uuid5(uuid.NAMESPACE_URL, 'ticket-desk/sample-gala')}"
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_SAMPLE_FILE = Path(__file__).with_name("sample") / "gala.json"


@dataclass(frozen=True)
class PlannedPurchase:
    """One purchase of the sample that is still to be recorded: `at` is where in the time on sale, from 0 to 1."""

    at: float
    package: Package
    asked: tuple[Option, ...]
    quantity: int


@dataclass
class SampleState:
    """Who buys and how, drawn one after the other from one seed."""

    sample: dict[str, Any]
    first_day: date
    zone: ZoneInfo
    random: Random = field(default_factory=lambda: Random(1882))  # noqa: S311
    uses: Counter[str] = field(default_factory=Counter)
    donor_uses: Counter[tuple[str, str]] = field(default_factory=Counter)


def load(session: Session, actor: Actor) -> Event:
    """The sample gala with about 400 purchases of the last eight weeks; loading it twice is loading it once.

    Admins only. Dates are counted from today: the gala is 13 days ahead and the last sale was yesterday.
    """
    permissions.require(session, actor, "administer")
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("sample gala"))))
    if (event := _find_loaded(session)) is not None:
        return event
    sample = json.loads(_SAMPLE_FILE.read_text(encoding="utf-8"))
    zone = ZoneInfo(sample["event"]["time_zone"])
    today = datetime.now(zone).date()
    event = _create_event(session, actor, sample["event"], today + timedelta(days=DAYS_UNTIL_EVENT))
    story = SampleState(sample, today - timedelta(days=DAYS_ON_SALE), zone)
    _create_promo_codes(session, actor, event, story)
    sold = [each for chosen in sample["packages"] for each in _create_package(session, actor, event, story, chosen)]
    for number, each in enumerate(sorted(sold, key=lambda each: each.at)):
        draft, moment = _build_purchase(story, each)
        key = _IDEMPOTENCY_KEY if number == 0 else None
        purchases.record(session, actor, event.id, draft, idempotency_key=key, moment=moment)
    ended = {chosen["name"] for chosen in sample["packages"] if chosen.get("is_disabled_at_the_end")}
    for package_id in {each.package.id for each in sold if each.package.name in ended}:
        packages.set_enabled(session, actor, event.id, package_id, enabled=False)
    return event


def _find_loaded(session: Session) -> Event | None:
    marked = select(Purchase.id).where(Purchase.event_id == Event.id, Purchase.idempotency_key == _IDEMPOTENCY_KEY)
    return session.scalar(select(Event).where(marked.exists()))


def _create_event(session: Session, actor: Actor, chosen: dict[str, Any], day: date) -> Event:
    starts_at = datetime.combine(day, time(18))
    draft = EventDraft.model_validate(chosen | {"name": f"{chosen['name']} {day.year}", "starts_at": starts_at})
    return events.create(session, actor, draft)


def _create_promo_codes(session: Session, actor: Actor, event: Event, story: SampleState) -> None:
    for chosen in story.sample["promo_codes"]:
        ends = chosen.get("expires_after")
        expires_at = None if ends is None else datetime.combine(_to_date(story.first_day, ends), time(0))
        draft = PromoCodeDraft.model_validate(chosen | {"expires_at": expires_at})
        promo_codes.create(session, actor, event.id, draft)


def _create_package(
    session: Session, actor: Actor, event: Event, story: SampleState, chosen: dict[str, Any]
) -> list[PlannedPurchase]:
    """The package with its questions, and the purchases that will be made of it."""
    package = packages.create_without_rate_limit(session, actor, event.id, PackageDraft.model_validate(chosen))
    asked = tuple(
        options.create(session, actor, package.id, OptionDraft.model_validate(story.sample["options"][called]))
        for called in chosen["options"]
    )
    sales, random = chosen["sales"], story.random
    return [
        PlannedPurchase(random.uniform(sales["from"], sales["to"]), package, asked, random.choice(sales["quantities"]))
        for _ in range(sales["purchases"])
    ]


def _to_date(first_day: date, at: float) -> date:
    return first_day + timedelta(days=min(int(at * DAYS_ON_SALE), DAYS_ON_SALE - 1))


def _build_purchase(story: SampleState, sold: PlannedPurchase) -> tuple[PurchaseDraft, datetime]:
    random = story.random
    name, email = _choose_donor(story, sold.package)
    is_comp = not sold.package.is_sponsorship and random.random() < 0.01
    channel = "comp" if is_comp else random.choice(("online",) * 14 + ("card_terminal",) * 4 + ("cash", "cheque"))
    seats = sold.quantity * sold.package.seats_per_package
    draft = {
        "package_id": sold.package.id,
        "quantity": sold.quantity,
        "donor": {"name": name, "email": email, "phone": f"212 555 01{random.randrange(100):02}"},
        "promo_code": None if is_comp else _choose_promo_code(story, sold, email),
        "answers": [{"option_id": option.id, "value": _choose_answer(story, option, name)} for option in sold.asked],
        "guests": [{"name": _choose_name(story)} for _ in range(random.choice((0, 0, seats // 2, seats)))],
        "payment_status": "pending" if channel == "cheque" and random.random() < 0.6 else "completed",
        "channel": channel,
        "notes": random.choice(story.sample["notes"]) if random.random() < 0.06 else None,
    }
    minute = timedelta(minutes=random.randrange(8 * 60, 23 * 60))
    moment = datetime.combine(_to_date(story.first_day, sold.at), time(0), story.zone) + minute
    return PurchaseDraft.model_validate(draft), moment


def _choose_donor(story: SampleState, package: Package) -> tuple[str, str]:
    """Name and e-mail address; companies buy sponsorships, and people come back."""
    if package.is_sponsorship:
        company = story.random.choice(story.sample["companies"])
        return company, f"events@{_to_email_part(company)}.example"
    number = story.random.randrange(DONOR_COUNT)
    first = story.sample["first_names"][number % len(story.sample["first_names"])]
    last = story.sample["last_names"][number * 7 % len(story.sample["last_names"])]
    return f"{first} {last}", f"{_to_email_part(first)}.{_to_email_part(last)}{number}@example.org"


def _choose_name(story: SampleState) -> str:
    return f"{story.random.choice(story.sample['first_names'])} {story.random.choice(story.sample['last_names'])}"


def _to_email_part(name: str) -> str:
    """The letters of a name that an e-mail address has."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", name).lower() if letter in _LETTERS)


def _choose_promo_code(story: SampleState, sold: PlannedPurchase, email: str) -> str | None:
    """A code that this purchase may use, now and then."""
    if sold.package.is_sponsorship:
        return None
    for chosen in story.sample["promo_codes"]:
        code = chosen["code"]
        is_open = (
            sold.at < chosen.get("expires_after", 2)
            and story.uses[code] < chosen.get("max_total_uses", DONOR_COUNT)
            and story.donor_uses[code, email] < chosen.get("max_uses_per_donor", DONOR_COUNT)
        )
        if story.random.random() < chosen["share"] and is_open:
            story.uses[code] += 1
            story.donor_uses[code, email] += 1
            return str(code)
    return None


def _choose_answer(story: SampleState, option: Option, name: str) -> Any:
    if option.option_type == "boolean":
        return story.random.random() < 0.8
    if option.option_type == "multi_select":
        return [story.random.choice(option.choices or [])]
    if option.is_required:
        return name
    return story.random.choice(story.sample["wishes"]) if story.random.random() < 0.3 else None
