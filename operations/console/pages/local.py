"""What only the local cloud has: its control panel, and the emails and messages that it took."""

import json
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from operations.console.console import console_of, done, recorded, require_operator
from operations.console.form import Form, FormRefused, form_action
from operations.console.live import live
from operations.console.local_client import LocalClient
from operations.console.mail_frame import LOOKS, WIDTHS, mail_response
from operations.console.readings import Shown
from operations.mail_checks.html_check import GMAIL_SHOWS_BYTES, check_html

_MAILS_A_PAGE = 50
_MESSAGES_A_PAGE = 30
_STEPS = {"1 minute": 60, "10 minutes": 600, "1 hour": 3_600, "1 day": 86_400, "1 week": 604_800}
_EVERY_SECONDS = 4
"""What the local cloud says costs nothing."""
_MOST_DIGITS = 9
_LASTING = {"1 minute": 60, "5 minutes": 300, "1 hour": 3_600}


def _read_control(request: Request) -> Shown:
    """The control panel."""
    context = {"state": _local(request).state(), "steps": _STEPS, "lasting": _LASTING}
    # Its forms have choices, which would be lost.
    return Shown(template="local.html", context=context, every=0)


@form_action(_read_control)
def act(request: Request, form: Form) -> Response:
    """Make a run, move the clock, begin or end a fault, or kill a function."""
    local, name = _local(request), request.path_params["act"]
    match name:
        case "run":
            with recorded(request, "Make a run", "local cloud"):
                run = local.act("runs")
            return RedirectResponse(f"/runs/{run['run_id']}", HTTPStatus.SEE_OTHER)
        case "clock":
            with recorded(request, "Move the clock", f"{_seconds(form)} seconds") as action:
                local.act("clock", seconds=_seconds(form))
                action.outcome = "The clock is moved."
        case "fault":
            asked = {"service": form.text("service"), "kind": form.text("kind"), "seconds": _seconds(form)}
            said = ", ".join(f"{key} {value}" for key, value in asked.items())
            with recorded(request, "Begin a fault", said) as action:
                local.act("faults", **asked)
                action.outcome = "The service fails from now on."
        case "clear":
            with recorded(request, "End all faults", "local cloud") as action:
                local.act("faults/clear")
                action.outcome = "All services work again."
        case "kill":
            with recorded(request, "Kill a function", form.text("function")) as action:
                local.act("functions/kill", function=form.text("function"))
                action.outcome = "The function is killed: it starts again by itself."
        case _:
            raise HTTPException(HTTPStatus.NOT_FOUND)
    return done(request, "/local")


def _read_mails(request: Request) -> Shown:
    """The emails that the local cloud took."""
    require_operator(request)
    search, page = request.query_params.get("q", "").strip(), _page(request)
    found = _local(request).mails(search=search, limit=_MAILS_A_PAGE, offset=(page - 1) * _MAILS_A_PAGE)
    context = {**found, "search": search, "page": page, "pages": -(-found["total"] // _MAILS_A_PAGE)}
    return Shown(template="mails.html", context=context, every=_EVERY_SECONDS)


def show_mail(request: Request) -> Response:
    """One email, and the ones before and after it."""
    require_operator(request)
    local, mail_id = _local(request), request.path_params["mail_id"]
    asked = request.query_params
    look, width, search = asked.get("look", "light"), asked.get("width", "desktop"), asked.get("q", "").strip()
    mail = local.mail(mail_id, search=search)
    return console_of(request).view.page(
        request,
        "mail.html",
        mail=mail,
        path="/local/mails/",
        search=search,
        check=check_html(
            mail["html"], text=mail["text"], content_ids={each["content_id"] for each in mail["attachments"]}
        ),
        most_bytes=GMAIL_SHOWS_BYTES,
        delivery_id=mail["custom_args"].get("delivery_id", ""),
        source=local.mail_part(mail_id, "message.eml").decode(errors="replace").replace("\r\n", "\n"),
        request_body=json.dumps(json.loads(local.mail_part(mail_id, "request.json")), indent=2, ensure_ascii=False),
        look=look if look in LOOKS else "light",
        width=width if width in WIDTHS else "desktop",
        looks=LOOKS,
        widths=tuple(WIDTHS),
    )


def mail_html(request: Request) -> Response:
    """The HTML of an email, for a frame."""
    require_operator(request)
    page = _local(request).mail_part(request.path_params["mail_id"], "html").decode(errors="replace")
    return mail_response(page, request.query_params.get("look", ""))


def message(request: Request) -> Response:
    """An email as a mail server would carry it."""
    require_operator(request)
    mail_id = request.path_params["mail_id"]
    return _download(_local(request).mail_part(mail_id, "message.eml"), "message.eml")


def attachment(request: Request) -> Response:
    """A file that came with an email."""
    require_operator(request)
    mail_id, number = request.path_params["mail_id"], request.path_params["number"]
    return _download(_local(request).mail_part(mail_id, f"attachments/{number}"), f"attachment-{number}")


def _read_messages(request: Request) -> Shown:
    """The messages that the local Slack took."""
    page = _page(request)
    found = _local(request).slack(limit=_MESSAGES_A_PAGE, offset=(page - 1) * _MESSAGES_A_PAGE)
    context = {**found, "page": page, "pages": -(-found["total"] // _MESSAGES_A_PAGE)}
    return Shown(template="slack.html", context=context, every=_EVERY_SECONDS)


def _read_elsewhere(request: Request) -> Shown:
    """The reports that came to the destinations beside email, as they came. Only operators: they are people's data."""
    require_operator(request)
    page = _page(request)
    found = _local(request).elsewhere(limit=_MESSAGES_A_PAGE, offset=(page - 1) * _MESSAGES_A_PAGE)
    for each in found["reports"]:
        each["shown"] = json.dumps(each["payload"], indent=2, ensure_ascii=False)
    context = {**found, "page": page, "pages": -(-found["total"] // _MESSAGES_A_PAGE)}
    return Shown(template="elsewhere.html", context=context, every=_EVERY_SECONDS)


def _local(request: Request) -> LocalClient:
    local = console_of(request).local
    if local is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return local


def _download(content: bytes, name: str) -> Response:
    """What is downloaded, never shown: what it is and does is the sender's choice."""
    return Response(
        content,
        media_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _seconds(form: Form) -> int:
    text = form.text("seconds")
    if not text.isdecimal() or len(text) > _MOST_DIGITS:
        raise FormRefused("How long is a number of seconds.")
    return int(text)


def _page(request: Request) -> int:
    text = request.query_params.get("page", "1")
    return max(int(text), 1) if text.isdecimal() and len(text) < 7 else 1


ROUTES = [
    Route("/local", live(_read_control)),
    Route("/local/mails", live(_read_mails)),
    Route("/local/mails/{mail_id}", show_mail),
    Route("/local/mails/{mail_id}/html", mail_html),
    Route("/local/mails/{mail_id}/message.eml", message),
    Route("/local/mails/{mail_id}/attachments/{number:int}", attachment),
    Route("/local/slack", live(_read_messages)),
    Route("/local/elsewhere", live(_read_elsewhere)),
    Route("/local/{act}", act, methods=["POST"]),
]
