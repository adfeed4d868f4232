"""A report as a card of Google Chat. Pure.

https://developers.google.com/workspace/chat/api/reference/rest/v1/cards
"""

import html
import json
from typing import Any

from functions.worker.destinations.parcel import Parcel

MOST_BYTES = 32_000
"""Of a message with its cards. https://developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages/create"""

_LONGEST_TEXT = 3_000
_LONGEST_FIGURE = 300
_MOST_FIGURES = 20


def card(parcel: Parcel) -> dict[str, Any]:
    """The message: what matters, the figures, and links. A card shows pictures only by a public URL, so it has none.

    The id of the card is the delivery's, by which a person or a program finds the message of a delivery.
    """
    widgets: list[dict[str, Any]] = []
    if parcel.summary:
        widgets.append({"textParagraph": {"text": _text(parcel.summary, _LONGEST_TEXT)}})
    for each in parcel.headlines[:_MOST_FIGURES]:
        shown = {"topLabel": each.label, "text": _text(each.value, _LONGEST_FIGURE), "bottomLabel": each.change}
        widgets.append({"decoratedText": {name: text[:_LONGEST_FIGURE] for name, text in shown.items() if text}})
    buttons = [{"text": name, "onClick": {"openLink": {"url": url}}} for name, url in parcel.links.items()]
    if buttons:
        widgets.append({"buttonList": {"buttons": buttons}})
    section = [{"widgets": widgets}] if widgets else []
    return {
        "cardsV2": [{"cardId": parcel.delivery_id, "card": {"header": {"title": parcel.subject}, "sections": section}}]
    }


def body(parcel: Parcel) -> bytes:
    """The message to the byte."""
    return json.dumps(card(parcel), ensure_ascii=False, separators=(",", ":")).encode()


def _text(text: str, longest: int) -> str:
    """A text in which nothing is formatting: https://developers.google.com/workspace/chat/format-messages#card-formatting"""
    return html.escape(text[:longest], quote=False)
