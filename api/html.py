"""Plain HTML pages outside Streamlit: no scripts, and a policy that allows our own files only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

API_DIR = Path(__file__).parent
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
DEFAULT_HEADERS = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-store"}
_templates = Environment(
    loader=FileSystemLoader(API_DIR / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render_page(
    template: str, status: int = 200, headers: Mapping[str, str] | None = None, /, **variables: Any
) -> HTMLResponse:
    """Render a template as a response. `variables` are escaped."""
    content = _templates.get_template(template).render(variables)
    return HTMLResponse(content, status, headers={**DEFAULT_HEADERS, **(headers or {})})
