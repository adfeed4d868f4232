"""The calls of the API, for docs/guides/api.md."""

import inspect

from functions.api.routes import ROUTES
from tests.documents.generated_parts import table


def calls(_part: str) -> str:
    """What each call does, in the first sentence of what the code says of it."""
    rows = []
    for route in ROUTES:
        does, *_ = " ".join((inspect.getdoc(route.carry_out) or "").split()).split(". ")
        more = " `?" + "&".join(f"{name}=" for name in route.query) + "`" if route.query else ""
        rows.append((f"`{route.method} {route.path}`{more}", does.rstrip(".")))
    return table(("call", "what it does"), rows)


PARTS = {"calls": calls}
"""By name, what makes a part of the page."""
