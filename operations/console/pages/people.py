"""Users: find one, see what the user gets and why not, and change it."""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from functions.shared.records.ids import is_document_id
from functions.shared.records.recipients import recipients
from functions.shared.records.subscription import Subscription
from functions.shared.records.user import User
from functions.shared.times.period import Period
from functions.shared.times.schedule import Cadence
from operations.console.console import Console, console_of, recorded, require_operator
from operations.console.form import Form, form_action
from operations.console.mail_frame import mail_response
from operations.console.view import link, part
from operations.deliveries.deliveries import Deliveries, delivery_row
from operations.deliveries.delivery_filter import DeliveryFilter
from operations.deliveries.mail_records import MailRecords
from operations.deliveries.send_now import send_now
from operations.errors import OperatorError
from operations.previews import preview as previews
from operations.previews.preview_period import next_period, parse_period, report_about
from operations.previews.preview_subject import read_subject
from operations.previews.send_test import send_test_report
from operations.previews.session_preview import build_live
from operations.subscriptions.subscription_args import parse_end
from operations.subscriptions.subscription_changes import SubscriptionChanges
from operations.subscriptions.subscription_edit import SubscriptionEdit
from operations.subscriptions.subscriptions import Subscriptions, subscription_row
from operations.users.users import Users, explain_user, user_row

Endpoint = Callable[[Request], Response]

_USERS_A_PAGE = 50
_DELIVERIES_SHOWN = 20
_NUMBERS = ("hour", "minute", "day")
_TEXTS = ("kind", "cadence", "weekday", "cron", "time_zone", "locale")


def list_people(request: Request) -> Response:
    """Users in the order of their ids."""
    console = console_of(request)
    after = request.query_params.get("after") or None
    if after is not None and not is_document_id(after):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "A page begins after a user's id.")
    users = Users(console.session.firestore).page(after=after, limit=_USERS_A_PAGE + 1)
    has_more = len(users) > _USERS_A_PAGE
    shown = users[:_USERS_A_PAGE]
    return _list(request, shown, is_first=after is None, following=shown[-1].id if has_more else None)


@form_action
def find(request: Request, form: Form) -> Response:
    """Find a user by id or by address. It is a form, so that no address is in the address of a page."""
    wanted, users = form.text("who"), Users(console_of(request).session.firestore)
    found = users.with_address(wanted, limit=_USERS_A_PAGE) if "@" in wanted else []
    if not found and is_document_id(wanted) and (user := users.find(wanted)):
        found = [user]
    if len(found) == 1:
        return RedirectResponse(f"/people/{part(found[0].id)}", HTTPStatus.SEE_OTHER)
    return _list(request, found, following=None, is_search=True)


def _list(
    request: Request, users: list[User], *, following: str | None, is_first: bool = True, is_search: bool = False
) -> Response:
    shows_addresses = request.state.viewer.may_act
    rows = [
        {"id": each.id, "active": each.active, "email": each.email if shows_addresses else "", "problem": each.problem}
        for each in users
    ]
    return console_of(request).view.page(
        request,
        "people.html",
        users=rows,
        first=None if is_first else "/people",
        following=following,
        is_search=is_search,
    )


def show_person(request: Request) -> Response:
    """One user, with all subscriptions and the latest deliveries."""
    console, now = console_of(request), datetime.now(UTC)
    session = console.session
    user = Users(session.firestore).get(_id(request, "user"))
    subscriptions = Subscriptions(session.firestore, session.defaults).of_user(user.id)
    deliveries = Deliveries(session.firestore).find(DeliveryFilter(user_id=user.id), limit=_DELIVERIES_SHOWN)
    mails = MailRecords(session.firestore).of(deliveries)
    shows_addresses = request.state.viewer.may_act
    last = {each.subscription_id: each for each in reversed(deliveries)}
    return console.view.page(
        request,
        "person.html",
        user=user_row(
            user, subscriptions, deliveries[0] if deliveries else None, now=now, with_addresses=shows_addresses
        ),
        why_not=explain_user(user, subscriptions, now=now),
        subscriptions=[
            subscription_row(
                each,
                last.get(each.id),
                now=now,
                mail=mails.get(last[each.id].id) if each.id in last else None,
                with_addresses=shows_addresses,
            )
            | _recipients(each, user, shows_addresses=shows_addresses)
            for each in subscriptions
        ],
        deliveries=[delivery_row(each, mails.get(each.id)) for each in deliveries],
        kinds=previews.known_kinds(),
        cadences=[each.value for each in Cadence],
        locales=previews.languages(),
    )


