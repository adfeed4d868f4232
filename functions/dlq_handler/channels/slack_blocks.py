"""Shows an alert in Slack's Block Kit. Pure.

https://docs.slack.dev/reference/block-kit/blocks
https://docs.slack.dev/messaging/formatting-message-text#escaping
"""

from slack_sdk.models.blocks import (
    Block,
    DividerBlock,
    HeaderBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
    TextObject,
)

from functions.dlq_handler.channels.alert import Alert
from functions.dlq_handler.channels.plain_text import cut_text

MAX_HEADER = 150
MAX_TEXT = 3000
MAX_FIELD = 2000
MAX_FIELDS = 10
MAX_ADVICE = 1000
MAX_FALLBACK = 1000
"""Far below Slack's 40,000, since notifications show it."""

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def to_blocks(alert: Alert) -> list[Block]:
    """The blocks of an alert, within Slack's limits whatever the alert holds."""
    blocks: list[Block] = [
        HeaderBlock(text=PlainTextObject(text=cut_text(alert.title, MAX_HEADER))),
        SectionBlock(fields=[_field(name, value) for name, value in alert.facts[:MAX_FIELDS]]),
        SectionBlock(text=_mrkdwn(code_block(alert.error, MAX_TEXT))),
    ]
    if alert.following:
        blocks.append(SectionBlock(text=_mrkdwn(f"*{escaped(alert.following, MAX_TEXT - 2)}*")))
    what_to_do = escaped(" ".join(part for part in ("What to do:", alert.advice) if part), MAX_ADVICE)
    commands = code_block("\n".join(alert.commands), MAX_TEXT - MAX_ADVICE - 1)
    blocks.append(SectionBlock(text=_mrkdwn(f"{what_to_do}\n{commands}")))
    if alert.links:
        links = "  ·  ".join(f"<{_escape(link.url)}|{_escape(link.text)}>" for link in alert.links)
        blocks.append(SectionBlock(text=_mrkdwn(links)))
    return [*blocks, DividerBlock()]


def to_fallback(alert: Alert) -> str:
    """The text that notifications and screen readers get."""
    return escaped(" ".join(part for part in (f"{alert.title}. {alert.error}", alert.following) if part), MAX_FALLBACK)


def escaped(text: str, limit: int) -> str:
    """Text that Slack shows as it is, without markup, mention or link, and within the limit after escaping."""
    whole = _escape(text)
    if len(whole) <= limit:
        return whole
    kept: list[str] = []
    room = limit - 1
    for character in text:
        room -= len(_ENTITIES.get(character, character))
        if room < 0:
            break
        kept.append(character)
    return _escape("".join(kept)) + "…"


def code_block(text: str, limit: int) -> str:
    """Preformatted text. Nothing in the text can end it."""
    return "```" + escaped(text.replace("```", "'''"), limit - 6) + "```"


def _escape(text: str) -> str:
    return "".join(_ENTITIES.get(character, character) for character in text)


def _field(name: str, value: str) -> TextObject:
    shown = escaped(name, 200)
    return _mrkdwn(f"*{shown}*\n{escaped(value, MAX_FIELD - len(shown) - 3)}")


def _mrkdwn(text: str) -> MarkdownTextObject:
    # Verbatim: Slack makes no links of what is not marked as a link.
    return MarkdownTextObject(text=text, verbatim=True)
