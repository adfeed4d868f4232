"""What goes to SendGrid: by its own description, and with no way into a header."""

from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.ids import delivery_id
from functions.shared.user import User
from functions.worker.mail.compliance import MailCompliance
from functions.worker.mail.model import Attachment, InlineImage, Mail, MailRecipient, RecipientRole, Sender
from functions.worker.mail.sendgrid.request import to_request
from functions.worker.mail.sendgrid.tags import GROUP_LINK
from functions.worker.mail.unsubscribe_link import IN_HTML, IN_TEXT
from local_cloud.inbox.mail import Mail as ReceivedMail
from local_cloud.inbox.mail import split
from local_cloud.inbox.sendgrid import find_problems
from tests.functions.worker.unit.sendgrid_schema import MAIL_SEND

VALIDATOR = jsonschema.Draft202012Validator(MAIL_SEND)
SENDER = Sender(address="reports@example.com", name="Reports")


def recipient(address: str = "ada@example.com", **changes: Any) -> MailRecipient:
    return MailRecipient(**{"address": address, "name": "Ada", "headers": {"X-Entity-Ref-ID": "abc"}, **changes})


def received(request: dict[str, Any]) -> list[ReceivedMail]:
    """The messages that a request makes."""
    return split(request, message_id="m1", received_at=datetime(2026, 11, 24, tzinfo=UTC), size=1)


def mail(**changes: Any) -> Mail:
    fields: dict[str, Any] = {
        "recipients": [recipient()],
        "subject": "Your activity",
        "text": f"text {IN_TEXT}",
        "html": f'<p>html <a href="{IN_HTML}">out</a></p>',
        "images": [InlineImage(content_id="chart", content=b"\x89PNG")],
        "categories": ("report", "activity"),
        "arguments": {"delivery_id": "u1-20261124T1300Z", "run_id": "20261124T1300Z"},
    }
    return Mail(**{**fields, **changes})


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
)
def test_any_mail_is_valid_by_sendgrids_description_and_breaks_no_header(
    name: str, subject: str, header: str, sender: Sender, images: list[InlineImage]
) -> None:
    request = to_request(
        mail(recipients=[recipient(name=name, headers={"X-Test": header})], subject=subject, images=images), sender
    )
    VALIDATOR.validate(request)
    personalization = request["personalizations"][0]
    lines = [
        request["subject"],
        request["from"].get("name", ""),
        personalization["to"][0].get("name", ""),
        *personalization["headers"].values(),
    ]
    for line in lines:
        assert line == line.strip()
        assert len(line.splitlines()) <= 1
        # A control character, or one that turns the direction of writing.
        assert not any(character < " " or character in "\x7f\u202e\u2066\u200f" for character in line)
    assert len(request["subject"]) <= 200


def test_a_header_cannot_be_added_by_a_name() -> None:
    request = to_request(mail(recipients=[recipient(name="Ada\r\nBcc: everybody@example.com")]), SENDER)
    assert request["personalizations"][0]["to"][0]["name"] == "Ada Bcc: everybody@example.com"


def test_the_delivery_and_its_run_come_back_with_sendgrids_events() -> None:
    request = to_request(mail(), SENDER)
    assert request["personalizations"][0]["custom_args"] == {
        "delivery_id": "u1-20261124T1300Z",
        "run_id": "20261124T1300Z",
    }
    assert request["categories"] == ["report", "activity"]


def test_answers_go_where_the_team_wants_them() -> None:
    assert "reply_to" not in to_request(mail(), SENDER)
    assert to_request(mail(), Sender(address="a@example.com", reply_to="b@example.com"))["reply_to"] == {
        "email": "b@example.com"
    }


@pytest.mark.parametrize(("sender_is", "subscription_is"), [(True, False), (False, True), (True, True)])
def test_a_sandboxed_mail_is_only_checked(sender_is: bool, subscription_is: bool) -> None:
    request = to_request(mail(sandbox=subscription_is), Sender(address="a@example.com", sandbox=sender_is))
    assert request["mail_settings"] == {"sandbox_mode": {"enable": True}}
    assert "mail_settings" not in to_request(mail(), SENDER)


def test_a_group_is_sendgrids_to_keep_and_to_announce() -> None:
    request = to_request(mail(), Sender(address="a@example.com", unsubscribe_group=7))
    assert request["asm"] == {"group_id": 7}
    assert request["tracking_settings"]["subscription_tracking"]["enable"] is True


