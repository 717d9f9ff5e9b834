"""Security headers of every response: Content-Security-Policy, nosniff, no frames, Strict-Transport-Security."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import errors
from ticketing import settings

# For everything but HTML (JSON, CSV, pictures, scripts): opened by itself, it runs and loads nothing.
DENY_ALL_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
DEFAULT_HEADERS = {
    "Content-Security-Policy": DENY_ALL_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # "same-origin" and not "no-referrer": with the latter browsers send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), usb=()",
}
# For scripts, styles and fonts: the others are about documents, and 120 times some 300 bytes delay a first visit.
FILE_HEADERS = ("Content-Security-Policy", "X-Content-Type-Options", "Cross-Origin-Resource-Policy")
FILE_TYPES = ("text/javascript", "text/css", "font/")
HSTS = "max-age=31536000"


class SecurityHeadersMiddleware:
    """ASGI middleware that adds the headers that a response does not have already."""

    def __init__(self, app: ASGIApp, inline_script_hashes: Sequence[str], static_path: str) -> None:
        self.app = app
        self._static_path = static_path
        self._page_policy = build_page_policy(inline_script_hashes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                is_file = scope["path"].startswith(self._static_path) and _is_file(headers)
                _add_security_headers(headers, self._page_policy, FILE_HEADERS if is_file else tuple(DEFAULT_HEADERS))
                if errors.is_api_path(scope["path"]):
                    headers.setdefault("Cache-Control", "no-store")  # names and addresses of donors
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _is_file(headers: MutableHeaders) -> bool:
    """Return whether a response is no document, even when it is opened by itself. An SVG image is one."""
    return headers.get("content-type", "").startswith(FILE_TYPES)


def _add_security_headers(headers: MutableHeaders, page_policy: str, names: Sequence[str]) -> None:
    if headers.get("content-type", "").startswith("text/html"):
        headers.setdefault("Content-Security-Policy", page_policy)
    for name in names:
        headers.setdefault(name, DEFAULT_HEADERS[name])
    rules = settings.load()
    if rules.is_behind_tls:
        hsts = f"{HSTS}; includeSubDomains" if rules.hsts_subdomains == "yes" else HSTS
        headers.setdefault("Strict-Transport-Security", hsts)
        _mark_cookies_secure(headers)


def _mark_cookies_secure(headers: MutableHeaders) -> None:
    """Mark all cookies Secure. Streamlit does so only if it terminates TLS itself, which a proxy does here."""
    headers.raw[:] = [
        (name, value + b"; Secure")
        if name.lower() == b"set-cookie" and b"secure" not in value.lower().replace(b" ", b"").split(b";")
        else (name, value)
        for name, value in headers.raw
    ]


def build_page_policy(inline_script_hashes: Sequence[str]) -> str:
    """Return the policy of Streamlit's pages; docs/decisions/0014 says what each part is for."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' blob: {' '.join(inline_script_hashes)}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "media-src 'self'",
            "manifest-src 'self'",
            "worker-src 'self' blob:",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )
