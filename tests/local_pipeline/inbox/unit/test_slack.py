"""What Slack's incoming webhooks take and refuse."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from local_pipeline.inbox.slack import find_refusal


def plain(text: str = "x") -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str = "x") -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}


def button(**changes: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain(), **changes}


def section(**changes: Any) -> dict[str, Any]:
    return {"type": "section", **changes}


@pytest.mark.parametrize(
    "payload",
    [
        {"text": "x"},
        {"text": "x" * 40_000},
        {"attachments": [{"text": "x"}]},
        {"blocks": [{"type": "divider"}] * 50},
        {"blocks": [{"type": "header", "text": {**plain("x" * 150), "emoji": True}}]},
        {"blocks": [section(text=mrkdwn("x" * 3000))]},
        {"blocks": [section(text={**mrkdwn(), "verbatim": True})]},
        {"blocks": [section(fields=[mrkdwn("x" * 2000), plain()] * 5)]},
        {"blocks": [section(text=plain(), accessory=button(action_id="a"))]},
        {
            "blocks": [
                section(text=plain(), accessory={"type": "image", "image_url": "https://a.b/c.png", "alt_text": "x"})
            ]
        },
        {
            "blocks": [
                {
                    "type": "context",
                    "elements": [mrkdwn(), {"type": "image", "image_url": "https://a.b/", "alt_text": "x"}],
                }
            ]
        },
        {"blocks": [{"type": "actions", "elements": [button(url="https://a.b/", value="x", style="danger")] * 25}]},
        {"blocks": [{"type": "image", "image_url": "https://a.b/c.png", "alt_text": "x", "title": plain()}]},
        {"blocks": [{"type": "markdown", "text": "# x"}]},
        {"blocks": [{"type": "rich_text", "elements": []}]},
        {"text": "x", "blocks": []},
        {"text": "x", "attachments": [{"color": "#ff0000", "blocks": [section(text=plain())]}]},
    ],
)
def test_what_is_posted(payload: dict[str, Any]) -> None:
    assert find_refusal(payload) is None


@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        (None, "invalid_payload"),
        ([], "invalid_payload"),
        ("x", "invalid_payload"),
        ({"text": 5}, "invalid_payload"),
        ({}, "no_text"),
        ({"text": ""}, "no_text"),
        ({"blocks": []}, "no_text"),
        ({"text": "x", "blocks": {}}, "invalid_blocks_format"),
        ({"text": "x", "attachments": {}}, "invalid_attachments"),
        ({"text": "x", "attachments": ["x"]}, "invalid_attachments"),
        ({"text": "x", "attachments": [{"text": "x"}] * 101}, "too_many_attachments"),
        ({"text": "x", "attachments": [{"blocks": [{"type": "x"}]}]}, "invalid_attachments"),
    ],
)
def test_what_is_refused(payload: object, answer: str) -> None:
    refusal = find_refusal(payload)
    assert refusal is not None
    assert (refusal.answer, refusal.status) == (answer, 400)


@pytest.mark.parametrize(
    ("blocks", "detail"),
    [
        (["x"], "blocks.0 is not an object"),
        ([{}], "blocks.0.type is None"),
        ([{"type": "banner"}], "blocks.0.type is 'banner'"),
        ([{"type": "divider"}] * 51, "blocks has 51 blocks"),
        ([{"type": "divider", "block_id": "x" * 256}], "blocks.0.block_id has 256 characters"),
        ([{"type": "divider", "block_id": "a"}] * 2, "blocks.1.block_id is 'a'"),
        ([{"type": "header"}], "blocks.0.text is not a text object"),
        ([{"type": "header", "text": mrkdwn()}], "blocks.0.text.type is 'mrkdwn'"),
        ([{"type": "header", "text": plain("x" * 151)}], "blocks.0.text.text has 151 characters"),
        ([{"type": "header", "text": plain("")}], "blocks.0.text.text must be a string"),
        ([section()], "blocks.0 has neither text nor fields"),
        ([section(text="x")], "blocks.0.text is not a text object"),
        ([section(text=mrkdwn("x" * 3001))], "blocks.0.text.text has 3001 characters"),
        ([section(text={"type": "html", "text": "x"})], "blocks.0.text.type is 'html'"),
        ([section(text={**mrkdwn(), "emoji": True})], "blocks.0.text.emoji is for plain_text only"),
        ([section(fields=[])], "blocks.0.fields must have 1 to 10 fields"),
        ([section(fields=[plain()] * 11)], "blocks.0.fields must have 1 to 10 fields"),
        ([section(fields=[mrkdwn("x" * 2001)])], "blocks.0.fields.0.text has 2001 characters"),
        ([section(fields=[mrkdwn("")])], "blocks.0.fields.0.text must be a string"),
        ([section(text=plain(), accessory={"type": "knob"})], "blocks.0.accessory.type is 'knob'"),
        ([section(text=plain(), accessory="x")], "blocks.0.accessory is not an object"),
        ([{"type": "context", "elements": []}], "blocks.0.elements must have 1 to 10 elements"),
        ([{"type": "context", "elements": [plain()] * 11}], "blocks.0.elements must have 1 to 10 elements"),
        ([{"type": "context", "elements": [button()]}], "blocks.0.elements.0.type is 'button'"),
        ([{"type": "actions"}], "blocks.0.elements must have 1 to 25 elements"),
        ([{"type": "actions", "elements": [button()] * 26}], "blocks.0.elements must have 1 to 25 elements"),
        ([{"type": "actions", "elements": [plain()]}], "blocks.0.elements.0.type is 'plain_text'"),
        ([{"type": "actions", "elements": [button(text=plain("x" * 76))]}], "blocks.0.elements.0.text.text has 76"),
        ([{"type": "actions", "elements": [button(text=mrkdwn())]}], "blocks.0.elements.0.text.type is 'mrkdwn'"),
        ([{"type": "actions", "elements": [button(url="localhost/logs")]}], "blocks.0.elements.0.url is"),
        ([{"type": "actions", "elements": [button(url="https://" + "x" * 3000)]}], "blocks.0.elements.0.url has"),
        ([{"type": "actions", "elements": [button(value="x" * 2001)]}], "blocks.0.elements.0.value has 2001"),
        ([{"type": "actions", "elements": [button(style="loud")]}], "blocks.0.elements.0.style is 'loud'"),
        ([{"type": "actions", "elements": [button(action_id="a")] * 2}], "blocks.0.elements.1.action_id is 'a'"),
        ([{"type": "image", "image_url": "https://a.b/"}], "blocks.0.alt_text must be a string"),
        ([{"type": "image", "alt_text": "x"}], "blocks.0.image_url must be a string"),
    ],
)
def test_blocks_that_are_refused_name_their_place(blocks: list[Any], detail: str) -> None:
    refusal = find_refusal({"text": "x", "blocks": blocks})
    assert refusal is not None
    assert refusal.answer == "invalid_blocks"
    assert refusal.detail.startswith(detail)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "elements", "fields", "blocks", "attachments", "accessory", "url"]),
            inner | st.sampled_from(["section", "actions", "context", "button", "mrkdwn", "image"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
@example({"blocks": [{"type": []}]})
@example({"blocks": [{"type": "actions", "elements": [{"type": {}}]}]})
def test_whatever_is_posted_gets_an_answer(payload: object) -> None:
    refusal = find_refusal(payload)
    assert refusal is None or json.dumps(refusal.detail)
