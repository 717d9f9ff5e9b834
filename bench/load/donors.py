"""The donor site: list packages, check a promo code, buy, and sometimes repeat the request."""

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
    """A program with an API token; donors arrive at random, `donors_per_minute` on average."""

    http: httpx.AsyncClient
    environment: Environment
    recorder: Recorder
    stop_event: asyncio.Event
    donors_per_minute: float

    async def serve(self) -> None:
        """Serve donors concurrently until the stop event."""
        async with asyncio.TaskGroup() as donors:
            while self.donors_per_minute:
                pause = random.expovariate(self.donors_per_minute / 60)
                if await wait_for_stop(time.perf_counter() + pause, self.stop_event):
                    return
                donors.create_task(self.serve_donor())

    async def serve_donor(self) -> None:
        """Serve one donor: list packages, perhaps check a code, buy, and perhaps repeat the request."""
        with self.recorder.catch_errors(SITE_NAME):
            path = f"/events/{self.environment.event.id}/tickets/packages"
            package = random.choice((await self.request("list packages", "GET", path))["items"])
            donor_email, code = f"{uuid4().hex}@example.org", None
            if random.random() < PROMO_CODE_PROBABILITY:
                code = self.environment.code
                path = f"/admin/events/{self.environment.event.id}/promo-codes/validate/{code}"
                body = {"package_id": package["id"], "quantity": 1, "donor_email": donor_email}
                if not (await self.request("try a code", "POST", path, json=body))["valid"]:
                    raise ActionFailed(f"the code {code} is refused")
            await self.buy(package["id"], donor_email, code)

    async def buy(self, package_id: str, donor_email: str, code: str | None) -> None:
        path = f"/events/{self.environment.event.id}/tickets/purchases"
        donor = {"name": "Ana Ruiz", "email": donor_email}
        body = {"package_id": package_id, "quantity": 1, "donor": donor, "promo_code": code}
        headers = {"Idempotency-Key": donor_email}
        purchase = await self.request("buy", "POST", path, status=201, json=body, headers=headers)
        self.recorder.record_sale(donor_email, purchase["total"])
        if random.random() < REPEAT_PROBABILITY:
            replay = await self.request("buy again", "POST", path, json=body, headers=headers)
            if replay != purchase:
                raise ActionFailed(f"the same key was answered with {replay}, first with {purchase}")

    def add_authorization(self, request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {self.environment.token}"
        return request

    async def request(self, action: str, method: str, path: str, status: int = 200, **options: Any) -> Any:
        """Return the JSON of the response. Raises ActionFailed without a response or with another status."""
        start = time.perf_counter()
        try:
            response = await self.http.request(method, f"/api/v1{path}", auth=self.add_authorization, **options)
        except httpx.HTTPError as error:
            raise ActionFailed(f"{action}: no answer, {error!r}") from error
        self.recorder.record_action(f"{SITE_NAME}: {action}", time.perf_counter() - start)
        if response.status_code != status:
            raise ActionFailed(f"{action}: {response.status_code} {response.text}")
        return response.json()
