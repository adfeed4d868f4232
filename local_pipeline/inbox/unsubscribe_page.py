"""The page behind an email's link out of its group, which SendGrid has."""

from html import escape

from aiohttp import web

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Unsubscribe</title>
</head>
<body>
<h1>Unsubscribe</h1>
{text}
</body>
</html>
"""
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    # Without a referrer a browser does not say either which origin posts the form.
    "Referrer-Policy": "same-origin",
}


def unsubscribe_page(*, email: str, group: int, done: bool) -> web.Response:
    """An answer with the page: a question, or that it is done.

    Args:
        email: the recipient's address, as the link has it.
        group: of emails.
        done: whether the address has left the group.
    """
    if done:
        text = f"<p>{escape(email)} gets no more emails of group {group}.</p>"
    else:
        text = (
            f"<p>Send {escape(email)} no more emails of group {group}?</p>\n"
            '<form method="post"><button>Unsubscribe</button></form>'
        )
    return web.Response(text=_PAGE.format(text=text), content_type="text/html", headers=_HEADERS)
