"""What came to the inbox, as JSON."""

import base64
import email
import email.policy
from typing import Any
from urllib.parse import quote

import pytest
import requests

from local_pipeline.inbox.server import Inbox
from tests.local_pipeline.inbox.integration.conftest import API_KEY
from tests.local_pipeline.inbox.unit.requests import PIXEL, valid_request


def get(inbox: Inbox, path: str, status: int = 200) -> requests.Response:
    response = requests.get(inbox.url + path, timeout=60)
    assert response.status_code == status, response.text
    return response


def send(inbox: Inbox, **changes: Any) -> str:
    response = requests.post(
        f"{inbox.url}/v3/mail/send",
        json=valid_request(**changes),
        headers={"Authorization": f"Bearer {API_KEY}"},
        timeout=60,
    )
    assert response.status_code == 202, response.text
    return response.headers["X-Message-Id"]


def send_to(inbox: Inbox, *addresses: str) -> list[str]:
    return [send(inbox, personalizations=[{"to": [{"email": address}]}]) for address in addresses]


def test_mails_are_listed_the_newest_first(inbox: Inbox) -> None:
    first, second, third = send_to(inbox, "ann@example.com", "bo@example.com", "ann@example.com")
    answer = get(inbox, "/api/mails").json()
    assert answer["total"] == 3
    assert [mail["id"] for mail in answer["mails"]] == [third, second, first]
    assert answer["mails"][0]["to"] == [{"email": "ann@example.com", "name": ""}]
    assert answer["mails"][0]["received_at"].endswith("Z")

    answer = get(inbox, "/api/mails?to=Ann@example.com&limit=1&offset=1").json()
    assert (answer["total"], [mail["id"] for mail in answer["mails"]]) == (2, [first])
    assert get(inbox, "/api/mails?offset=9").json() == {"total": 3, "mails": []}
    assert get(inbox, "/api/mails?to=cy@example.com").json() == {"total": 0, "mails": []}


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=x", "offset=-1", "offset=1.5", "offset=%D9%A1"])
def test_a_wrong_query_names_the_parameter(inbox: Inbox, query: str) -> None:
    assert query.partition("=")[0] in get(inbox, f"/api/mails?{query}", status=400).text


def test_one_mail(inbox: Inbox) -> None:
    mail_id = send(inbox, reply_to={"email": "team@example.com"}, headers={"X-Note": "n"})
    mail = get(inbox, f"/api/mails/{mail_id}").json()
    assert mail["text"] == "Twelve events."
    assert mail["html"] == '<p>Twelve events.</p><img src="cid:chart">'
    assert mail["custom_args"] == {"delivery_id": "u1-20261124T1300Z"}
    assert mail["reply_to"] == [{"email": "team@example.com", "name": ""}]
    assert mail["headers"] == {"X-Note": "n"}
    [attachment] = mail["attachments"]
    assert (attachment["filename"], attachment["disposition"], attachment["content_id"]) == (
        "chart.png",
        "inline",
        "chart",
    )

    content = get(inbox, attachment["url"])
    assert len(content.content) == attachment["size"]
    assert content.headers["Content-Disposition"].startswith("attachment")
    request = get(inbox, f"/api/mails/{mail_id}/request.json").json()
    assert request["attachments"][0]["content"] == PIXEL
    message = email.message_from_bytes(
        get(inbox, f"/api/mails/{mail_id}/message.eml").content, policy=email.policy.default
    )
    assert message["Subject"] == "Your daily report"


