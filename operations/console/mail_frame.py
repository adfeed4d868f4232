"""An email in a frame: it can run and load nothing, also where its address is opened by itself."""

import re

from starlette.responses import HTMLResponse

LOOKS = ("light", "dark")
"""How emails are shown: as on a screen set to light or to dark."""
WIDTHS = {"phone": 360, "desktop": 720}
"""The widths in CSS pixels at which emails are shown."""

_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)", re.IGNORECASE)
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; "
    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; frame-ancestors 'self'; base-uri 'none'"
)


def mail_response(page: str, look: str = "") -> HTMLResponse:
    """An answer with the HTML of an email.

    Args:
        page: the HTML; hostile as far as the console is concerned.
        look: one of LOOKS, whatever the viewer's own screen is set to; else as that is set.
    """
    if look in LOOKS:
        # A frame has the viewer's own setting, and no page can give it another.
        page = _DARK.sub("all" if look == "dark" else "not all", page)
    return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})
