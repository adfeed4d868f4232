"""Whether a form comes from the page itself. Pure."""

from collections.abc import Sequence

from functions.shared.serving.identity import Headers


def is_own_form(headers: Headers, origins: Sequence[str]) -> bool:
    """Whether a form comes from the page. Browsers say so by one header or the other, and no website can
    change either. What is no browser may send neither: who knows a recipient's link needs no form of another website.

    https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header

    Args:
        headers: of the request.
        origins: of the page, such as `https://reports.example.com`.
    """
    if site := headers.get("Sec-Fetch-Site", ""):
        return site in {"same-origin", "none"}
    return headers.get("Origin", origins[0]) in origins
