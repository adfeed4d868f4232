"""Emails made of a request, and what they are written as."""

import base64
import email
import email.policy
import random
import tracemalloc
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from local_pipeline.inbox.mail import Mail, split
from local_pipeline.inbox.sendgrid import find_problems
from local_pipeline.inbox.store import MailStore, save
from tests.local_pipeline.inbox.unit.requests import PIXEL, valid_request

NOW = datetime(2026, 11, 24, 14, tzinfo=UTC)


def mails_of(request: dict[str, Any]) -> list[Mail]:
    assert find_problems(request, now=NOW) == []
    return split(request, message_id="ID", received_at=NOW, size=1)


def mail_of(**changes: Any) -> Mail:
    [mail] = mails_of(valid_request(**changes))
    return mail


def html_of(document: str) -> str:
    return mail_of(content=[{"type": "text/html", "value": document}]).standalone_html()


def parsed(mail: Mail) -> EmailMessage:
    """The message after a journey over the wire."""
    message = email.message_from_bytes(mail.as_message().as_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_one_personalization_is_one_mail() -> None:
    first, second = mails_of(
        valid_request(
            custom_args={"run": "r1", "user": "nobody"},
            personalizations=[
                {
                    "to": [{"email": "ann@example.com"}],
                    "custom_args": {"user": "u1", "greeted": "-name-"},
                    "subject": "Dear -name-",
                    "substitutions": {"-name-": "Ann", "events": "things"},
                },
                {"to": [{"email": "bo@example.com"}], "from": {"email": "other@example.com"}},
            ],
        )
    )
    assert (first.envelope.id, second.envelope.id) == ("ID", "ID.1")
    assert (first.envelope.subject, second.envelope.subject) == ("Dear Ann", "Your daily report")
    assert (first.text, second.text) == ("Twelve things.", "Twelve events.")
    assert first.envelope.custom_args == {"run": "r1", "user": "u1", "greeted": "Ann"}
    assert second.envelope.custom_args == {"run": "r1", "user": "nobody"}
    assert second.envelope.sender.email == "other@example.com"
    assert len(second.request["personalizations"]) == 1


def test_inline_images_are_put_into_the_document() -> None:
    document = mail_of().standalone_html()
    assert f'<img src="data:image/png;base64,{PIXEL}">' in document
    assert "cid:" not in document


def test_a_type_cannot_leave_its_attribute() -> None:
    picture = {"content": PIXEL, "filename": "x", "content_id": "chart", "type": 'image/png" onload="x()'}
    assert (
        f'<img src="data:application/octet-stream;base64,{PIXEL}">' in mail_of(attachments=[picture]).standalone_html()
    )


def test_a_content_id_that_is_not_there_stays() -> None:
    assert '<img src="cid:other">' in html_of('<img src="cid:other">')
    assert "call cid:chart" in html_of("<p>call cid:chart</p>")


def test_nothing_but_the_doctype_stands_before_the_policy() -> None:
    policy = '<meta charset="utf-8"><meta http-equiv="Content-Security-Policy"'
    assert html_of("<!DOCTYPE html>\n<html lang=en><head>x").startswith(f"<!DOCTYPE html>{policy}")
    assert html_of("<p>x</p>").startswith(policy)
    assert html_of("<!-- <head> --><script>x()</script>").startswith(policy)


def test_a_mail_without_html_is_shown_as_text() -> None:
    document = mail_of(content=[{"type": "text/plain", "value": "<b>5 > 4</b>"}]).standalone_html()
    assert "&lt;b&gt;5 &gt; 4&lt;/b&gt;" in document


def test_the_message() -> None:
    message = parsed(
        mail_of(
            personalizations=[
                {
                    "to": [{"email": "ann@example.com", "name": "田中, 安"}],
                    "cc": [{"email": "bo@example.com"}],
                    "bcc": [{"email": "cy@example.com"}],
                }
            ],
            subject="日報",
            reply_to={"email": "team@example.com", "name": "Team"},
            headers={"List-Unsubscribe": "<https://example.com/u>"},
        )
    )
    assert message["From"] == "Reports <reports@example.com>"
    assert [(each.display_name, each.addr_spec) for each in message["To"].addresses] == [
        ("田中, 安", "ann@example.com")
    ]
    assert message["Cc"] == "bo@example.com"
    assert "cy@example.com" not in message.as_string()
    assert message["Subject"] == "日報"
    assert message["Reply-To"] == "Team <team@example.com>"
    assert message["List-Unsubscribe"] == "<https://example.com/u>"
    assert message["Date"].datetime == NOW
    assert message["Message-ID"] == "<ID@inbox.localhost>"


def test_a_long_link_stands_in_its_header_as_it_is() -> None:
    link = f"<https://example.com/unsubscribe?user={'u' * 400}&token={'t' * 400}>"
    message = mail_of(headers={"List-Unsubscribe": link, "List-Id": "<activity.example.com>"}).as_message().as_bytes()
    assert f"\r\nList-Unsubscribe: {link}\r\n".encode() in message
    assert b"\r\nList-Id: <activity.example.com>\r\n" in message
    assert max(map(len, message.split(b"\r\n"))) <= 998


def test_the_messages_parts() -> None:
    files = [
        *valid_request()["attachments"],
        {"content": "YSxi", "type": "text/csv", "filename": "データ.csv", "disposition": "attachment"},
        {"content": "YSxi", "type": "nonsense", "filename": "x"},
    ]
    message = parsed(mail_of(attachments=files))
    assert message.get_content_type() == "multipart/mixed"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert text.get_content().strip() == "Twelve events."
    assert html is not None
    assert "cid:chart" in html.get_content()
    related = message.get_body(("related",))
    assert related is not None
    [image] = [part for part in related.iter_parts() if part.get_content_type() == "image/png"]
    assert image["Content-ID"] == "<chart>"
    assert image.get_content_disposition() == "inline"
    csv, other = message.iter_attachments()
    assert (csv.get_filename(), csv.get_content_type(), csv.get_payload(decode=True)) == (
        "データ.csv",
        "text/csv",
        b"a,b",
    )
    assert other.get_content_type() == "application/octet-stream"


def test_addresses_beyond_ascii() -> None:
    message = mail_of(personalizations=[{"to": [{"email": "jörg@example.de", "name": "Jörg"}]}]).as_message()
    assert "jörg@example.de".encode() in message.as_bytes()


def test_a_header_cannot_add_another() -> None:
    message = parsed(
        mail_of(
            subject="Hello\r\nBcc: spy@example.com",
            headers={"X-Note": "a\r\nX-Evil: b"},
            personalizations=[{"to": [{"email": "ann@example.com", "name": "Ann\nX-Evil: c"}]}],
        )
    )
    assert message["Bcc"] is None
    assert message["X-Evil"] is None


TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@settings(deadline=None)
@given(subject=TEXT, name=TEXT, text=TEXT, html=TEXT, value=TEXT, filename=TEXT, kind=TEXT, content_id=TEXT)
@example("\x0c", "\x85", "\r", "\u2028", "a\x0cb", "a\x0cb", "image/\x0cpng", "a\x0cb")
@example(" ", " ", " ", " ", " ", " ", "message/rfc822", "<>")
def test_every_mail_that_is_taken_can_be_written(
    subject: str, name: str, text: str, html: str, value: str, filename: str, kind: str, content_id: str
) -> None:
    request = valid_request(
        subject=subject,
        content=[{"type": "text/plain", "value": text}, {"type": "text/html", "value": html}],
        personalizations=[{"to": [{"email": "ann@example.com", "name": name}]}],
        headers={"X-Value": value},
        attachments=[
            {"content": PIXEL, "filename": filename, "type": kind, "disposition": each, "content_id": content_id}
            for each in ("attachment", "inline")
        ],
    )
    if find_problems(request, now=NOW):
        return
    [mail] = split(request, message_id="ID", received_at=NOW, size=1)
    mail.as_message().as_bytes()
    mail.standalone_html()


def test_files_are_named_after_time_and_id(tmp_path: Path) -> None:
    """Neither lead addresses out of the folder, nor do they stand in a listing of it."""
    directory = tmp_path / "mails"
    directory.mkdir()
    mail = mail_of(personalizations=[{"to": [{"email": '"../../etc/passwd"@example.com'}]}])
    save(mail, directory)
    stem = f"{mail.envelope.received_at:%Y%m%dT%H%M%SZ}-ID"
    assert sorted(path.name for path in directory.iterdir()) == [f"{stem}.eml", f"{stem}.html"]
    assert list(tmp_path.iterdir()) == [directory]


def test_the_store_gives_back_what_it_was_given() -> None:
    store = MailStore()
    mails = [
        split(
            valid_request(subject=f"Report {n}", personalizations=[{"to": [{"email": f"U{n % 3}@example.com"}]}]),
            message_id=f"m{n}",
            received_at=NOW,
            size=1,
        )[0]
        for n in range(10)
    ]
    for mail in mails:
        store.add(mail)
    assert [store.read(envelope.id) for envelope in store] == mails
    assert [envelope.id for envelope in store.to("u1@EXAMPLE.com")] == ["m1", "m4", "m7"]
    assert store[-1].subject == "Report 9"
    assert store.to("nobody@example.com") == ()


def test_bodies_are_not_held_in_memory() -> None:
    store = MailStore(in_memory=1_000_000)
    pictures = [base64.b64encode(random.Random(n).randbytes(75_000)).decode() for n in range(60)]  # noqa: S311 - any noise will do
    tracemalloc.start()
    try:
        for number, picture in enumerate(pictures):
            request = valid_request(attachments=[{"content": picture, "filename": "chart.png"}])
            for mail in split(request, message_id=f"m{number}", received_at=NOW, size=1):
                store.add(mail)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 60 * 10_000
    assert store.read("m59").request["attachments"][0]["content"] == pictures[59]
