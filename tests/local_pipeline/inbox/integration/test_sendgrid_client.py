"""SendGrid's own client sends to the inbox."""

import base64
import gzip
import json
from typing import Any

import pytest
import requests
from python_http_client import exceptions
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import (
    Attachment,
    Category,
    ContentId,
    CustomArg,
    Disposition,
    FileContent,
    FileName,
    FileType,
    From,
    Header,
    HtmlContent,
    Mail,
    MailSettings,
    PlainTextContent,
    SandBoxMode,
    To,
)

from local_pipeline.inbox.sendgrid import MOST_BYTES
from local_pipeline.inbox.server import Inbox
from tests.local_pipeline.inbox.integration.conftest import API_KEY
from tests.local_pipeline.inbox.unit.requests import valid_request
from tests.support import Background

CHART = b"\x89PNG\r\n\x1a\n not quite a picture"


def report(to: str = "ann@example.com", subject: str = "Your daily report") -> Mail:
    mail = Mail(
        From("reports@example.com", "Reports"),
        To(to, "Ann"),
        subject,
        PlainTextContent("Twelve events."),
        HtmlContent('<h1>Twelve events</h1><img src="cid:chart">'),
    )
    mail.add_attachment(
        Attachment(
            FileContent(base64.b64encode(CHART).decode()),
            FileName("chart.png"),
            FileType("image/png"),
            Disposition("inline"),
            ContentId("chart"),
        )
    )
    mail.add_custom_arg(CustomArg("delivery_id", "u1-20261124T1300Z"))
    mail.add_header(Header("List-Unsubscribe", "<https://example.com/u>"))
    mail.add_category(Category("report"))
    return mail


def send(inbox: Inbox, mail: Mail, key: str = API_KEY) -> Any:
    return SendGridAPIClient(key, host=inbox.url).send(mail)


