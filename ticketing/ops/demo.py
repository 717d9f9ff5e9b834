"""The sample gala, which new users explore before they have data of their own.

It is created by the functions that users call, from sample/gala.json and a fixed seed: names and amounts are always the
same, and dates follow the day on which it is loaded.
"""

from __future__ import annotations

import json
import unicodedata
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
from ticketing.catalog import events, image_files, images, options, packages, promo_codes
from ticketing.catalog.events import EventDraft
from ticketing.catalog.options import OptionDraft
from ticketing.catalog.packages import PackageDraft
from ticketing.catalog.promo_codes import PromoCodeDraft
from ticketing.models import Event, Option, Order, Package
from ticketing.sales import purchases
from ticketing.sales.donor_search import SAMPLE_IDEMPOTENCY_KEY
from ticketing.sales.order_draft import PurchaseDraft

DAYS_UNTIL_EVENT = 13
DAYS_ON_SALE = 56
DONOR_COUNT = 260

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_SAMPLE_FILE = Path(__file__).with_name("sample") / "gala.json"
_PICTURE_FOLDER = _SAMPLE_FILE.with_name("pictures")  # drawn for this project


@dataclass(frozen=True)
class PlannedPurchase:
    """A purchase of the sample, not yet recorded; `at` is its place in the sales period, from 0 to 1."""

    at: float
    package: Package
    options: tuple[Option, ...]
    quantity: int


@dataclass
class SampleState:
    """The sample file, its random numbers, and the uses of promo codes so far."""

    sample: dict[str, Any]
    first_day: date
    zone: ZoneInfo
    random: Random = field(default_factory=lambda: Random(1882))  # noqa: S311
    uses: Counter[str] = field(default_factory=Counter)
    donor_uses: Counter[tuple[str, str]] = field(default_factory=Counter)


def load(session: Session, actor: Actor) -> Event:
    """Create the sample gala with about 400 purchases of the last eight weeks, or return it if it exists.

    The gala is 13 days from today, and its last sale was yesterday. Raises NotAllowed for anyone but admins.
    """
    permissions.require(session, actor, "administer")
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("sample gala"))))
    if (event := _find_loaded(session)) is not None:
        return event
    sample = json.loads(_SAMPLE_FILE.read_text(encoding="utf-8"))
    zone = ZoneInfo(sample["event"]["time_zone"])
    today = datetime.now(zone).date()
    event = _create_event(session, actor, sample["event"], today + timedelta(days=DAYS_UNTIL_EVENT))
    state = SampleState(sample, today - timedelta(days=DAYS_ON_SALE), zone)
    _create_promo_codes(session, actor, event, state)
    planned = [each for spec in sample["packages"] for each in _create_package(session, actor, event, state, spec)]
    for number, each in enumerate(sorted(planned, key=lambda each: each.at)):
        draft, moment = _build_purchase(state, each)
        key = SAMPLE_IDEMPOTENCY_KEY if number == 0 else None
        purchases.record(session, actor, event.id, draft, idempotency_key=key, moment=moment)
    disabled = {spec["name"] for spec in sample["packages"] if spec.get("is_disabled_at_the_end")}
    for package_id in {each.package.id for each in planned if each.package.name in disabled}:
        packages.set_enabled(session, actor, event.id, package_id, enabled=False)
    return event


def _find_loaded(session: Session) -> Event | None:
    marked = select(Order.id).where(Order.event_id == Event.id, Order.idempotency_key == SAMPLE_IDEMPOTENCY_KEY)
    return session.scalar(select(Event).where(marked.exists()))


def _create_event(session: Session, actor: Actor, spec: dict[str, Any], day: date) -> Event:
    starts_at = datetime.combine(day, time(18))
    draft = EventDraft.model_validate(spec | {"name": f"{spec['name']} {day.year}", "starts_at": starts_at})
    return events.create(session, actor, draft)


def _create_promo_codes(session: Session, actor: Actor, event: Event, state: SampleState) -> None:
    for spec in state.sample["promo_codes"]:
        end = spec.get("expires_after")
        expires_at = None if end is None else datetime.combine(_to_date(state.first_day, end), time(0))
        draft = PromoCodeDraft.model_validate(spec | {"expires_at": expires_at})
        promo_codes.create(session, actor, event.id, draft)


