"""What each recipient gets, whichever provider is handed the email."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.records.ids import delivery_id
from functions.shared.records.recipients import RecipientRole
from functions.shared.records.user import User
from functions.worker.attaching import MOST_BYTES
from functions.worker.destinations.email.compliance import MailCompliance
from functions.worker.destinations.email.model import Mail, Sender
from report_kit.report import Attachment, InlineImage
from tests.functions.worker.destinations.email.cases import each_provider
from tests.functions.worker.destinations.email.provider_case import ProviderCase, SentFile, SentMessage
from tests.functions.worker.destinations.email.sample_mail import SENDER, SEVERAL, mail, recipient


def sent(case: ProviderCase, what: Mail, sender: Sender = SENDER) -> list[SentMessage]:
    """The messages of an email."""
    return list(case.read(case.written(what, sender)))


@each_provider
@given(name=st.text(), subject=st.text(), header=st.text(), sender=st.text())
def test_no_text_leaves_its_line_or_becomes_an_address(
    case: ProviderCase, name: str, subject: str, header: str, sender: str
) -> None:
    to = recipient(name=name, headers={"X-Test": header})
    [written] = case.written(mail(recipients=[to], subject=subject), SENDER._replace(name=sender))
    assert case.refusal(written) == ""
    [message] = case.read([written])
    [(shown_name, address)] = message.to
    assert address == "ada@example.com"
    assert message.sender[1] == "reports@example.com"
    assert message.headers.keys() == {"X-Test"}
    for line in (message.subject, message.sender[0], shown_name, *message.headers.values()):
        assert line == line.strip()
        assert len(line.splitlines()) <= 1
        # A control character, or one that turns the direction of writing.
        assert not any(character < " " or character in "\x7f\u202e\u2066\u200f" for character in line)
    assert 0 < len(message.subject) <= 200


@each_provider
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ada\r\nBcc: everybody@example.com", {"Ada Bcc: everybody@example.com"}),
        ("Ada Lovelace", {"Ada Lovelace"}),
        ("Lovelace, A. (Ada)", {"Lovelace, A. (Ada)"}),
        ("埃达", {"埃达"}),
        ("<eve@example.com>", {"<eve@example.com>"}),
        ('Ada" <eve@example.com>, "', {'Ada" <eve@example.com>, "', "Ada' <eve@example.com>, '"}),
        ("Ada \\", {"Ada \\", "Ada '"}),
    ],
)
def test_a_name_is_shown_and_nothing_else(case: ProviderCase, name: str, shown: set[str]) -> None:
    """A provider that cannot show a quotation mark within a name shows an apostrophe."""
    [message] = sent(case, mail(recipients=[recipient(name=name)]), SENDER._replace(name=name))
    assert {*message.to, message.sender} <= {
        (each, address) for each in shown for address in ("ada@example.com", "reports@example.com")
    }


@each_provider
def test_each_recipient_has_a_message_with_their_own_link_and_headers(case: ProviderCase) -> None:
    messages = sent(case, mail(recipients=SEVERAL))
    assert [[address for _, address in message.to] for message in messages] == [[each.address] for each in SEVERAL]
    assert [message.headers for message in messages] == [each.headers for each in SEVERAL]
    assert [message.text for message in messages] == [f"text {each.unsubscribe_url}" for each in SEVERAL]
    assert messages[0].html == '<p>html <a href="https://example.com/out?user=ada&amp;token=t1">out</a></p>'
    for message in messages[1:]:
        assert message.html == '<p>html <a href="mailto:help@example.com?subject=b">out</a></p>'
    for message, each in zip(messages, SEVERAL, strict=True):
        for other in SEVERAL:
            assert other.address == each.address or other.address not in repr(message)
        assert message.arguments == {"delivery_id": "u1:default:20261124T1300Z", "run_id": "20261124T1300Z"}
        assert message.subject == "Your activity"
        assert message.sender == ("Reports", "reports@example.com")


@each_provider
def test_the_longest_ids_have_room_and_come_back(case: ProviderCase) -> None:
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
    written = case.written(mail(recipients=recipients, arguments={"delivery_id": due, "run_id": "r"}), SENDER)
    assert [case.refusal(each) for each in written] == [""] * len(written)
    assert [message.arguments for message in case.read(written)] == [{"delivery_id": due, "run_id": "r"}] * 2


@each_provider
def test_answers_go_where_the_team_wants_them(case: ProviderCase) -> None:
    assert sent(case, mail())[0].reply_to == ""
    assert sent(case, mail(), SENDER._replace(reply_to="b@example.com"))[0].reply_to == "b@example.com"


@each_provider
@pytest.mark.parametrize(("sender_is", "subscription_is"), [(True, False), (False, True), (True, True)])
def test_a_sandboxed_mail_reaches_no_recipient(case: ProviderCase, sender_is: bool, subscription_is: bool) -> None:
    messages = sent(case, mail(recipients=SEVERAL, sandbox=subscription_is), SENDER._replace(sandbox=sender_is))
    assert [message.sandboxed for message in messages] == [True] * len(SEVERAL)
    assert not any(message.sandboxed for message in sent(case, mail(recipients=SEVERAL)))


@each_provider
def test_pictures_and_attachments_come_as_they_are(case: ProviderCase) -> None:
    files = [
        Attachment(filename="売上.csv", content=b"\xef\xbb\xbfa\r\n", media_type="text/csv"),
        Attachment(filename="sales.pdf", content=b"%PDF", media_type="application/pdf"),
    ]
    [message] = sent(case, mail(attachments=files))
    assert list(message.files) == [
        SentFile(filename="chart.png", media_type="image/png", content=b"\x89PNG", content_id="chart"),
        SentFile(filename="売上.csv", media_type="text/csv", content=b"\xef\xbb\xbfa\r\n"),
        SentFile(filename="sales.pdf", media_type="application/pdf", content=b"%PDF"),
    ]
    assert sent(case, mail(images=()))[0].files == []


@each_provider
def test_the_same_mail_is_the_same_bytes(case: ProviderCase) -> None:
    first, second = (mail(recipients=list(SEVERAL), sandbox=True) for _ in range(2))
    assert case.written(first, SENDER) == case.written(second, SENDER)
    assert case.written(first, SENDER) != case.written(replace(first, subject="Another"), SENDER)


@each_provider
def test_the_largest_mail_of_the_worker_is_not_too_large(case: ProviderCase) -> None:
    picture = InlineImage(content_id="chart", content=bytes(MOST_BYTES // 2))
    file = Attachment(filename="a.csv", content=bytes(MOST_BYTES // 2), media_type="text/csv")
    written = case.written(mail(images=[picture], attachments=[file]), SENDER)
    assert max(map(len, written)) < case.parts.ABILITIES.most_bytes
