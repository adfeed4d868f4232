"""What recipients do with an email: unsubscribe by one click (RFC 8058), and follow the link to its copy."""

import re
from collections.abc import Mapping
from http import HTTPStatus

import aiohttp

from functions.shared.mail.recipient_token import RecipientToken, TokenKeys

PAGE_URL = "https://reports.example.com/mails"
"""PREFERENCES_URL. Nothing answers there: the harness calls the function itself."""

PAGE_KEY = "the-key-of-the-fault-harness-s-pages"

_KEYS = TokenKeys([PAGE_KEY])
_LINK = re.compile(rf"<{re.escape(PAGE_URL)}/([A-Za-z0-9_-]+)/unsubscribe>")
_COPY = re.compile(rf"{re.escape(PAGE_URL)}/(?:[A-Za-z0-9_-]+/)?copies/([A-Za-z0-9_-]+)")


def token_of(headers: Mapping[str, str]) -> RecipientToken | None:
    """What the link stands for by which the recipient of an email unsubscribes; None where the email has none.

    Args:
        headers: the email's.
    """
    link = _LINK.fullmatch(headers.get("List-Unsubscribe", ""))
    return _KEYS.read(link[1]) if link else None


def copy_in(text: str) -> str:
    """The name, without the user, of the copy that a report's link "View in browser" shows; empty if it has no link.

    Args:
        text: of the report, or its JSON.
    """
    link = _COPY.search(text)
    if link is None:
        return ""
    shared = _KEYS.read_shared_copy(link[1])
    return shared.name if shared else _KEYS.read_copy(link[1]) or "that of a link that nobody made"


def without_links(text: str, tag: str = PAGE_URL) -> str:
    """The words of a report's text without the recipient's own links, and without the tag that stands for one."""
    return " ".join(word for word in text.split() if PAGE_URL not in word and tag not in word)


async def unsubscribe(headers: Mapping[str, str], *, port: int) -> bool:
    """Make the call that an email's headers ask for. Returns whether it was answered as done.

    Args:
        headers: the email's.
        port: where the page's function listens.
    """
    url = headers["List-Unsubscribe"].strip("<>").replace(PAGE_URL, f"http://127.0.0.1:{port}/mails")
    name, _, value = headers["List-Unsubscribe-Post"].partition("=")
    try:
        async with aiohttp.ClientSession() as session, session.post(url, data={name: value}) as answer:
            return answer.status == HTTPStatus.OK
    except aiohttp.ClientError:
        return False
