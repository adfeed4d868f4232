"""What goes to SendGrid: by its own description, with its groups and its substitutions."""

import json
from collections.abc import Sequence

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.worker.destinations.email.model import MailRecipient, Sender
from functions.worker.destinations.email.sendgrid.request import to_request
from functions.worker.destinations.email.sendgrid.tags import GROUP_LINK
from report_kit.report import Attachment, InlineImage
from tests.functions.worker.destinations.email.provider_case import SentMessage
from tests.functions.worker.destinations.email.sample_mail import SENDER, SEVERAL, mail, recipient
from tests.functions.worker.destinations.email.sendgrid_case import SENDGRID
from tests.functions.worker.unit.sendgrid_schema import MAIL_SEND

VALIDATOR = jsonschema.Draft202012Validator(MAIL_SEND)
FILE = Attachment(filename="売上.csv", content=b"a", media_type="text/csv")
IN_GROUP = Sender(address="a@example.com", unsubscribe_group=7)


@given(
    name=st.text(),
    subject=st.text(),
    header=st.text(),
    sender=st.builds(
        Sender,
        address=st.just("reports@example.com"),
        name=st.text(),
        reply_to=st.sampled_from(["", "help@example.com"]),
        unsubscribe_group=st.none() | st.integers(1),
        own_unsubscribe=st.booleans(),
        sandbox=st.booleans(),
    ),
    images=st.lists(st.builds(InlineImage, content_id=st.just("chart"), content=st.binary(min_size=1)), max_size=2),
    others=st.sampled_from([[], SEVERAL[1:]]),
    files=st.sampled_from([[], [FILE]]),
)
def test_any_mail_is_valid_by_sendgrids_description(
    name: str,
    subject: str,
    header: str,
    sender: Sender,
    images: Sequence[InlineImage],
    others: Sequence[MailRecipient],
    files: Sequence[Attachment],
) -> None:
    to = [recipient(name=name, headers={"X-Test": header}), *others]
    request = to_request(mail(recipients=to, subject=subject, images=images, attachments=files), sender)
    VALIDATOR.validate(request)
    assert request["categories"] == ["report", "activity"]
    assert ("attachments" in request) == bool(images or files)


def test_a_group_is_sendgrids_to_keep_and_to_announce() -> None:
    request = to_request(mail(), IN_GROUP)
    assert request["asm"] == {"group_id": 7}
    assert request["tracking_settings"]["subscription_tracking"]["enable"] is True


def test_sendgrid_adds_no_link_beside_the_teams_own() -> None:
    request = to_request(mail(), Sender(address="a@example.com", own_unsubscribe=True))
    assert request["tracking_settings"] == {"subscription_tracking": {"enable": False}}
    assert "asm" not in request
    assert "tracking_settings" not in to_request(mail(), SENDER)


def received(recipients: Sequence[MailRecipient], sender: Sender) -> Sequence[SentMessage]:
    """The messages of an email."""
    return SENDGRID.read(SENDGRID.written(mail(recipients=recipients), sender))


@pytest.mark.parametrize("recipients", [SEVERAL[:1], SEVERAL[1:]])
def test_a_link_that_is_the_same_for_all_stands_in_the_body(recipients: Sequence[MailRecipient]) -> None:
    """The usual email needs nothing of SendGrid's substitutions."""
    assert "substitutions" not in json.dumps(to_request(mail(recipients=recipients), SENDER))
    assert [each.text for each in received(recipients, SENDER)] == [
        f"text {each.unsubscribe_url}" for each in recipients
    ]


def test_a_groups_link_is_sendgrids_to_make_for_each_recipient() -> None:
    for message in received([recipient(), recipient("boss@example.com")], IN_GROUP):
        assert message.text == f"text {GROUP_LINK}"
        assert message.html == f'<p>html <a href="{GROUP_LINK}">out</a></p>'
