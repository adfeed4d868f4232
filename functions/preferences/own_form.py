"""Whether a form comes from the page itself. Pure."""

from functions.shared.serving.identity import Headers


def is_own_form(headers: Headers, origin: str) -> bool:
    """Whether a form comes from a page of an origin. Browsers say so by one header or the other, and no website can
    change either. What is no browser may send neither: who knows a recipient's link needs no form of another website.

    https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header

    Args:
        headers: of the request.
        origin: such as `https://reports.example.com`.
    """
    if site := headers.get("Sec-Fetch-Site", ""):
        return site in {"same-origin", "none"}
    return headers.get("Origin", origin) == origin
