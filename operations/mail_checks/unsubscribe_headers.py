"""The headers by which a mail program shows its own button "unsubscribe", and knows what list an email is of.

Gmail and Yahoo ask bulk senders for unsubscribing by one click.
https://support.google.com/a/answer/81126
https://senders.yahooinc.com/best-practices/
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from deployment.mail_checks.finding import Finding, State

_CHECK = "unsubscribe-headers"
_LINKS = re.compile(r"<([^<>]*)>")
_ONE_CLICK = "List-Unsubscribe=One-Click"
_SET_A_WAY = "Deploy the recipient's page, or name another way out (docs/guides/deliverability.md)."


def check_unsubscribe_headers(headers: Mapping[str, str], *, in_group: bool, is_needed: bool = True) -> Finding:
    """Check the headers of one recipient's message.

    A link for one click is https, and the only one of its kind in the header; the mailbox provider sends a POST there.
    https://www.rfc-editor.org/rfc/rfc8058#section-3.1
    https://www.rfc-editor.org/rfc/rfc2919#section-3

    Args:
        in_group: whether SendGrid adds the headers of unsubscribing itself, since the emails are in one of its groups.
        is_needed: whether recipients need a way out.
    """
    missing = State.PROBLEM if is_needed else State.WARNING
    if not re.search(r"<[^<>@\s]+\.[^<>@\s]+>", headers.get("List-Id", "")):
        return Finding(_CHECK, State.WARNING, "the email has no List-Id", "Give MAIL_FROM a domain with a dot in it.")
    if in_group:
        return Finding(_CHECK, State.OK, "List-Id; SendGrid adds the link of MAIL_UNSUBSCRIBE_GROUP for one click")
    links = _LINKS.findall(headers.get("List-Unsubscribe", ""))
    if not links:
        return Finding(_CHECK, missing, "the email has no List-Unsubscribe", _SET_A_WAY)
    web = [link for link in links if urlsplit(link).scheme in {"http", "https"}]
    if len(web) != 1 or headers.get("List-Unsubscribe-Post") != _ONE_CLICK:
        return Finding(_CHECK, missing, "the email has no link for unsubscribing by one click", _SET_A_WAY)
    if urlsplit(web[0]).scheme == "http":
        return Finding(
            _CHECK,
            State.UNKNOWN,
            "List-Id, List-Unsubscribe and List-Unsubscribe-Post, with a link of this machine",
            "A deployed page has an https link: run this against Google Cloud, too.",
        )
    return Finding(_CHECK, State.OK, "List-Id, and List-Unsubscribe with an https link for one click")
