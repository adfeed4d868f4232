"""SendGrid's tags in what users wrote: as text, and nothing else."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.worker.destinations.email.compliance import MailCompliance
from functions.worker.destinations.email.model import Sender
from functions.worker.destinations.email.provider import make_tags_inert
from functions.worker.destinations.email.sendgrid.request import to_request
from functions.worker.destinations.email.sendgrid.tags import GROUP_LINK
from functions.worker.destinations.email.unsubscribe_link import IN_HTML, IN_TEXT
from tests.functions.worker.unit.samples import PERIOD, mail

TAGS = [
    "<%asm_group_unsubscribe_raw_url%>",
    "<%asm_global_unsubscribe_raw_url%>",
    "<%asm_preferences_raw_url%>",
    "<% unsubscribe %>",
    "<%%>",
    "[unsubscribe]",
    "[Unsubscribe_Tag]",
    "[%unsubscribe%]",
    "[no second unsubscribe link]",
    "[weblink]",
    IN_TEXT,
    IN_HTML,
    IN_TEXT.upper(),
]


@pytest.mark.parametrize("tag", TAGS)
@given(before=st.text("<%[]> a-_"), after=st.text("<%[]> a-_"))
def test_no_tag_is_left_in_any_text(tag: str, before: str, after: str) -> None:
    text = make_tags_inert(before + tag + after)
    assert tag not in text
    assert "<%" not in text
    assert "%>" not in text
    assert text.replace(" ", "") == (before + tag + after).replace(" ", "")


@pytest.mark.parametrize(
    "text", ["recipient_url", "5% < 7%", "a < b", "[prod] deployed", "100 %", "-name-", "{{ name }}", "<b>", ""]
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert make_tags_inert(text) == text


def content_of_request(text: str, **subscription: Any) -> str:
    """What goes to SendGrid of emails with a text in them wherever users can put one: both parts and the subject of
    both kinds, and the name beside the address."""
    at = PERIOD.start
    stored = {
        "events": {"e1": {"at": at, "type": text}},
        "quotas": {text.replace("/", ""): {"allowed": 1, "unit": text}, "q": {"allowed": 1, "name": text}},
        "usage": {"u1": {"at": at, "quota": "q", "amount": 2}},
    }
    in_group = MailCompliance(sender="reports@example.com", in_group=True)
    own = replace(
        in_group, in_group=False, unsubscribe_url="https://example.com/{user_id}{token}", unsubscribe_key="k" * 16
    )
    compliance, group = (own, None) if subscription else (in_group, 7)
    parts = []
    for kind in ("activity", "usage"):
        made = mail(kind, stored, of={"name": text}, by=subscription, compliance=compliance)
        request = to_request(made, Sender(address="reports@example.com", unsubscribe_group=group))
        parts += [request["subject"], *(block["value"] for block in request["content"])]
        parts += [each["to"][0].get("name", "") for each in request["personalizations"]]
    return "\n".join(parts)


@pytest.mark.parametrize("tag", TAGS)
def test_only_the_templates_own_tag_is_in_a_mail(tag: str) -> None:
    content = content_of_request(tag)
    assert re.findall("<%.*?%>", content) == [GROUP_LINK] * 4
    for shown in (tag, tag.replace("<", "&lt;").replace(">", "&gt;")):
        assert shown not in content.replace(GROUP_LINK, "")


@pytest.mark.parametrize("tag", [IN_TEXT, IN_HTML])
def test_only_the_links_own_tags_are_in_a_mail_to_several(tag: str) -> None:
    content = content_of_request(tag, cc=["boss@example.com"])
    assert content.count(tag) == 2


def test_a_request_gives_sendgrid_nothing_to_put_in_the_place_of_other_tags() -> None:
    """`-name-` and `{{ name }}` mean something only with these."""
    request = to_request(
        mail("activity", {}, of={"name": "-name- {{ name }}"}, by={"cc": ["boss@example.com"]}),
        Sender(address="reports@example.com"),
    )
    given = request.keys() | request["personalizations"][0].keys()
    assert given.isdisjoint({"template_id", "sections", "dynamic_template_data"})
    assert request["personalizations"][0].get("substitutions", {}).keys() <= {IN_TEXT, IN_HTML}