def test_sendgrid_adds_no_link_beside_the_teams_own() -> None:
    request = to_request(mail(), Sender(address="a@example.com", own_unsubscribe=True))
    assert request["tracking_settings"] == {"subscription_tracking": {"enable": False}}
    assert "asm" not in request
    assert "tracking_settings" not in to_request(mail(), SENDER)


SEVERAL = [
    recipient(unsubscribe_url="https://example.com/out?user=ada&token=t1", headers={"List-Unsubscribe": "<https://a>"}),
    recipient("team@example.com", unsubscribe_url="mailto:help@example.com?subject=b", headers={}),
    *(
        recipient(f"{role}@example.com", unsubscribe_url="mailto:help@example.com?subject=b", role=role)
        for role in RecipientRole
    ),
]
"""The user, and others in every role."""


def test_each_recipient_has_a_message_with_their_own_link_and_headers() -> None:
    request = to_request(mail(recipients=SEVERAL), SENDER)
    VALIDATOR.validate(request)
    own, *others = request["personalizations"]
    assert "token=t1" in str(own)
    assert "token=" not in str(others)
    assert not any({"cc", "bcc"} & each.keys() for each in (own, *others))
    messages = received(request)
    assert [[to.email for to in message.envelope.to] for message in messages] == [[each.address] for each in SEVERAL]
    assert [message.headers for message in messages] == [each.headers for each in SEVERAL]
    assert [message.text for message in messages] == [f"text {each.unsubscribe_url}" for each in SEVERAL]
    assert messages[0].html == '<p>html <a href="https://example.com/out?user=ada&amp;token=t1">out</a></p>'
    for message in messages[1:]:
        assert "user=ada" not in str(message.request)
    assert {message.envelope.custom_args["delivery_id"] for message in messages} == {"u1-20261124T1300Z"}


@pytest.mark.parametrize("recipients", [SEVERAL[:1], SEVERAL[1:]])
def test_a_link_that_is_the_same_for_all_stands_in_the_body(recipients: list[MailRecipient]) -> None:
    """The usual mail needs nothing of SendGrid's substitutions."""
    request = to_request(mail(recipients=recipients), SENDER)
    assert not any("substitutions" in each for each in request["personalizations"])
    assert [message.text for message in received(request)] == [f"text {each.unsubscribe_url}" for each in recipients]


def test_a_groups_link_is_sendgrids_to_make_for_each_recipient() -> None:
    everybody = [recipient(), recipient("boss@example.com")]
    request = to_request(mail(recipients=everybody), Sender(address="a@example.com", unsubscribe_group=7))
    for message in received(request):
        assert message.text == f"text {GROUP_LINK}"
        assert message.html == f'<p>html <a href="{GROUP_LINK}">out</a></p>'


def test_the_links_of_the_longest_ids_fit_into_a_request() -> None:
    compliance = MailCompliance(
        sender="reports@example.com",
        unsubscribe_url="https://example.com/unsubscribe?user={user_id}&token={token}",
        unsubscribe_key="k" * 16,
    )
    user = User(id="ü" * 750, email="ada@example.com")
    due = delivery_id("ü" * 362, "ü" * 362, datetime(2026, 11, 24, tzinfo=UTC))
    assert len(due.encode()) > 1_400
    recipients = [
        compliance.recipient(
            address,
            RecipientRole.TO,
            user=user,
            subscription_id="default",
            delivery_id=due,
            kind="activity",
            cadence="daily",
        )
        for address in ("ada@example.com", "boss@example.com")
    ]
    request = to_request(mail(recipients=recipients), SENDER)
    assert find_problems(request, now=datetime(2026, 11, 24, tzinfo=UTC)) == []


def test_attachments_come_beside_the_pictures_and_not_within_the_mail() -> None:
    files = [
        Attachment(filename="売上.csv", content=b"\xef\xbb\xbfa\r\n", media_type="text/csv"),
        Attachment(filename="sales.pdf", content=b"%PDF", media_type="application/pdf"),
    ]
    request = to_request(mail(attachments=files), SENDER)
    VALIDATOR.validate(request)
    assert not find_problems(request, now=datetime(2026, 11, 24, tzinfo=UTC))
    [message] = received(request)
    found = [(each.filename, each.type, each.inline, each.content_id, each.content) for each in message.attachments]
    assert found == [
        ("chart.png", "image/png", True, "chart", b"\x89PNG"),
        ("売上.csv", "text/csv", False, "", b"\xef\xbb\xbfa\r\n"),
        ("sales.pdf", "application/pdf", False, "", b"%PDF"),
    ]


def test_a_mail_without_files_has_no_list_of_them() -> None:
    assert "attachments" not in to_request(mail(images=()), SENDER)
