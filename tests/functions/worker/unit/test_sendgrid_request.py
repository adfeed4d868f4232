"""What goes to SendGrid: by its own description, and with no way into a header."""

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.worker.mail.model import InlineImage, Mail, Sender
from functions.worker.mail.sendgrid.request import to_request
from tests.functions.worker.unit.sendgrid_schema import MAIL_SEND

VALIDATOR = jsonschema.Draft202012Validator(MAIL_SEND)
SENDER = Sender(address="reports@example.com", name="Reports")


def mail(**changes: Any) -> Mail:
    fields: dict[str, Any] = {
        "to_address": "ada@example.com",
        "to_name": "Ada",
        "subject": "Your activity",
        "text": "text",
        "html": "<p>html</p>",
        "images": [InlineImage(content_id="chart", content=b"\x89PNG")],
        "headers": {"X-Entity-Ref-ID": "abc"},
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
    request = to_request(mail(to_name=name, subject=subject, headers={"X-Test": header}, images=images), sender)
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
    request = to_request(mail(to_name="Ada\r\nBcc: everybody@example.com"), SENDER)
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


@pytest.mark.parametrize(("sender_is", "user_is"), [(True, False), (False, True), (True, True)])
def test_a_sandboxed_mail_is_only_checked(sender_is: bool, user_is: bool) -> None:
    request = to_request(mail(sandbox=user_is), Sender(address="a@example.com", sandbox=sender_is))
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
