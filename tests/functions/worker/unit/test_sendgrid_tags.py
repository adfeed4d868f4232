"""SendGrid's tags in what users wrote: as text, and nothing else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.worker.mail.compliance import MailCompliance
from functions.worker.mail.model import Mail, Sender
from functions.worker.mail.sendgrid.request import to_request
from functions.worker.mail.sendgrid.tags import GROUP_LINK, inert
from tests.functions.worker.unit.samples import PERIOD
from tests.functions.worker.unit.samples import mail as made

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
]


@pytest.mark.parametrize("tag", TAGS)
@given(before=st.text("<%[]> a"), after=st.text("<%[]> a"))
def test_no_tag_is_left_in_any_text(tag: str, before: str, after: str) -> None:
    text = inert(before + tag + after)
    assert tag not in text
    assert "<%" not in text
    assert "%>" not in text
    assert text.replace(" ", "") == (before + tag + after).replace(" ", "")


@pytest.mark.parametrize("text", ["5% < 7%", "a < b", "[prod] deployed", "100 %", "-name-", "{{ name }}", "<b>", ""])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert inert(text) == text


def report(text: str) -> Mail:
    """A mail with a text in it wherever users can put one, and a link out of SendGrid's group."""
    at = PERIOD.start
    stored = {
        "events": {"e1": {"at": at, "type": text}},
        "quotas": {text.replace("/", ""): {"allowed": 1, "unit": text}, "q": {"allowed": 1, "name": text}},
        "usage": {"u1": {"at": at, "quota": "q", "amount": 2}},
    }
    compliance = MailCompliance(domain="example.com", in_group=True)
    parts = [made(kind, stored, of={"name": text}, compliance=compliance) for kind in ("activity", "usage")]
    return Mail(
        to_address=parts[0].to_address,
        to_name=parts[0].to_name,
        subject=" ".join(part.subject for part in parts),
        text="\n".join(part.text for part in parts),
        html="\n".join(part.html for part in parts),
        arguments={},
    )


@pytest.mark.parametrize("tag", TAGS)
def test_only_the_templates_own_tag_is_in_a_mail(tag: str) -> None:
    mail = report(tag)
    assert re.findall("<%.*?%>", mail.text) == [GROUP_LINK] * 2
    assert re.findall("<%.*?%>", mail.html) == [GROUP_LINK] * 2
    for part in (mail.text.replace(GROUP_LINK, ""), mail.html.replace(GROUP_LINK, ""), mail.subject, mail.to_name):
        assert tag not in part
        assert tag.replace("<", "&lt;").replace(">", "&gt;") not in part


def test_a_request_gives_sendgrid_nothing_to_put_in_the_place_of_other_tags() -> None:
    """`-name-` and `{{ name }}` mean something only with these."""
    request = to_request(report("-name- {{ name }}"), Sender(address="reports@example.com", unsubscribe_group=7))
    given = request.keys() | request["personalizations"][0].keys()
    assert given.isdisjoint({"template_id", "sections", "substitutions", "dynamic_template_data"})
