"""Unexpected errors: log the traceback under a reference, and answer with that reference only."""

from __future__ import annotations

import logging
import secrets

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import errors, html
from ticketing import metrics
from ticketing.errors import TicketingError

log = logging.getLogger("ticketing.faults")


def log_fault(fault: BaseException) -> str:
    """Log the traceback under a new reference, and return the reference."""
    reference = secrets.token_hex(4)
    metrics.FAULTS.inc()
    log.error("unexpected error, reference %s", reference, exc_info=fault, extra={"reference": reference})
    return reference


def fault_message(reference: str) -> str:
    """Return the sentence that people see after an unexpected error."""
    return f"Something went wrong here. Tell the person who runs Ticket Desk this reference: {reference}."


class FaultMiddleware:
    """ASGI middleware that answers every exception no handler answered, without details of it.

    A middleware, because Starlette runs an `Exception` handler outside all other middleware and re-raises.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        has_started = False

        async def send_and_note_start(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note_start)
        except Exception as fault:
            if has_started:
                raise
            response = (
                errors.refusal_response(scope, fault)
                if isinstance(fault, TicketingError)
                else _fault_response(scope, fault)
            )
            await response(scope, receive, send)


def _fault_response(scope: Scope, fault: Exception) -> Response:
    reference = log_fault(fault)
    message = fault_message(reference)
    if errors.is_page_request(scope):
        return html.render_page("problem.html", 500, title="Something went wrong", sentence=message)
    if errors.is_api_path(scope["path"]):
        return errors.problem_response(500, "unexpected", message, reference=reference)
    return PlainTextResponse(message, 500)