def _create_package(
    session: Session, actor: Actor, event: Event, state: SampleState, spec: dict[str, Any]
) -> list[PlannedPurchase]:
    """Create the package with its picture and options, and return its planned purchases."""
    package = packages.create_without_rate_limit(session, actor, event.id, PackageDraft.model_validate(spec))
    picture = image_files.reencode((_PICTURE_FOLDER / spec["picture"]).read_bytes())
    images.set_image(session, actor, event.id, package.id, picture, spec["picture_alt"])
    package_options = tuple(
        options.create(session, actor, package.id, OptionDraft.model_validate(state.sample["options"][name]))
        for name in spec["options"]
    )
    sales, random = spec["sales"], state.random
    return [
        PlannedPurchase(
            random.uniform(sales["from"], sales["to"]), package, package_options, random.choice(sales["quantities"])
        )
        for _ in range(sales["purchases"])
    ]


def _to_date(first_day: date, at: float) -> date:
    return first_day + timedelta(days=min(int(at * DAYS_ON_SALE), DAYS_ON_SALE - 1))


def _build_purchase(state: SampleState, planned: PlannedPurchase) -> tuple[PurchaseDraft, datetime]:
    random = state.random
    name, email = _choose_donor(state, planned.package)
    is_comp = not planned.package.is_sponsorship and random.random() < 0.01
    channel = "comp" if is_comp else random.choice(("online",) * 14 + ("card_terminal",) * 4 + ("cash", "cheque"))
    seats = planned.quantity * planned.package.seats_per_package
    draft = {
        "package_id": planned.package.id,
        "quantity": planned.quantity,
        "donor": {"name": name, "email": email, "phone": f"212 555 01{random.randrange(100):02}"},
        "promo_code": None if is_comp else _choose_promo_code(state, planned, email),
        "answers": [
            {"option_id": option.id, "value": _choose_answer(state, option, name)} for option in planned.options
        ],
        "guests": [{"name": _choose_name(state)} for _ in range(random.choice((0, 0, seats // 2, seats)))],
        "payment_status": "pending" if channel == "cheque" and random.random() < 0.6 else "completed",
        "channel": channel,
        "notes": random.choice(state.sample["notes"]) if random.random() < 0.06 else None,
    }
    minute = timedelta(minutes=random.randrange(8 * 60, 23 * 60))
    moment = datetime.combine(_to_date(state.first_day, planned.at), time(0), state.zone) + minute
    return PurchaseDraft.model_validate(draft), moment


def _choose_donor(state: SampleState, package: Package) -> tuple[str, str]:
    """Return a name and an e-mail address. Companies buy sponsorships; some people buy more than once."""
    if package.is_sponsorship:
        company = state.random.choice(state.sample["companies"])
        return company, f"events@{_to_email_part(company)}.example"
    number = state.random.randrange(DONOR_COUNT)
    first = state.sample["first_names"][number % len(state.sample["first_names"])]
    last = state.sample["last_names"][number * 7 % len(state.sample["last_names"])]
    return f"{first} {last}", f"{_to_email_part(first)}.{_to_email_part(last)}{number}@example.org"


def _choose_name(state: SampleState) -> str:
    return f"{state.random.choice(state.sample['first_names'])} {state.random.choice(state.sample['last_names'])}"


def _to_email_part(name: str) -> str:
    """Return the letters a to z of a name."""
    return "".join(letter for letter in unicodedata.normalize("NFKD", name).lower() if letter in _LETTERS)


def _choose_promo_code(state: SampleState, planned: PlannedPurchase, email: str) -> str | None:
    """Return a code that applies to this purchase, for a share of the purchases."""
    if planned.package.is_sponsorship:
        return None
    for spec in state.sample["promo_codes"]:
        code = spec["code"]
        applies = (
            planned.at < spec.get("expires_after", 2)
            and state.uses[code] < spec.get("max_total_uses", DONOR_COUNT)
            and state.donor_uses[code, email] < spec.get("max_uses_per_donor", DONOR_COUNT)
        )
        if state.random.random() < spec["share"] and applies:
            state.uses[code] += 1
            state.donor_uses[code, email] += 1
            return str(code)
    return None


def _choose_answer(state: SampleState, option: Option, name: str) -> Any:
    if option.option_type == "boolean":
        return state.random.random() < 0.8
    if option.option_type == "single_select":
        return state.random.choice(option.choices or [])
    if option.option_type == "multi_select":
        return [state.random.choice(option.choices or [])]
    if option.is_required:
        return name
    return state.random.choice(state.sample["wishes"]) if state.random.random() < 0.3 else None
