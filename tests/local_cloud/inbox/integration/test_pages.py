"""What the inbox shows, as JSON and as pages."""

import base64
import email
import email.policy
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest
import requests

from local_cloud.inbox.server import Inbox
from tests.local_cloud.inbox.integration.conftest import API_KEY
from tests.local_cloud.inbox.unit.requests import PIXEL, valid_request

EVIL = '"><script>alert(1)</script>'


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


class Tags(HTMLParser):
    """The tags of a page, with their attributes, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag == name]


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
    request = get(inbox, f"/mails/{mail_id}/raw.json").json()
    assert request["attachments"][0]["content"] == PIXEL
    message = email.message_from_bytes(get(inbox, f"/mails/{mail_id}/message.eml").content, policy=email.policy.default)
    assert message["Subject"] == "Your daily report"
    assert get(inbox, f"/mails/{mail_id}/text").text == "Twelve events."


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
    assert name in Tags(get(inbox, "/").text).text
    assert Tags(get(inbox, f"/mails/{mail_id}").text).text.count(name) == 2
    message = email.message_from_bytes(get(inbox, f"/mails/{mail_id}/message.eml").content, policy=email.policy.default)
    attached = [part for part in message.walk() if part.get_content_disposition() == "attachment"]
    assert [(part.get_filename(), part.get_content_type()) for part in attached] == [
        (name, "text/csv"),
        (name, "application/octet-stream"),
    ]


def test_a_mail_that_is_not_there(inbox: Inbox) -> None:
    for path in ("/api/mails/x", "/mails/x", "/mails/x/html", "/mails/x/raw.json", "/mails/x/attachments/0"):
        assert get(inbox, path, status=404).text == "There is no such mail."
    mail_id = send(inbox)
    for index in ("1", "-1", "x"):
        get(inbox, f"/mails/{mail_id}/attachments/{index}", status=404)


def test_slack_messages_are_listed(inbox: Inbox) -> None:
    for number in range(3):
        requests.post(inbox.slack_webhook_url, json={"text": f"alert {number}"}, timeout=60)
    answer = get(inbox, "/api/slack?limit=2").json()
    assert answer["total"] == 3
    assert [message["payload"]["text"] for message in answer["messages"]] == ["alert 2", "alert 1"]


def test_an_empty_inbox(inbox: Inbox) -> None:
    page = get(inbox, "/").text
    assert "No mail yet." in page
    assert "No message yet." in page


def test_the_list_is_paged(inbox: Inbox) -> None:
    send_to(inbox, *(f"u{number}@example.com" for number in range(60)))
    first, second = get(inbox, "/").text, get(inbox, "/?page=2").text
    assert ("u59@example.com" in first, "u9@example.com" in first) == (True, False)
    assert ("u59@example.com" in second, "u9@example.com" in second) == (False, True)
    assert "Page 1 of 2" in first
    filtered = Tags(get(inbox, "/?to=u7@example.com").text)
    assert [link["href"] for link in filtered.named("a")] == [f"/mails/{inbox.mails.to('u7@example.com')[0].id}"]
    get(inbox, "/?page=0", status=400)


def test_the_list_shows_slack_messages(inbox: Inbox) -> None:
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Three *reports* failed"}},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "because of `503`"},
            "fields": [{"type": "mrkdwn", "text": "*Since*"}],
        },
        {"type": "rich_text", "elements": []},
        {"type": "context", "elements": [{"type": "image", "image_url": "https://a.b/c.png", "alt_text": "x"}]},
        {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Logs"}}]},
    ]
    requests.post(inbox.slack_webhook_url, json={"text": "x", "blocks": blocks}, timeout=60)
    requests.post(inbox.slack_webhook_url, json={"text": "*bold* text"}, timeout=60)
    requests.post(
        inbox.slack_webhook_url, json={"attachments": [{"text": 5}, {"fallback": "fell back"}, {}]}, timeout=60
    )
    page = get(inbox, "/").text
    for shown in (
        "Three *reports* failed",
        "<code>503</code>",
        "<b>Since</b>",
        "Logs",
        "<b>bold</b> text",
        "fell back",
    ):
        assert shown in page


def test_what_others_write_is_escaped(inbox: Inbox) -> None:
    mail_id = send(
        inbox,
        subject=EVIL,
        from_={"email": "reports@example.com", "name": EVIL},
        personalizations=[{"to": [{"email": "ann@example.com", "name": EVIL}], "custom_args": {EVIL: EVIL}}],
        headers={"X-Note": EVIL},
        categories=[EVIL],
        content=[{"type": "text/plain", "value": EVIL}],
        attachments=[{"content": PIXEL, "filename": EVIL}],
    )
    requests.post(
        inbox.slack_webhook_url,
        json={
            "text": EVIL,
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": f"<https://a.b/{EVIL}|{EVIL}>"}}],
        },
        timeout=60,
    )
    for path in ("/", f"/mails/{mail_id}", f"/?to={quote(EVIL)}"):
        tags = Tags(get(inbox, path).text)
        assert tags.named("script") == []
        assert EVIL in tags.text or any(
            EVIL in (field["value"] or "") for field in tags.named("input") if "value" in field
        )


def test_pages_run_no_scripts_and_load_nothing_from_elsewhere(inbox: Inbox) -> None:
    mail_id = send(inbox)
    for path in ("/", f"/mails/{mail_id}"):
        response = get(inbox, path)
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'; ")
        assert "script-src" not in response.headers["Content-Security-Policy"]
        tags = Tags(response.text)
        assert tags.named("script") == []
        for attributes in tags.named("link") + tags.named("iframe"):
            assert (attributes.get("href") or attributes.get("src") or "").startswith(("/", "data:,"))
    assert get(inbox, "/style.css").headers["Content-Type"].startswith("text/css")


def test_a_mails_own_html_is_shut_in(inbox: Inbox) -> None:
    mail_id = send(
        inbox, content=[{"type": "text/html", "value": f'<script>parent.x()</script><img src="cid:chart">{EVIL}'}]
    )
    page = Tags(get(inbox, f"/mails/{mail_id}").text)
    [frame] = page.named("iframe")
    assert frame["src"] == f"/mails/{mail_id}/html"
    assert frame["sandbox"] is not None
    assert not {"allow-scripts", "allow-same-origin", "allow-top-navigation"} & set(frame["sandbox"].split())
    assert page.named("script") == []

    response = get(inbox, f"/mails/{mail_id}/html")
    policy = [part.strip().split() for part in response.headers["Content-Security-Policy"].split(";")]
    assert ["default-src", "'none'"] in policy
    [sandbox] = [part for part in policy if part[0] == "sandbox"]
    assert not {"allow-scripts", "allow-same-origin"} & set(sandbox)
    assert not [part for part in policy if part[0].startswith("script-src")]
    assert f'src="data:image/png;base64,{PIXEL}"' in response.text
