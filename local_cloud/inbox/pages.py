"""What came, to be read: as JSON by programs and tests, as pages by people."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web
from jinja2 import ChainableUndefined, Environment, PackageLoader

from local_cloud.inbox.mail import CONTENT_SECURITY_POLICY, Address, Envelope, Mail
from local_cloud.inbox.mrkdwn import mrkdwn_to_html
from local_cloud.inbox.slack_message import SlackMessage
from local_cloud.inbox.store import MailStore

_STYLE = Path(__file__).parent / "templates" / "style.css"

MAILS_A_PAGE = 50
SLACK_MESSAGES_A_PAGE = 20
MOST_IN_AN_ANSWER = 1_000

_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; "
    "frame-ancestors 'self'; form-action 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_MAIL_HEADERS = {
    # The sandbox holds also where somebody opens this address by itself, outside the frame.
    "Content-Security-Policy": f"{CONTENT_SECURITY_POLICY}; sandbox allow-popups allow-popups-to-escape-sandbox; "
    "frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Pages:
    """The readable side of the inbox.

    Args:
        mails: what is shown.
        slack_messages: likewise; the list itself, which grows.
    """

    def __init__(self, mails: MailStore, slack_messages: Sequence[SlackMessage]) -> None:
        self._mails = mails
        self._slack_messages = slack_messages
        self._templates = Environment(
            loader=PackageLoader("local_cloud.inbox"),
            autoescape=True,
            # Of what Slack takes, only what its common blocks hold was looked into.
            undefined=ChainableUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["mrkdwn"] = mrkdwn_to_html

    def add_to(self, app: web.Application) -> None:
        """Add the pages' routes to an application."""
        app.router.add_get("/", self._list)
        app.router.add_get("/style.css", self._style)
        app.router.add_get("/mails/{id}", self._mail)
        app.router.add_get("/mails/{id}/html", self._mail_html)
        app.router.add_get("/mails/{id}/text", self._mail_text)
        app.router.add_get("/mails/{id}/message.eml", self._mail_message)
        app.router.add_get("/mails/{id}/raw.json", self._mail_request)
        app.router.add_get("/mails/{id}/attachments/{index}", self._attachment)
        app.router.add_get("/api/mails", self._api_mails)
        app.router.add_get("/api/mails/{id}", self._api_mail)
        app.router.add_get("/api/slack", self._api_slack)

    def unsubscribe(self, *, email: str, group: int, done: bool) -> web.Response:
        """The page behind a mail's link out of its group: a question, or that it is done."""
        page = self._page("unsubscribe.html", email=email, group=group, done=done)
        # Without a referrer a browser does not say either which origin posts the form.
        page.headers["Referrer-Policy"] = "same-origin"
        return page

    async def _list(self, request: web.Request) -> web.Response:
        to = request.query.get("to", "").strip()
        found: Sequence[Envelope] = self._mails.to(to) if to else self._mails
        page = _number(request, "page", 1, least=1)
        slack_page = _number(request, "slack_page", 1, least=1)
        return self._page(
            "list.html",
            to=to,
            mails=_newest_first(found, MAILS_A_PAGE, (page - 1) * MAILS_A_PAGE),
            total=len(found),
            page=page,
            pages=-(-len(found) // MAILS_A_PAGE),
            slack_messages=_newest_first(
                self._slack_messages, SLACK_MESSAGES_A_PAGE, (slack_page - 1) * SLACK_MESSAGES_A_PAGE
            ),
            slack_total=len(self._slack_messages),
            slack_page=slack_page,
            slack_pages=-(-len(self._slack_messages) // SLACK_MESSAGES_A_PAGE),
        )

    async def _mail(self, request: web.Request) -> web.Response:
        mail = self._read(request)
        return self._page("mail.html", mail=mail, envelope=mail.envelope)

    async def _mail_html(self, request: web.Request) -> web.Response:
        document = self._read(request).standalone_html(links_in_new_tab=True)
        return web.Response(text=document, content_type="text/html", headers=_MAIL_HEADERS)

    async def _mail_text(self, request: web.Request) -> web.Response:
        return web.Response(text=self._read(request).text or "", headers=_PAGE_HEADERS)

    async def _mail_message(self, request: web.Request) -> web.Response:
        return web.Response(
            body=self._read(request).as_message().as_bytes(),
            content_type="message/rfc822",
            headers={**_PAGE_HEADERS, "Content-Disposition": 'attachment; filename="message.eml"'},
        )

    async def _mail_request(self, request: web.Request) -> web.Response:
        return web.json_response(self._read(request).request, headers=_PAGE_HEADERS)

    async def _attachment(self, request: web.Request) -> web.Response:
        attachments = self._read(request).attachments
        index = request.match_info["index"]
        if not index.isdecimal() or int(index) >= len(attachments):
            raise web.HTTPNotFound(text=f"This mail has no attachment {index}.")
        attachment = attachments[int(index)]
        # Downloaded, never shown: what it is and does is the sender's choice.
        return web.Response(
            body=attachment.content,
            content_type="application/octet-stream",
            headers={**_MAIL_HEADERS, "Content-Disposition": _download(attachment.filename)},
        )

    async def _api_mails(self, request: web.Request) -> web.Response:
        to = request.query.get("to")
        found: Sequence[Envelope] = self._mails.to(to) if to else self._mails
        if wanted := request.query.get("q", "").strip():
            among = {each.id for each in found}
            found = [each for each in self._mails.containing(wanted) if each.id in among]
        if delivery := request.query.get("delivery_id"):
            found = [each for each in found if each.custom_args.get("delivery_id") == delivery]
        limit = _number(request, "limit", 100, least=1, most=MOST_IN_AN_ANSWER)
        offset = _number(request, "offset", 0)
        return web.json_response(
            {"total": len(found), "mails": [_envelope(each) for each in _newest_first(found, limit, offset)]}
        )

    async def _api_mail(self, request: web.Request) -> web.Response:
        mail = self._read(request)
        older, newer = self._mails.beside(mail.envelope.id)
        return web.json_response(
            {
                **_envelope(mail.envelope),
                "older": older,
                "newer": newer,
                "reply_to": [_address(each) for each in mail.reply_to],
                "headers": mail.headers,
                "text": mail.text,
                "html": mail.html,
            }
        )

    async def _api_slack(self, request: web.Request) -> web.Response:
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

    async def _style(self, _request: web.Request) -> web.FileResponse:
        return web.FileResponse(_STYLE)

    def _page(self, template: str, **values: Any) -> web.Response:
        page = self._templates.get_template(template).render(**values)
        return web.Response(text=page, content_type="text/html", headers=_PAGE_HEADERS)

    def _read(self, request: web.Request) -> Mail:
        try:
            return self._mails.read(request.match_info["id"])
        except KeyError as error:
            raise web.HTTPNotFound(text="There is no such mail.") from error


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
                "url": f"/mails/{envelope.id}/attachments/{index}",
            }
            for index, each in enumerate(envelope.files)
        ],
        "size": envelope.size,
        "url": f"/mails/{envelope.id}",
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