def _recipients(subscription: Subscription, user: User, *, shows_addresses: bool) -> dict[str, Any]:
    """Whom a subscription's reports are meant for, and how many of them get none."""
    found = recipients(subscription, user)
    return {
        "recipients": [each.address if shows_addresses else "[address]" for each in found],
        "suppressed": sum(subscription.leaves_out(each.address) for each in found),
    }


@form_action
def add(request: Request, form: Form) -> Response:
    """Make a subscription."""
    console, user_id = console_of(request), _id(request, "user")
    subscription_id = form.text("subscription")
    if not is_document_id(subscription_id):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The new subscription needs an id, such as weekly-summary.")
    user = Users(console.session.firestore).get(user_id)
    with recorded(request, "Add subscription", f"{user_id}/{subscription_id}"):
        _carry_out(lambda: _changes(console).add(user, subscription_id, _edit(form)))
    return _back(request, "saved")


@form_action
def change(request: Request, form: Form) -> Response:
    """Pause, resume, edit or remove a subscription, or send its report now."""
    act = _ACTS.get(request.path_params["act"])
    if act is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return act(request, form)


def _pause(request: Request, form: Form) -> Response:
    console, (user_id, subscription_id) = console_of(request), _path(request)
    until = None
    if text := form.text("until"):
        user = Users(console.session.firestore).get(user_id)
        until = _carry_out(lambda: parse_end(text, user.time_zone, datetime.now(UTC)))
    with recorded(request, "Pause subscription", f"{user_id}/{subscription_id}", note=form.text("note")):
        _changes(console).pause(user_id, subscription_id, until=until)
    return _back(request, "paused")


def _resume(request: Request, form: Form) -> Response:
    console, (user_id, subscription_id) = console_of(request), _path(request)
    with recorded(request, "Resume subscription", f"{user_id}/{subscription_id}", note=form.text("note")):
        _changes(console).resume(user_id, subscription_id)
    return _back(request, "resumed")


def _save(request: Request, form: Form) -> Response:
    console, (user_id, subscription_id) = console_of(request), _path(request)
    with recorded(request, "Change subscription", f"{user_id}/{subscription_id}") as action:
        _, changed = _carry_out(lambda: _changes(console).edit(user_id, subscription_id, _edit(form)))
        action.outcome = "changed" if changed else "nothing had to be changed"
    return _back(request, "saved" if changed else "unchanged")


def _remove(request: Request, form: Form) -> Response:
    console, (user_id, subscription_id) = console_of(request), _path(request)
    if form.text("confirm") != subscription_id:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "Nothing was removed: type the subscription's id to remove it.")
    found = Subscriptions(console.session.firestore, console.session.defaults).find(user_id, subscription_id)
    with recorded(request, "Remove subscription", f"{user_id}/{subscription_id}", note=form.text("note")):
        _changes(console).remove(found)
    return _back(request, "removed")


def _send(request: Request, form: Form) -> Response:
    console, (user_id, subscription_id) = console_of(request), _path(request)
    session = console.session
    user = Users(session.firestore).get(user_id)
    found = Subscriptions(session.firestore, session.defaults).find(user_id, subscription_id)
    with recorded(request, "Send report now", f"{user_id}/{subscription_id}", note=form.text("note")) as action:
        sending = send_now(
            user,
            found,
            database=session.firestore,
            defaults=session.defaults,
            queue=session.queue_of(user_id),
            now=datetime.now(UTC),
        )
        action.outcome = f"enqueued as {sending.delivery_id}"
    return RedirectResponse(f"/deliveries/{part(sending.delivery_id)}", HTTPStatus.SEE_OTHER)


