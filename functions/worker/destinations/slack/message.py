"""A report as blocks of a Slack message. Pure.

https://docs.slack.dev/reference/block-kit/blocks
"""

from collections.abc import Iterator
from typing import Any

from functions.worker.destinations.parcel import Parcel

LONGEST_HEADER = 150
LONGEST_TEXT = 3_000
LONGEST_FIELD = 2_000
LONGEST_ID = 255
MOST_FIELDS = 10


def blocks(parcel: Parcel) -> list[dict[str, Any]]:
    """What a message shows: the subject, what matters, the figures, and links.

    The id of the first block is the delivery's, by which a person or a program finds the message of a delivery.
    """
    return [*_blocks(parcel)]


def _blocks(parcel: Parcel) -> Iterator[dict[str, Any]]:
    yield {
        "type": "header",
        "block_id": parcel.delivery_id[:LONGEST_ID],
        "text": {"type": "plain_text", "text": parcel.subject[:LONGEST_HEADER]},
    }
    if parcel.summary:
        yield {"type": "section", "text": _mrkdwn(escaped(parcel.summary), LONGEST_TEXT)}
    fields = [
        _mrkdwn(f"*{escaped(each.label)}*\n{escaped(each.value)}\n{escaped(each.change)}".rstrip(), LONGEST_FIELD)
        for each in parcel.headlines[:MOST_FIELDS]
    ]
    if fields:
        yield {"type": "section", "fields": fields}
    if shown := " · ".join(f"<{escaped(url)}|{escaped(name)}>" for name, url in parcel.links.items()):
        yield {"type": "context", "elements": [_mrkdwn(shown, LONGEST_TEXT)]}


def escaped(text: str) -> str:
    """A text in which nothing is formatting. https://docs.slack.dev/messaging/formatting-message-text#escaping"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _mrkdwn(text: str, longest: int) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text[:longest]}
