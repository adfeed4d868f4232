"""An email as messages. The reader is Python's older one, which decodes headers as RFC 2047 has it."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message as Parsed
from email.utils import parseaddr
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from functions.shared.sanitize import sanitize
from functions.worker.destinations.email.model import Mail, MailRecipient, Sender
from functions.worker.destinations.email.smtp.message import Message, UnsendableMail, mailbox, to_messages
from report_kit.report import Attachment, InlineImage

AT = datetime(2026, 11, 24, 13, 0, 5, tzinfo=UTC)
SENDER = Sender(address="reports@example.com", name="Example Reports", reply_to="team@example.com")
MAIL = Mail(
    recipients=[MailRecipient(address="ada@example.com", name="Ada")],
    subject="Your activity",
    text="text",
    html="<p>html</p>",
    arguments={"delivery_id": "u1:default:20261124T1300Z", "run_id": "20261124T1300Z"},
)


def made(mail: Mail = MAIL, sender: Sender = SENDER) -> Message:
    return to_messages(mail, sender, at=AT)[0]


def read(message: Message) -> Parsed:
    return message_from_bytes(message.content)


def header(message: Message, name: str) -> str:
    return str(make_header(decode_header(re.sub(r"\r?\n(?=[ \t])", "", read(message)[name]))))


def test_what_stands_in_the_head() -> None:
    recipient = MailRecipient(address="ada@example.com", name="Ada", headers={"List-Id": "<activity.example.com>"})
    assert read(made(replace(MAIL, recipients=[recipient]))).items()[:9] == [
        ("From", '"Example Reports" <reports@example.com>'),
        ("To", '"Ada" <ada@example.com>'),
        ("Reply-To", "team@example.com"),
        ("Subject", "Your activity"),
        ("Date", "Tue, 24 Nov 2026 13:00:05 +0000"),
        ("Message-ID", f"<{made().id}@example.com>"),
        ("List-Id", "<activity.example.com>"),
        ("X-Report-Delivery", "u1:default:20261124T1300Z"),
        ("X-Report-Run", "20261124T1300Z"),
    ]


def test_the_message_id_is_the_deliverys_and_the_recipients() -> None:
    first, second = to_messages(
        replace(MAIL, recipients=[MailRecipient(address="ada@example.com"), MailRecipient(address="bo@example.com")]),
        SENDER,
        at=AT,
    )
    (later,) = to_messages(
        replace(MAIL, recipients=[MailRecipient(address="Ada@Example.com")], text="another"),
        SENDER._replace(address="reports@Example.com", name="Others"),
        at=datetime.now(UTC),
    )
    other = made(replace(MAIL, arguments={"delivery_id": "u2"}))
    assert first.id == later.id
    assert len({first.id, second.id, other.id}) == 3
    assert re.fullmatch(r"[0-9a-f]{32}", first.id)


def test_a_mail_of_no_delivery_has_another_message_id_each_time() -> None:
    test = replace(MAIL, arguments={"test": "true"})
    assert made(test).id != to_messages(test, SENDER, at=datetime.now(UTC))[0].id


def test_parts_stand_within_one_another_as_mail_programs_want_them() -> None:
    mail = replace(
        MAIL,
        images=[InlineImage(content_id="chart", content=b"png")],
        attachments=[
            Attachment(filename="Übersicht.csv", content=b"a", media_type="text/csv"),
            Attachment(filename="old.eml", content=b"b", media_type="message/rfc822"),
        ],
    )
    message = read(made(mail))
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "text/csv",
        "application/octet-stream",
    ]
    *_, image, table, old = message.walk()
    assert (image["Content-ID"], image.get_content_disposition()) == ("<chart>", "inline")
    assert (table.get_filename(), table.get_payload(decode=True)) == ("Übersicht.csv", b"a")
    assert old.get_payload(decode=True) == b"b"


@pytest.mark.parametrize(
    "changes",
    [
        {"images": [InlineImage(content_id="a\r\nBcc: eve@example.com", content=b"png")]},
        {"images": [InlineImage(content_id="a", content=b"png", media_type="image/\r\n")]},
    ],
)
def test_a_part_that_no_message_can_have(changes: dict[str, Any]) -> None:
    with pytest.raises(UnsendableMail, match="cannot be written"):
        made(replace(MAIL, **changes))


def test_a_long_link_stays_whole() -> None:
    link = "<https://reports.example.com/" + "a" * 870 + ">"
    recipient = MailRecipient(address="ada@example.com", headers={"List-Unsubscribe": link})
    assert read(made(replace(MAIL, recipients=[recipient])))["List-Unsubscribe"].strip() == link


anything = st.text(max_size=300)


@example(
    subject="=?utf-8?q?=0D=0ABcc:_eve?=",
    name="=?utf-8?q?=0A?=",
    text=".\r\n..\0",
    html="\r",
    value="=?x",
    delivery="a" * 999,
)
@settings(max_examples=50)
@given(subject=anything, name=anything, text=anything, html=anything, value=anything, delivery=anything)
def test_whatever_people_wrote(subject: str, name: str, text: str, html: str, value: str, delivery: str) -> None:
    recipient = MailRecipient(address="ada@example.com", name=name, headers={"X-Entity-Ref-ID": value})
    mail = replace(
        MAIL, recipients=[recipient], subject=subject, text=text, html=html, arguments={"delivery_id": delivery}
    )
    message = made(mail, SENDER._replace(name=name))
    lines = message.content.split(b"\r\n")
    assert lines[-1] == b""
    assert max(map(len, lines)) <= 998
    assert not re.search(rb"[\r\n\0]", b"".join(lines))
    assert message.content.isascii()
    parsed = read(message)
    allowed = {"From", "To", "Reply-To", "Subject", "Date", "Message-ID", "X-Entity-Ref-ID", "X-Report-Delivery"}
    assert set(parsed.keys()) <= {*allowed, "Content-Type", "MIME-Version"}
    assert len(parsed.keys()) == len(set(parsed.keys()))
    assert header(message, "Subject") == (sanitize(subject, 200) or "-")
    shown, address = parseaddr(re.sub(r"\r?\n(?=[ \t])", "", parsed["To"]))
    assert (str(make_header(decode_header(shown))), address) == (sanitize(name), "ada@example.com")
    plain, html_part = (part for part in parsed.walk() if not part.is_multipart())
    for part, written in ((plain, text), (html_part, html)):
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        assert _lines(content.decode()) == _lines(written.replace("\0", "").encode(errors="replace").decode())


def _lines(text: str) -> list[str]:
    return re.split(r"\r\n|\r|\n", text.removesuffix("\r\n").removesuffix("\n").removesuffix("\r"))


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("Ada@Example.com", "Ada@example.com"),
        ("o'hara+x@example.com", "o'hara+x@example.com"),
        ("zoë@example.com", "zoë@example.com"),
        ("zoe@bücher.example", "zoe@xn--bcher-kva.example"),
        ('"a b"@example.com', '"a b"@example.com'),
    ],
)
def test_addresses(address: str, found: str) -> None:
    assert mailbox(address).casefold() == found.casefold()


@pytest.mark.parametrize(
    "address",
    [
        *("", "ada", "@example.com", "ada@", "a b@example.com", "a\r\nb@example.com", "a<b>@example.com"),
        *("ada@exam ple.com", "ada@example..com", "ada@-example.com", "ada@example.com>", f"{'a' * 65}@example.com"),
        *(f"ada@{'a' * 64}.com", f"ada@{'a.' * 126}com", "a\0@example.com", '"a"b"@example.com', "\ud800@example.com"),
    ],
)
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(UnsendableMail):
        mailbox(address)
