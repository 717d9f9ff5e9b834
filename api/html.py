"""Pages outside the app itself: rendered here, without a script, and allowed to load nothing but our own files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

HERE = Path(__file__).parent
POLICY = "; ".join(
    [
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(template: str, status: int = 200, headers: Mapping[str, str] | None = None, /, **shown: Any) -> HTMLResponse:
    """The template with `shown` put in as text, whatever it contains."""
    content = _templates.get_template(template).render(shown)
    return HTMLResponse(content, status, headers={**HEADERS, **(headers or {})})