def post(inbox: Inbox, body: bytes | str, **headers: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json", **headers}
    return requests.post(f"{inbox.url}/v3/mail/send", data=body, headers=headers, timeout=60)


def errors_of(response: requests.Response) -> list[dict[str, Any]]:
    errors: list[dict[str, Any]] = response.json()["errors"]
    return errors


def test_a_mail(inbox: Inbox) -> None:
    response = send(inbox, report())
    assert response.status_code == 202
    assert response.body == b""
    [envelope] = inbox.mails
    assert response.headers["X-Message-Id"] == envelope.id
    assert (envelope.to[0].email, envelope.to[0].name) == ("ann@example.com", "Ann")
    assert (envelope.sender.email, envelope.subject) == ("reports@example.com", "Your daily report")
    assert envelope.custom_args == {"delivery_id": "u1-20261124T1300Z"}
    assert envelope.categories == ("report",)

    mail = inbox.mails.read(envelope.id)
    assert mail.text == "Twelve events."
    assert mail.html == '<h1>Twelve events</h1><img src="cid:chart">'
    assert mail.headers == {"List-Unsubscribe": "<https://example.com/u>"}
    [attachment] = mail.attachments
    assert (attachment.filename, attachment.inline, attachment.content) == ("chart.png", True, CHART)


def test_every_mail_has_an_id_of_its_own(inbox: Inbox) -> None:
    ids = {send(inbox, report()).headers["X-Message-Id"] for _ in range(5)}
    assert len(ids) == len(inbox.mails) == 5


def test_an_address_that_sendgrid_refuses(inbox: Inbox) -> None:
    with pytest.raises(exceptions.BadRequestsError) as raised:
        send(inbox, report(to="no..one@example.com"))
    assert raised.value.status_code == 400
    assert raised.value.to_dict == {
        "errors": [
            {
                "message": "Does not contain a valid address.",
                "field": "personalizations.0.to.0.email",
                "help": "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#message.personalizations.to",
            }
        ]
    }
    assert len(inbox.mails) == 0


def test_an_empty_subject(inbox: Inbox) -> None:
    with pytest.raises(exceptions.BadRequestsError) as raised:
        send(inbox, report(subject=""))
    assert [error["field"] for error in raised.value.to_dict["errors"]] == ["subject"]


def test_a_wrong_key(inbox: Inbox) -> None:
    with pytest.raises(exceptions.UnauthorizedError) as raised:
        send(inbox, report(), key="SG.other")
    assert raised.value.to_dict == {
        "errors": [
            {
                "message": "The provided authorization grant is invalid, expired, or revoked",
                "field": None,
                "help": None,
            }
        ]
    }


def test_a_key_that_may_not_send(inbox: Inbox) -> None:
    inbox.sendgrid_scopes.clear()
    with pytest.raises(exceptions.ForbiddenError) as raised:
        send(inbox, report())
    assert raised.value.to_dict["errors"][0]["message"] == "access forbidden"


def test_the_sandbox_keeps_nothing(inbox: Inbox) -> None:
    mail = report()
    mail.mail_settings = MailSettings(sandbox_mode=SandBoxMode(True))
    response = send(inbox, mail)
    assert response.status_code == 200
    assert len(inbox.mails) == 0


def test_no_authorization(inbox: Inbox) -> None:
    response = requests.post(f"{inbox.url}/v3/mail/send", json=valid_request(), timeout=60)
    assert response.status_code == 401
    assert errors_of(response)[0]["message"] == "authorization required"


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_another_method(inbox: Inbox, method: str) -> None:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    response = requests.request(method, f"{inbox.url}/v3/mail/send", headers=headers, timeout=60)
    assert response.status_code == 405
    assert errors_of(response)[0]["message"] == "method not allowed"


def test_another_content_type(inbox: Inbox) -> None:
    response = post(inbox, json.dumps(valid_request()), **{"Content-Type": "text/plain"})
    assert response.status_code == 415
    assert errors_of(response)[0]["message"] == "Content-Type should be application/json."


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[1", b'{"subject": NaN}', b"[" * 100_000, b"null", b"[]", b'"x"']
)
def test_what_is_no_json_object(inbox: Inbox, body: bytes) -> None:
    response = post(inbox, body)
    assert response.status_code == 400
    assert errors_of(response) == [{"message": "Bad Request", "field": None, "help": None}]


def test_a_mail_that_is_too_large(inbox: Inbox) -> None:
    response = post(inbox, json.dumps(valid_request(subject="x" * MOST_BYTES)))
    assert response.status_code == 413
    assert errors_of(response)[0]["message"] == "content too large"
    assert post(inbox, json.dumps(valid_request())).status_code == 202


def test_a_compressed_body(inbox: Inbox) -> None:
    body = gzip.compress(json.dumps(valid_request()).encode())
    assert post(inbox, body, **{"Content-Encoding": "gzip"}).status_code == 202
    assert inbox.mails[0].subject == "Your daily report"


def test_mails_are_saved(inbox: Inbox, background: Background) -> None:
    message_id = send(inbox, report()).headers["X-Message-Id"]
    background.run(inbox.saved())
    assert inbox.mails_directory is not None
    stem = f"{inbox.mails[0].received_at:%Y%m%dT%H%M%SZ}-{message_id}"
    page = inbox.mails_directory / f"{stem}.html"
    assert f"data:image/png;base64,{base64.b64encode(CHART).decode()}" in page.read_text()
    assert "Content-Security-Policy" in page.read_text()
    message = inbox.mails_directory / f"{stem}.eml"
    assert b"Subject: Your daily report\r\n" in message.read_bytes()


def test_a_mail_that_cannot_be_saved_is_still_in_the_inbox(inbox: Inbox, background: Background) -> None:
    assert inbox.mails_directory is not None
    inbox.mails_directory.rmdir()
    assert send(inbox, report()).status_code == 202
    background.run(inbox.saved())
    assert inbox.mails.read(inbox.mails[0].id).text == "Twelve events."
