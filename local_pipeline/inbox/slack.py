"""What Slack's incoming webhooks refuse, and with which answer.

https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
https://docs.slack.dev/reference/block-kit/blocks
"""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

MOST_BLOCKS = 50
MOST_ATTACHMENTS = 100
LONGEST_ID = 255
LONGEST_TEXT = 3_000
LONGEST_HEADER = 150
MOST_FIELDS = 10
LONGEST_FIELD = 2_000
MOST_CONTEXT_ELEMENTS = 10
MOST_ACTIONS = 25
LONGEST_BUTTON = 75
LONGEST_URL = 3_000
LONGEST_VALUE = 2_000
LONGEST_ALT_TEXT = 2_000
LONGEST_TITLE = 2_000
LONGEST_MARKDOWN = 12_000

# Their insides are not looked into: no alert needs them, and Slack has the last word on them.
# Tuples, since a type may be anything, and a set refuses to look for a list.
_OTHER_BLOCKS = ("rich_text", "video", "table", "input", "file", "context_actions")
_OTHER_ELEMENTS = (
    "checkboxes",
    "channels_select",
    "conversations_select",
    "datepicker",
    "datetimepicker",
    "external_select",
    "feedback_buttons",
    "icon_button",
    "multi_channels_select",
    "multi_conversations_select",
    "multi_external_select",
    "multi_static_select",
    "multi_users_select",
    "overflow",
    "plain_text_input",
    "radio_buttons",
    "static_select",
    "timepicker",
    "users_select",
    "workflow_button",
)


@dataclass(frozen=True)
class Refusal:
    """Why a message is not posted.

    Attributes:
        answer: the body that Slack answers with, such as `invalid_blocks`.
        detail: what is wrong, by its path. Slack keeps that to itself; here it is logged.
        status: the HTTP status of the answer.
    """

    answer: str
    detail: str
    status: HTTPStatus = HTTPStatus.BAD_REQUEST


def find_refusal(payload: object) -> Refusal | None:
    """Why Slack would not post a webhook's payload, None if it would."""
    if not isinstance(payload, dict):
        return Refusal("invalid_payload", "the payload is not a JSON object")
    text, blocks, attachments = payload.get("text"), payload.get("blocks"), payload.get("attachments")
    if text is not None and not isinstance(text, str):
        return Refusal("invalid_payload", "text is not a string")
    if not text and not blocks and not attachments:
        return Refusal("no_text", "there is neither text nor blocks nor attachments")
    if blocks is not None:
        if not isinstance(blocks, list):
            return Refusal("invalid_blocks_format", "blocks is not an array")
        if problems := _Blocks().problems(blocks, "blocks"):
            return Refusal("invalid_blocks", "; ".join(problems))
    if attachments is not None:
        if not isinstance(attachments, list) or not all(isinstance(each, dict) for each in attachments):
            return Refusal("invalid_attachments", "attachments is not an array of objects")
        if len(attachments) > MOST_ATTACHMENTS:
            return Refusal("too_many_attachments", f"attachments has more than {MOST_ATTACHMENTS}")
        for index, attachment in enumerate(attachments):
            inner = attachment.get("blocks") or []
            field = f"attachments.{index}.blocks"
            if not isinstance(inner, list):
                return Refusal("invalid_attachments", f"{field} is not an array")
            if problems := _Blocks().problems(inner, field):
                return Refusal("invalid_attachments", "; ".join(problems))
    return None


