"""What came, as JSON: for the web console, which shows it, and for programs and tests."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from aiohttp import web

from local_pipeline.inbox.elsewhere import Received
from local_pipeline.inbox.mail import CONTENT_SECURITY_POLICY, Address, Envelope, Mail
from local_pipeline.inbox.slack_message import SlackMessage
from local_pipeline.inbox.store import MailStore

MOST_IN_AN_ANSWER = 1_000

_MAIL_HEADERS = {
    # The sandbox holds also where somebody opens this address by itself, outside a frame.
    "Content-Security-Policy": f"{CONTENT_SECURITY_POLICY}; sandbox allow-popups allow-popups-to-escape-sandbox; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class InboxApi:
    """The readable side of the inbox.

    Args:
        mails: what is shown.
        slack_messages: likewise; the list itself, which grows.
        received: likewise, what came to the destinations beside email.
    """

    def __init__(self, mails: MailStore, slack_messages: Sequence[SlackMessage], received: Sequence[Received]) -> None:
        self._mails = mails
        self._slack_messages = slack_messages
        self._received = received

    def add_to(self, app: web.Application) -> None:
        """Add the routes to an application."""
        app.router.add_get("/api/mails", self._list)
        app.router.add_get("/api/mails/{id}", self._mail)
        app.router.add_get("/api/mails/{id}/html", self._mail_html)
        app.router.add_get("/api/mails/{id}/message.eml", self._mail_message)
        app.router.add_get("/api/mails/{id}/request.json", self._mail_request)
        app.router.add_get("/api/mails/{id}/attachments/{index}", self._attachment)
        app.router.add_get("/api/slack", self._slack)
        app.router.add_get("/api/elsewhere", self._elsewhere)

    async def _list(self, request: web.Request) -> web.Response:
        found = self._found(request)
        limit = _number(request, "limit", 100, least=1, most=MOST_IN_AN_ANSWER)
        offset = _number(request, "offset", 0)
        return web.json_response(
            {"total": len(found), "mails": [_envelope(each) for each in _newest_first(found, limit, offset)]}
        )

    async def _mail(self, request: web.Request) -> web.Response:
        mail = self._read(request)
        ids = [each.id for each in self._found(request)]
        at = ids.index(mail.envelope.id) if mail.envelope.id in ids else None
        return web.json_response(
            {
                **_envelope(mail.envelope),
                "older": ids[at - 1] if at else None,
                "newer": ids[at + 1] if at is not None and at + 1 < len(ids) else None,
                "reply_to": [_address(each) for each in mail.reply_to],
                "headers": mail.headers,
                "text": mail.text,
                "html": mail.html,
            }
        )

    async def _mail_html(self, request: web.Request) -> web.Response:
        document = self._read(request).standalone_html(links_in_new_tab=True)
        return web.Response(text=document, content_type="text/html", headers=_MAIL_HEADERS)

    async def _mail_message(self, request: web.Request) -> web.Response:
        return web.Response(
            body=self._read(request).as_message().as_bytes(),
            content_type="message/rfc822",
            headers={**_MAIL_HEADERS, "Content-Disposition": _download("message.eml")},
        )

    async def _mail_request(self, request: web.Request) -> web.Response:
        return web.json_response(self._read(request).request)

    async def _attachment(self, request: web.Request) -> web.Response:
        attachments = self._read(request).attachments
        index = request.match_info["index"]
        if not index.isdecimal() or int(index) >= len(attachments):
            raise web.HTTPNotFound(text=f"This email has no attachment {index}.")
        attachment = attachments[int(index)]
        # Downloaded, never shown: what it is and does is the sender's choice.
        return web.Response(
            body=attachment.content,
            content_type="application/octet-stream",
            headers={**_MAIL_HEADERS, "Content-Disposition": _download(attachment.filename)},
        )

    async def _slack(self, request: web.Request) -> web.Response:
        limit = _number(request, "limit", 100, least=1, most=MOST_IN_AN_ANSWER)
        offset = _number(request, "offset", 0)
        return web.json_response(
            {
                "total": len(self._slack_messages),
                "messages": [
                    {"id": each.id, "received_at": _time(each.received_at), "payload": each.payload}
                    for each in _newest_first(self._slack_messages, limit, offset)
                ],
            }
        )

    async def _elsewhere(self, request: web.Request) -> web.Response:
        limit = _number(request, "limit", 100, least=1, most=MOST_IN_AN_ANSWER)
        offset = _number(request, "offset", 0)
        reports = [
            {
                "id": each.id,
                "destination": each.destination,
                "delivery_id": each.delivery_id,
                "received_at": _time(each.received_at),
                "payload": each.payload,
            }
            for each in _newest_first(self._received, limit, offset)
        ]
        return web.json_response({"total": len(self._received), "reports": reports})

    def _found(self, request: web.Request) -> Sequence[Envelope]:
        """The emails that a request asks for, the oldest first."""
        to, text, delivery = (request.query.get(name, "").strip() for name in ("to", "q", "delivery_id"))
        found: Sequence[Envelope] = self._mails.to(to) if to else self._mails
        if delivery:
            found = [each for each in found if each.custom_args.get("delivery_id") == delivery]
        return self._mails.containing(text, found) if text else found

    def _read(self, request: web.Request) -> Mail:
        try:
            return self._mails.read(request.match_info["id"])
        except KeyError as error:
            raise web.HTTPNotFound(text="There is no such email.") from error


def _newest_first(found: Sequence[Any], limit: int, offset: int) -> Sequence[Any]:
    end = len(found) - offset
    return found[max(end - limit, 0) : max(end, 0)][::-1]


def _number(request: web.Request, name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 10) or int(text) < least:
        raise web.HTTPBadRequest(text=f"{name} must be a whole number, {least} or more.")
    return int(text) if most is None else min(int(text), most)


def _envelope(envelope: Envelope) -> dict[str, Any]:
    return {
        "id": envelope.id,
        "received_at": _time(envelope.received_at),
        "from": _address(envelope.sender),
        "to": [_address(each) for each in envelope.to],
        "cc": [_address(each) for each in envelope.cc],
        "bcc": [_address(each) for each in envelope.bcc],
        "subject": envelope.subject,
        "custom_args": dict(envelope.custom_args),
        "categories": list(envelope.categories),
        "attachments": [
            {
                "filename": each.filename,
                "type": each.type,
                "disposition": "inline" if each.inline else "attachment",
                "content_id": each.content_id,
                "size": each.size,
                "url": f"/api/mails/{envelope.id}/attachments/{index}",
            }
            for index, each in enumerate(envelope.files)
        ],
        "size": envelope.size,
    }


def _download(filename: str) -> str:
    """The header by which a browser saves what it gets, under a name.

    https://www.rfc-editor.org/rfc/rfc6266
    """
    return f"attachment; filename*=UTF-8''{quote(filename, safe='', errors='replace')}"


def _address(address: Address) -> Mapping[str, str]:
    return {"email": address.email, "name": address.name}


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