def _send_test(request: Request, form: Form) -> Response:
    console, (user_id, subscription_id) = console_of(request), _path(request)
    address = form.text("address")
    with recorded(request, "Send test", f"{user_id}/{subscription_id}") as action:
        sent = send_test_report(console.session, user_id, subscription_id, address)
        action.outcome = f"nothing was sent: {sent.nothing.why}" if sent.nothing else "sent"
    return _back(request, "test-empty" if sent.nothing else "test-sent")


def show_preview(request: Request) -> Response:
    """A subscription's report as it would be sent: in any period, language and look."""
    console, (user_id, subscription_id) = console_of(request), _path(request)
    asked = {name: request.query_params.get(name, "") for name in ("period", "locale", "look", "width")}
    return console.view.page(
        request,
        "preview.html",
        user_id=user_id,
        subscription_id=subscription_id,
        asked={**asked, "look": asked["look"] or "light", "width": asked["width"] or "desktop"},
        locales=previews.languages(),
    )


def preview_mail(request: Request) -> Response:
    """The mail of a preview."""
    require_operator(request)
    console, (user_id, subscription_id) = console_of(request), _path(request)
    database = console.session.firestore
    user, subscription = read_subject(database, user_id, subscription_id, kind=None, defaults=console.session.defaults)
    if locale := request.query_params.get("locale"):
        subscription = subscription._replace(locale=locale)
    covered = _period(user, subscription, request.query_params.get("period", "").strip())
    mail = build_live(console.session, user, subscription, covered)
    if isinstance(mail, previews.NothingToSend):
        return console.view.fragment(request, "no_mail.html", why=mail.why)
    return mail_response(previews.standalone_page(mail), request.query_params.get("look", ""))


def _period(user: User, subscription: Subscription, text: str) -> Period:
    schedule = subscription.schedule(user)
    if not text:
        return next_period(subscription, schedule, datetime.now(UTC))
    return report_about(schedule, _carry_out(lambda: parse_period(text, schedule.time_zone)))


def _edit(form: Form) -> SubscriptionEdit:
    """The fields of a form: one that is left empty goes back to its default."""
    fields: dict[str, Any] = {name: form.text(name) for name in _TEXTS if form.text(name)}
    for name in _NUMBERS:
        if text := form.text(name):
            if not text.isdecimal():
                raise OperatorError(f"{name}: a number.")
            fields[name] = int(text)
    if weekday := fields.get("weekday"):
        fields["weekday"] = int(weekday) if weekday.isdecimal() else weekday
    return SubscriptionEdit(fields=fields, unset=tuple(name for name in (*_TEXTS, *_NUMBERS) if name not in fields))


def _changes(console: Console) -> SubscriptionChanges:
    return SubscriptionChanges(database=console.session.firestore, defaults=console.session.defaults)


def _carry_out(work: Any) -> Any:
    try:
        return work()
    except ValueError as error:
        raise OperatorError(str(error)) from error


def _id(request: Request, name: str) -> str:
    found: str = request.path_params[name]
    if not is_document_id(found):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return found


def _path(request: Request) -> tuple[str, str]:
    return _id(request, "user"), _id(request, "subscription")


def _back(request: Request, notice: str) -> Response:
    return RedirectResponse(link(f"/people/{part(_id(request, 'user'))}", notice=notice), HTTPStatus.SEE_OTHER)


_ACTS = {
    "pause": _pause,
    "resume": _resume,
    "save": _save,
    "remove": _remove,
    "send": _send,
    "send-test": _send_test,
}

_OF_ONE = "/people/{user}/subscriptions/{subscription}"
ROUTES = [
    Route("/people", list_people),
    Route("/people/find", find, methods=["POST"]),
    Route("/people/{user}", show_person),
    Route("/people/{user}/subscriptions", add, methods=["POST"]),
    Route(f"{_OF_ONE}/preview", show_preview),
    Route(f"{_OF_ONE}/preview/mail", preview_mail),
    Route(f"{_OF_ONE}/{{act}}", change, methods=["POST"]),
]