class _Blocks:
    """Collects what is wrong with a list of blocks."""

    def __init__(self) -> None:
        self._problems: list[str] = []

    def problems(self, blocks: list[Any], path: str) -> list[str]:
        if len(blocks) > MOST_BLOCKS:
            self._refuse(path, f"has {len(blocks)} blocks, more than {MOST_BLOCKS}")
        ids: set[str] = set()
        for index, block in enumerate(blocks):
            field = f"{path}.{index}"
            if not isinstance(block, dict):
                self._refuse(field, "is not an object")
                continue
            self._id(block, "block_id", field, ids)
            self._block(block, field)
        return self._problems

    def _refuse(self, field: str, what: str) -> None:
        self._problems.append(f"{field} {what}")

    def _block(self, block: dict[str, Any], field: str) -> None:
        match block.get("type"):
            case "header":
                self._text(block.get("text"), f"{field}.text", LONGEST_HEADER, kinds=("plain_text",))
            case "section":
                self._section(block, field)
            case "context":
                self._elements(block, field, MOST_CONTEXT_ELEMENTS, self._context_element)
            case "actions":
                actions: set[str] = set()
                self._elements(block, field, MOST_ACTIONS, lambda element, path: self._element(element, path, actions))
            case "image":
                self._image(block, field)
                if "title" in block:
                    self._text(block["title"], f"{field}.title", LONGEST_TITLE, kinds=("plain_text",))
            case "markdown":
                self._string(block.get("text"), f"{field}.text", LONGEST_MARKDOWN)
            case "divider":
                pass
            case kind if kind not in _OTHER_BLOCKS:
                self._refuse(f"{field}.type", f"is {kind!r}, which is no type of block")

    def _section(self, block: dict[str, Any], field: str) -> None:
        fields = block.get("fields")
        if block.get("text") is None and fields is None:
            self._refuse(field, "has neither text nor fields")
        if block.get("text") is not None:
            self._text(block["text"], f"{field}.text", LONGEST_TEXT)
        if fields is not None:
            if not isinstance(fields, list) or not 1 <= len(fields) <= MOST_FIELDS:
                self._refuse(f"{field}.fields", f"must have 1 to {MOST_FIELDS} fields")
            else:
                for index, each in enumerate(fields):
                    self._text(each, f"{field}.fields.{index}", LONGEST_FIELD)
        if "accessory" in block:
            accessory = block["accessory"]
            if isinstance(accessory, dict) and accessory.get("type") == "image":
                self._image(accessory, f"{field}.accessory")
            else:
                self._element(accessory, f"{field}.accessory", set())

    def _elements(self, block: dict[str, Any], field: str, most: int, check: Any) -> None:
        elements = block.get("elements")
        if not isinstance(elements, list) or not 1 <= len(elements) <= most:
            self._refuse(f"{field}.elements", f"must have 1 to {most} elements")
            return
        for index, element in enumerate(elements):
            check(element, f"{field}.elements.{index}")

    def _context_element(self, element: object, field: str) -> None:
        if isinstance(element, dict) and element.get("type") == "image":
            self._image(element, field)
        else:
            self._text(element, field, LONGEST_TEXT)

    def _element(self, element: object, field: str, ids: set[str]) -> None:
        if not isinstance(element, dict):
            self._refuse(field, "is not an object")
            return
        self._id(element, "action_id", field, ids)
        kind = element.get("type")
        if kind != "button":
            if kind not in _OTHER_ELEMENTS:
                self._refuse(f"{field}.type", f"is {kind!r}, which is no type of element")
            return
        self._text(element.get("text"), f"{field}.text", LONGEST_BUTTON, kinds=("plain_text",))
        if "url" in element:
            self._url(element["url"], f"{field}.url")
        if "value" in element:
            self._string(element["value"], f"{field}.value", LONGEST_VALUE)
        if "style" in element and element["style"] not in ("primary", "danger"):
            self._refuse(f"{field}.style", f"is {element['style']!r}, neither primary nor danger")

    def _image(self, image: dict[str, Any], field: str) -> None:
        if "slack_file" not in image:
            self._url(image.get("image_url"), f"{field}.image_url")
        self._string(image.get("alt_text"), f"{field}.alt_text", LONGEST_ALT_TEXT)

    def _text(
        self, value: object, field: str, longest: int, *, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")
    ) -> None:
        if not isinstance(value, dict):
            self._refuse(field, "is not a text object")
            return
        kind = value.get("type")
        if kind not in kinds:
            self._refuse(f"{field}.type", f"is {kind!r}, not {' or '.join(kinds)}")
        self._string(value.get("text"), f"{field}.text", longest)
        for name, allowed in (("emoji", "plain_text"), ("verbatim", "mrkdwn")):
            if name in value and (kind != allowed or not isinstance(value[name], bool)):
                self._refuse(f"{field}.{name}", f"is for {allowed} only, and true or false")

    def _string(self, value: object, field: str, longest: int) -> None:
        if not isinstance(value, str) or not value:
            self._refuse(field, "must be a string of at least one character")
        elif len(value) > longest:
            self._refuse(field, f"has {len(value)} characters, more than {longest}")

    def _url(self, value: object, field: str) -> None:
        self._string(value, field, LONGEST_URL)
        if isinstance(value, str) and value and not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:\S+$", value):
            self._refuse(field, f"is {value!r}, which is no URL")

    def _id(self, holder: dict[str, Any], name: str, field: str, seen: set[str]) -> None:
        if name not in holder:
            return
        value = holder[name]
        self._string(value, f"{field}.{name}", LONGEST_ID)
        if isinstance(value, str):
            if value in seen:
                self._refuse(f"{field}.{name}", f"is {value!r}, as one before it is")
            seen.add(value)
