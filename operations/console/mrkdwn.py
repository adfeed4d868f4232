"""Slack's markup as HTML, as far as a page that shows alerts needs it.

https://docs.slack.dev/messaging/formatting-message-text
"""

import html
import re

from markupsafe import Markup

from operations.escaping import escape

_LINK = re.compile(r"&lt;((?:https?|mailto):[^|&\s]*(?:&amp;[^|&\s]*)*)(?:\|(.*?))?&gt;")
_STYLES = (
    (re.compile(r"(?<![\w*])\*(\S(?:[^*\n]*\S)?)\*(?![\w*])"), "strong"),
    (re.compile(r"(?<![\w_/])_(\S(?:[^_\n]*\S)?)_(?![\w_])"), "em"),
    (re.compile(r"(?<![\w~])~(\S(?:[^~\n]*\S)?)~(?![\w~])"), "s"),
)
_CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)


def mrkdwn_to_html(text: object) -> Markup:
    """Bold, italic, struck, code and links of a message; everything else is shown as it stands, and what is not
    plainly printable as Python writes it."""
    # Senders should escape &, < and > outside of markup. Unescaped and escaped again, text of either kind is harmless.
    parts = _CODE.split(html.escape(escape(html.unescape(str(text)), keep="\n")))
    return Markup("".join(_code(part) if index % 2 else _styled(part) for index, part in enumerate(parts)))  # noqa: S704 - escaped above


def _code(part: str) -> str:
    if part.startswith("```"):
        return f"<pre>{part[3:-3].strip()}</pre>"
    return f"<code>{part[1:-1]}</code>"


def _styled(part: str) -> str:
    for pattern, tag in _STYLES:
        part = pattern.sub(rf"<{tag}>\1</{tag}>", part)
    return _LINK.sub(lambda match: f'<a href="{match[1]}" rel="noreferrer">{match[2] or match[1]}</a>', part)
