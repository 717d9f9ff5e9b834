"""The donor site: what is on offer, what a code is worth, bought; now and then the same request again."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from bench.load.environment import Environment
from bench.load.recorder import Recorder
from bench.load.staff import wait_for_stop
from bench.load.tab import ActionFailed

REPEAT_PROBABILITY = 0.2
PROMO_CODE_PROBABILITY = 0.5
SITE_NAME = "Donor site"


@dataclass
class DonorSite:
    """A program with a token, for which donors come at random times, on average so many a minute."""

    http: httpx.AsyncClient
    environment: Environment
    recorder: Recorder
    stop_event: asyncio.Event
    donors_per_minute: float

    async def serve(self) -> None:
        """Until it closes. Donors do not wait for each other."""
        async with asyncio.TaskGroup() as donors:
            while self.donors_per_minute:
                pause = random.expovariate(self.donors_per_minute / 60)
                if await wait_for_stop(time.perf_counter() + pause, self.stop_event):
                    return
                donors.create_task(self.donor())

    async def donor(self) -> None:
        """One donor: looks, tries a code perhaps, buys; the site repeats what it got no answer to, or thinks so."""
        with self.recorder.catch_errors(SITE_NAME):
            offered = (await self.ask("list packages", "GET", f"/events/{self.environment.event.id}/tickets/packages"))[
                "items"
            ]
            package = random.choice(offered)
            donor_email, code = f"{uuid4().hex}@example.org", None
            if random.random() < PROMO_CODE_PROBABILITY:
                code = self.environment.code
                where = f"/admin/events/{self.environment.event.id}/promo-codes/validate/{code}"
                wanted = {"package_id": package["id"], "quantity": 1, "donor_email": donor_email}
                if not (await self.ask("try a code", "POST", where, json=wanted))["valid"]:
                    raise ActionFailed(f"the code {code} is refused")
            await self.buy(package["id"], donor_email, code)

    async def buy(self, package_id: str, donor_email: str, code: str | None) -> None:
        request = {
            "json": {
                "package_id": package_id,
                "quantity": 1,
                "donor": {"name": "Ana Ruiz", "email": donor_email},
                "promo_code": code,
            },
            "headers": {"Idempotency-Key": donor_email},
        }
        where = f"/events/{self.environment.event.id}/tickets/purchases"
        bought = await self.ask("buy", "POST", where, status=201, **request)
        self.recorder.record_sale(donor_email, bought["total"])
        if random.random() < REPEAT_PROBABILITY:
            again = await self.ask("buy again", "POST", where, **request)
            if again != bought:
                raise ActionFailed(f"the same key was answered with {again}, first with {bought}")

    def add_authorization(self, request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {self.environment.token}"
        return request

    async def ask(self, what: str, method: str, path: str, status: int = 200, **request: Any) -> Any:
        """The answer; Broken when it is another one than it must be, or none."""
        start = time.perf_counter()
        try:
            answer = await self.http.request(method, f"/api/v1{path}", auth=self.add_authorization, **request)
        except httpx.HTTPError as lost:
            raise ActionFailed(f"{what}: no answer, {lost!r}") from lost
        self.recorder.acted(f"{SITE_NAME}: {what}", time.perf_counter() - start)
        if answer.status_code != status:
            raise ActionFailed(f"{what}: {answer.status_code} {answer.text}")
        return answer.json()
