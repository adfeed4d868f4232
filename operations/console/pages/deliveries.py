"""Deliveries of a user or a run, and one delivery."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.shared.queues.queue_choice import choose_queue
from functions.shared.records.dead_letter import DeadLetterReason
from functions.shared.records.delivery import Delivery, DeliveryState, SkipReason
from functions.shared.records.ids import is_document_id, task_id
from operations.console.console import console_of, require_operator
from operations.console.form import moments_of
from operations.console.live import live
from operations.console.mail_frame import mail_response
from operations.console.page_parts import read_parts
from operations.console.readings import Shown
from operations.console.view import page_links
from operations.dead_letters.dead_letters import DeadLetters
from operations.deliveries.deliveries import Deliveries, delivery_row
from operations.deliveries.delivery_filter import DeliveryFilter
from operations.deliveries.mail_outcome import MailOutcome
from operations.deliveries.mail_records import MailRecords
from operations.deliveries.sent_copy import sent_copy
from operations.deliveries.timeline import timeline, what_next
from operations.previews import preview as previews
from operations.previews.preview_period import next_period
from operations.previews.preview_subject import read_subject
from operations.previews.session_preview import build_live
from operations.session import Session
from operations.time_args import to_json_time

_DELIVERIES_A_PAGE = 50
_PERHAPS_TWICE = "perhaps-twice"


def _read_deliveries(request: Request) -> Shown:
    """The deliveries that the filters in the address leave; where it has none, the latest of all."""
    console, asked = console_of(request), request.query_params
    database = console.reading.firestore
    wanted, after = delivery_filter(asked), asked.get("after") or None
    page = None if wanted.problem else Deliveries(database).page(wanted, after=after, limit=_DELIVERIES_A_PAGE)
    rows = page.rows if page else []
    # Without what became of their emails, the deliveries are shown all the same.
    parts = read_parts({"mails": lambda: MailRecords(database).of(rows)})
    mails = parts.read.get("mails", {})
    filters = {
        "user": wanted.user_id,
        "subscription": wanted.subscription_id,
        "run": wanted.run_id,
        "state": wanted.state.value if wanted.state else "",
        "mail": _PERHAPS_TWICE if wanted.perhaps_twice else wanted.mail or "",
        "reason": wanted.reason,
        "kind": wanted.kind,
        "since": to_json_time(wanted.since) or "",
        "until": to_json_time(wanted.until) or "",
    }
    return Shown(
        template="deliveries.html",
        reads=(page.reads if page else 0) + len(rows),
        context={
            "deliveries": [delivery_row(each, mails.get(each.id)) for each in rows],
            "failed": parts.failed,
            "filters": filters,
            "problem": wanted.problem,
            "searched": 0 if page is None or wanted.is_by_index else page.searched,
            "states": [each.value for each in DeliveryState],
            "mails": [*MailOutcome, _PERHAPS_TWICE],
            "reasons": [*SkipReason, *DeadLetterReason],
            "kinds": previews.known_kinds(),
            **page_links("/deliveries", after=after, following=page.following if page else None, **filters),
        },
    )


def delivery_filter(asked: QueryParams) -> DeliveryFilter:
    """The filters of an address.

    Raises:
        HTTPException: one of them is malformed.
    """
    user, subscription, run = (asked.get(name, "").strip() for name in ("user", "subscription", "run"))
    if any(each and not is_document_id(each) for each in (user, subscription, run)):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "A user, a subscription or a run is named by its id.")
    since, until = moments_of(asked, datetime.now(UTC))
    return DeliveryFilter(
        user_id=user,
        subscription_id=subscription,
        run_id=run,
        state=next((each for each in DeliveryState if each == asked.get("state")), None),
        mail=next((each for each in MailOutcome if each == asked.get("mail")), None),
        perhaps_twice=asked.get("mail") == _PERHAPS_TWICE,
        reason=asked.get("reason", "").strip(),
        kind=asked.get("kind", "").strip(),
        since=since,
        until=until,
    )


def _read_delivery(request: Request) -> Shown:
    """One delivery: what has happened to it, and what will."""
    console, now = console_of(request), datetime.now(UTC)
    session, may_act = console.reading, request.state.viewer.may_act
    database = session.firestore
    delivery = Deliveries(database).get(request.path_params["delivery_id"])
    parts = read_parts(
        {
            "mail": lambda: MailRecords(database).of([delivery]).get(delivery.id),
            "letter": lambda: next(iter(DeadLetters(database).of_ids([delivery.letter_id or delivery.id])), None),
            "task": lambda: None if delivery.is_final else _task(session, delivery),
            "copy": lambda: _attachments(session, delivery) if delivery.archived_as and may_act else [],
        }
    )
    mail, letter, task, files = (parts.read.get(name) for name in ("mail", "letter", "task", "copy"))
    return Shown(
        template="delivery.html",
        reads=3,
        every=10,
        context={
            "delivery": delivery_row(delivery, mail),
            "timeline": timeline(delivery, mail, now=now),
            "what_next": ""
            if parts.failed
            else what_next(delivery, task, letter_state=letter.state if letter else None, now=now),
            "failed": parts.failed,
            "letter": letter,
            "can_preview": may_act and bool(delivery.subscription_id),
            "has_copy": may_act and bool(delivery.archived_as) and "copy" not in parts.failed,
            "files": files or [],
            "taken": console.local.mails_of(delivery.id) if console.local and may_act else [],
            "log_lines": console.local.log_lines(delivery.id) if console.local else [],
            "logs_url": None if console.view.is_local else logs_url(session.target.project, delivery.id),
        },
    )


def show_mail(request: Request) -> Response:
    """The email of a delivery as it would be made now, of the time that the delivery covers."""
    console = console_of(request)
    require_operator(request)
    session = console.session
    delivery = Deliveries(session.firestore).get(request.path_params["delivery_id"])
    user, subscription = read_subject(
        session.firestore,
        delivery.user_id,
        delivery.subscription_id,
        kind=delivery.kind or None,
        defaults=session.defaults,
    )
    covered = delivery.settled_period(datetime.now(UTC)) or next_period(
        subscription, subscription.schedule(user), datetime.now(UTC)
    )
    mail = build_live(session, user, subscription, covered)
    if isinstance(mail, previews.NothingToSend):
        return console.view.fragment(request, "no_mail.html", why=mail.why)
    return mail_response(previews.standalone_page(mail), request.query_params.get("look", ""))


def show_sent(request: Request) -> Response:
    """The email of a delivery as it went out, or one of its files."""
    console = console_of(request)
    require_operator(request)
    delivery = Deliveries(console.session.firestore).get(request.path_params["delivery_id"])
    copy = sent_copy(console.session.archive, delivery)
    if (number := request.path_params.get("number")) is None:
        return mail_response(copy.page(), request.query_params.get("look", ""))
    if number >= len(copy.attachments):
        raise HTTPException(HTTPStatus.NOT_FOUND, "The email has no such file.")
    file = copy.attachments[number]
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.filename)}"}
    # Whatever it says that it is, the browser only stores it.
    return Response(file.content, media_type="application/octet-stream", headers=headers)


def _attachments(session: Session, delivery: Delivery) -> list[str]:
    return [each.filename for each in sent_copy(session.archive, delivery).attachments]


def _task(session: Session, delivery: Delivery) -> dict[str, Any] | None:
    queues = session.target.queues
    queue = queues[choose_queue(delivery.user_id, queues)]
    names = [name for name in (delivery.task, task_id(delivery.id), *delivery.settling_tasks) if name]
    return next((found for name in names if (found := session.queues.find_task(queue, name))), None)


def logs_url(project: str, delivery_id: str) -> str:
    """Where Cloud Logging shows the lines about a delivery."""
    query = quote(f'jsonPayload.delivery_id="{delivery_id}"', safe="")
    return f"https://console.cloud.google.com/logs/query;query={query}?project={quote(project, safe='')}"


ROUTES = [
    Route("/deliveries", live(_read_deliveries)),
    Route("/deliveries/{delivery_id}", live(_read_delivery)),
    Route("/deliveries/{delivery_id}/mail", show_mail),
    Route("/deliveries/{delivery_id}/sent", show_sent),
    Route("/deliveries/{delivery_id}/sent/{number:int}", show_sent),
]