def test_files_are_listed_and_saved_under_their_names(inbox: Inbox) -> None:
    name = 'Umsätze "売上".csv'
    files = [
        {"content": PIXEL, "filename": "chart.png", "disposition": "inline", "content_id": "chart"},
        {"content": "QQ==", "filename": name, "type": "text/csv"},
        {"content": "QUI=", "filename": name},
    ]
    mail_id = send(inbox, attachments=files)
    [listed] = get(inbox, "/api/mails").json()["mails"]
    assert [(each["filename"], each["disposition"], each["type"], each["size"]) for each in listed["attachments"]] == [
        ("chart.png", "inline", "application/octet-stream", len(base64.b64decode(PIXEL))),
        (name, "attachment", "text/csv", 1),
        (name, "attachment", "application/octet-stream", 2),
    ]
    for entry, content in zip(listed["attachments"][1:], (b"A", b"AB"), strict=True):
        answer = get(inbox, entry["url"])
        assert answer.content == content
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    message = email.message_from_bytes(
        get(inbox, f"/api/mails/{mail_id}/message.eml").content, policy=email.policy.default
    )
    attached = [part for part in message.walk() if part.get_content_disposition() == "attachment"]
    assert [(part.get_filename(), part.get_content_type()) for part in attached] == [
        (name, "text/csv"),
        (name, "application/octet-stream"),
    ]


def test_a_mail_that_is_not_there(inbox: Inbox) -> None:
    for path in ("", "/html", "/message.eml", "/request.json", "/attachments/0"):
        assert get(inbox, f"/api/mails/x{path}", status=404).text == "There is no such email."
    mail_id = send(inbox)
    for index in ("1", "-1", "x"):
        get(inbox, f"/api/mails/{mail_id}/attachments/{index}", status=404)


def test_slack_messages_are_listed(inbox: Inbox) -> None:
    for number in range(3):
        requests.post(inbox.slack_webhook_url, json={"text": f"alert {number}"}, timeout=60)
    answer = get(inbox, "/api/slack?limit=2").json()
    assert answer["total"] == 3
    assert [message["payload"]["text"] for message in answer["messages"]] == ["alert 2", "alert 1"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("monthly", True),
        ("Two LINES  of text", True),
        ("Tom & Jerry", True),
        ("team@corp.example", True),
        ("x-note: n", True),
        ("Umsätze.csv", True),
        ("tuesday", False),
        ("color", False),
        ("QUJDRA", False),
    ],
)
def test_a_search_is_in_what_people_read(inbox: Inbox, text: str, found: bool) -> None:
    send(inbox)
    content = [
        {"type": "text/plain", "value": "Two lines\nof text"},
        {"type": "text/html", "value": "<style>p { color: red }</style><p>Tom &amp; <b>Jerry</b></p>"},
    ]
    mail_id = send(
        inbox,
        subject="Monthly",
        reply_to={"email": "team@corp.example"},
        headers={"X-Note": "n"},
        content=content,
        attachments=[{"content": "QUJDRA==", "filename": "Umsätze.csv"}],
    )
    answer = get(inbox, f"/api/mails?q={quote(text)}").json()
    assert [mail["id"] for mail in answer["mails"]] == [mail_id] * found


def test_a_mail_names_the_ones_beside_it_among_those_that_are_asked_for(inbox: Inbox) -> None:
    first, second, third, fourth = send_to(
        inbox, "ann@example.com", "bo@example.com", "ann@example.com", "cy@example.com"
    )

    def beside(mail_id: str, search: str = "") -> tuple[str | None, str | None]:
        mail = get(inbox, f"/api/mails/{mail_id}?q={search}").json()
        return mail["older"], mail["newer"]

    assert beside(first) == (None, second)
    assert beside(third) == (second, fourth)
    assert beside(third, "ann") == (first, None)
    assert beside(second, "ann") == (None, None)


def test_a_mails_own_html_is_shut_in(inbox: Inbox) -> None:
    mail_id = send(inbox, content=[{"type": "text/html", "value": '<script>parent.x()</script><img src="cid:chart">'}])
    response = get(inbox, f"/api/mails/{mail_id}/html")
    policy = [part.strip().split() for part in response.headers["Content-Security-Policy"].split(";")]
    assert ["default-src", "'none'"] in policy
    [sandbox] = [part for part in policy if part[0] == "sandbox"]
    assert not {"allow-scripts", "allow-same-origin"} & set(sandbox)
    assert not [part for part in policy if part[0].startswith("script-src")]
    assert f'src="data:image/png;base64,{PIXEL}"' in response.text
