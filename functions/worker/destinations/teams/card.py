"""A report as an Adaptive Card for Teams. Pure.

https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-reference#adaptive-card
"""

import base64
import json
from typing import Any

from functions.worker.destinations.parcel import Parcel

MOST_BYTES = 28 * 1024
"""Of a message that a workflow posts. https://learn.microsoft.com/connectors/teams/#known-issues-and-limitations-with-actions"""

_LONGEST_TEXT = 3_000
_LONGEST_FIGURE = 300
_MOST_FIGURES = 20


def body(parcel: Parcel) -> bytes:
    """The message to the byte: with the chart where there is room for it. A card is the only thing that a workflow
    posts, and a picture within it counts against the message's size.
    """
    whole = _encoded(message(parcel, with_picture=True))
    return whole if len(whole) <= MOST_BYTES else _encoded(message(parcel, with_picture=False))


def message(parcel: Parcel, *, with_picture: bool) -> dict[str, Any]:
    """The message: what matters, the figures, the chart, and links.

    The id of the first element is the delivery's, by which a person or a program finds the message of a delivery.

    Args:
        parcel: the report.
        with_picture: whether its first picture is in it.
    """
    shown: list[dict[str, Any]] = [
        {
            "type": "TextBlock",
            "id": parcel.delivery_id,
            "text": escaped(parcel.subject),
            "size": "Large",
            "weight": "Bolder",
            "wrap": True,
        }
    ]
    if parcel.summary:
        shown.append({"type": "TextBlock", "text": escaped(parcel.summary[:_LONGEST_TEXT]), "wrap": True})
    facts = [
        {
            "title": escaped(each.label[:_LONGEST_FIGURE]),
            "value": escaped(" · ".join(filter(None, (each.value, each.change)))[:_LONGEST_FIGURE]),
        }
        for each in parcel.headlines[:_MOST_FIGURES]
    ]
    if facts:
        shown.append({"type": "FactSet", "facts": facts})
    if with_picture and parcel.images:
        image = parcel.images[0]
        data = base64.b64encode(image.content).decode()
        description = parcel.charts[0].description if parcel.charts else parcel.subject
        shown.append({"type": "Image", "url": f"data:{image.media_type};base64,{data}", "altText": description})
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": shown,
        "actions": [{"type": "Action.OpenUrl", "title": name, "url": url} for name, url in parcel.links.items()],
    }
    return {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
    }


def escaped(text: str) -> str:
    """A text in which nothing is Markdown.

    https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features
    """
    return "".join(f"\\{each}" if each in "\\*_[]()#-" else each for each in text)


def _encoded(message: dict[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
