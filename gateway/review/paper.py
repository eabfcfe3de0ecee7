"""Templates: every value escaped, every undefined name an error."""

from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from gateway.review.words import FILTERS

STATIC = files("gateway.review") / "static"

_templates = Environment(
    loader=PackageLoader("gateway.review", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters.update(FILTERS)

_USUAL: dict[str, Any] = {"visitor": None, "here": "", "problem": ""}


def page(request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
    """One page. `visitor` and `here` (which place in the menu) are known to every template."""
    text = _templates.get_template(template).render(_USUAL | {"visitor": visitor_on(request)} | context)
    return HTMLResponse(text, status)


def visitor_on(request: Request) -> Any:
    """Who was recognised for this request, if that far."""
    return getattr(request.state, "visitor", None)
