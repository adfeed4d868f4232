"""Users: find one, see what the user gets and why not, and change it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.shared.firestore.subscription_documents import StoredSubscription
from functions.shared.records.delivery import Delivery
from functions.shared.records.ids import is_document_id
from functions.shared.records.kind_pauses import KindPauses
from functions.shared.records.mail_event import MailRecord
from functions.shared.records.recipients import recipients
from functions.shared.records.subscription import Subscription
from functions.shared.records.subscription_edit import SubscriptionEdit, edited_fields
from functions.shared.records.user import User
from functions.shared.times.period import Period
from functions.shared.times.schedule import Cadence
from operations.console.console import Console, console_of, done, recorded, require_operator
from operations.console.form import Form, FormRefused, Note, Text, form_action
from operations.console.live import live
from operations.console.mail_frame import mail_response
from operations.console.page_parts import read_parts
from operations.console.readings import Shown
from operations.console.view import page_links, part
from operations.dead_letters.dead_letters import DeadLetters
from operations.dead_letters.letter_filter import LetterFilter
from operations.deliveries.deliveries import Deliveries, delivery_row
from operations.deliveries.delivery_filter import DeliveryFilter
from operations.deliveries.mail_records import MailRecords
from operations.deliveries.send_now import send_now
from operations.errors import OperatorError
from operations.kinds.kind_pausing import KindPausing
from operations.operator_actions import OperatorActions
from operations.output import to_json
from operations.previews import preview as previews
from operations.previews.preview_period import next_period, parse_period, report_about
from operations.previews.preview_subject import read_subject
from operations.previews.send_test import send_test_report
from operations.previews.session_preview import build_live
from operations.session import Session
from operations.subscriptions.subscription_args import parse_end
from operations.subscriptions.subscription_changes import SubscriptionChanges, said_difference
from operations.subscriptions.subscriptions import Subscriptions, subscription_row
from operations.users.expected_reports import expected_reports
from operations.users.personal_data import PersonalData
from operations.users.users import Users, explain_user, user_row

_USERS_A_PAGE = 50
_LOOKED_BACK = timedelta(days=28)
_DELIVERIES_READ = 100
_ACTIONS_SHOWN = 50


class _Why(BaseModel):
    """The form that resumes a subscription, or sends its report."""

    note: Note = ""


class _Pause(_Why):
    """The form that pauses a subscription."""

    until: Text = ""


class _Remove(_Why):
    """The form that removes a subscription."""

    confirm: Text = ""


class _Test(BaseModel):
    """The form that sends a test."""

    address: Annotated[Text, Field(min_length=3, max_length=320, pattern="^[^@\\s]+@[^@\\s]+$")]


_Entry = Annotated[Text, Field(max_length=500)]
_MayBeEmpty = BeforeValidator(lambda typed: typed.strip() or None)


class _Schedule(BaseModel):
    """The form of a subscription: a field that is left empty goes back to its default."""

    kind: _Entry
    cadence: Cadence
    hour: Annotated[Annotated[int, Field(ge=0, le=23)] | None, _MayBeEmpty] = None
    minute: Annotated[Annotated[int, Field(ge=0, le=59)] | None, _MayBeEmpty] = None
    weekday: _Entry = ""
    day: Annotated[Annotated[int, Field(ge=1, le=31)] | None, _MayBeEmpty] = None
    working_day: _Entry = ""
    cron: _Entry = ""
    calendar: _Entry = ""
    send_between: _Entry = ""
    time_zone: _Entry = ""
    locale: _Entry = ""

    def edit(self) -> SubscriptionEdit:
        """What the form changes."""
        fields = self.model_dump(mode="json", include=set(SCHEDULE))
        given = {name: value for name, value in fields.items() if value not in {None, ""}}
        if self.weekday.isdecimal():
            given["weekday"] = int(self.weekday)
        return SubscriptionEdit(fields=given, unset=tuple(name for name in SCHEDULE if name not in given))


SCHEDULE = tuple(_Schedule.model_fields)
SEEN = (*SCHEDULE, "paused_because", "paused_until")
"""What the page shows of a subscription, and what its forms are refused for if somebody changes it meanwhile."""


class _Erase(BaseModel):
    """The form that erases what is kept of a user."""

    confirm: Text = ""
    with_document: bool = False


def _read_people(request: Request) -> Shown:
    """Users in the order of their ids, or those that the address names."""
    asked, may_act = request.query_params, request.state.viewer.may_act
    after, users = asked.get("after") or None, Users(console_of(request).reading.firestore)
    if after is not None and not is_document_id(after):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "A page begins after a user's id.")
    if named := asked.get("ids"):
        found = users.of_ids(named.split()[:_USERS_A_PAGE])
    else:
        found = users.page(after=after, limit=_USERS_A_PAGE + 1)
    shown = found[:_USERS_A_PAGE]
    return Shown(
        template="people.html",
        reads=len(shown) + 1,
        context={
            "users": [
                {"id": each.id, "active": each.active, "email": each.email if may_act else "", "problem": each.problem}
                for each in shown
            ],
            "is_search": bool(named),
            **page_links("/people", after=after, following=shown[-1].id if len(found) > _USERS_A_PAGE else None),
        },
    )


def _read_person(request: Request) -> Shown:
    """One user: what the user should have got in the last weeks, what came, why not, and what was changed."""
    now, session, may_act = datetime.now(UTC), console_of(request).reading, request.state.viewer.may_act
    database = session.firestore
    user = Users(database).get(_id(request, "user"))
    of_user = LetterFilter(state=None, user_id=user.id)
    parts = read_parts(
        {
            "subscriptions": lambda: Subscriptions(database, session.defaults).of_user(user.id),
            "deliveries": lambda: _latest_deliveries(session, user.id),
            "pauses": lambda: KindPausing(database).pauses(),
            "letters": lambda: list(DeadLetters(database).find(of_user, limit=_DELIVERIES_READ)),
            "recipients": lambda: Subscriptions(database, session.defaults).recipient_changes(user.id),
            "operators": lambda: OperatorActions(database).of_user(user.id, limit=_ACTIONS_SHOWN),
        }
    )
    subscriptions, letters, operators = (parts.read.get(name, []) for name in ("subscriptions", "letters", "operators"))
    deliveries, mails = parts.read.get("deliveries", ([], {}))
    pauses = parts.read.get("pauses", KindPauses())
    last = {each.subscription_id: each for each in reversed(deliveries)}
    since = now - _LOOKED_BACK
    if len(deliveries) == _DELIVERIES_READ:
        since = max(since, deliveries[-1].due_at or since)
    recent = [each for each in deliveries if each.due_at and each.due_at >= since]
    return Shown(
        template="person.html",
        reads=5 + 2 * len(subscriptions) + 2 * len(deliveries) + len(letters) + len(operators),
        context={
            "user": user_row(
                user, subscriptions, deliveries[0] if deliveries else None, now=now, with_addresses=may_act
            ),
            "why_not": "" if parts.failed else explain_user(user, subscriptions, pauses, now=now),
            "failed": parts.failed,
            "subscriptions": [
                subscription_row(
                    each,
                    last.get(each.id),
                    now=now,
                    mail=mails.get(last[each.id].id) if each.id in last else None,
                    with_addresses=may_act,
                )
                | _recipients(each, user, shows_addresses=may_act)
                for each in subscriptions
            ],
            "since": since,
            "expected": [
                {
                    "due_at": each.due_at,
                    "subscription_id": each.subscription_id,
                    "kind": each.kind,
                    "why": each.why,
                    "delivery": delivery_row(each.delivery, mails.get(each.delivery.id)) if each.delivery else None,
                }
                for each in expected_reports(user, subscriptions, recent, pauses, since=since, now=now)
            ],
            "letters": {each.task.delivery_id: each for each in letters if each.task},
            "recipients": parts.read.get("recipients", []),
            "operators": operators,
            "kinds": previews.known_kinds(),
            "cadences": [each.value for each in Cadence],
            "locales": previews.languages(),
            "seen_names": SEEN,
        },
    )


def _latest_deliveries(session: Session, user_id: str) -> tuple[list[Delivery], dict[str, MailRecord]]:
    deliveries = Deliveries(session.firestore).find(DeliveryFilter(user_id=user_id), limit=_DELIVERIES_READ)
    return deliveries, MailRecords(session.firestore).of(deliveries)


def _recipients(subscription: Subscription, user: User, *, shows_addresses: bool) -> dict[str, Any]:
    """Whom a subscription's reports are meant for, and how many of them get none."""
    found = recipients(subscription, user)
    return {
        "recipients": [each.address if shows_addresses else "[address]" for each in found],
        "suppressed": sum(subscription.leaves_out(each.address) for each in found),
    }


@form_action(_read_person)
def change(request: Request, form: Form) -> Response:
    """Pause, resume, edit or remove a subscription, or send its report now."""
    act = _ACTS.get(request.path_params["act"])
    if act is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return act(request, form)


def _pause(request: Request, form: Form) -> Response:
    console, (user_id, subscription_id), asked = console_of(request), _path(request), form.read(_Pause)
    until = None
    if asked.until:
        user = Users(console.session.firestore).get(user_id)
        until = _carry_out(lambda: parse_end(asked.until, user.time_zone, datetime.now(UTC)))
    with recorded(request, "Pause subscription", f"{user_id}/{subscription_id}", note=asked.note) as action:
        _unchanged(request, form)
        _, changed = _changes(console).pause(user_id, subscription_id, until=until)
        action.outcome = "The subscription is paused." if changed else "It was paused already."
    return _back(request)


def _resume(request: Request, form: Form) -> Response:
    console, (user_id, subscription_id) = console_of(request), _path(request)
    with recorded(request, "Resume subscription", f"{user_id}/{subscription_id}", note=form.read(_Why).note) as action:
        _unchanged(request, form)
        _, changed = _changes(console).resume(user_id, subscription_id)
        action.outcome = "The subscription is resumed." if changed else "It was not paused."
    return _back(request)


def _save(request: Request, form: Form) -> Response:
    console, (user_id, subscription_id), asked = console_of(request), _path(request), form.read(_Schedule)
    session, edit, now = console.session, asked.edit(), datetime.now(UTC)
    read = Subscriptions(session.firestore, session.defaults).find(user_id, subscription_id)

    def decide(stored: StoredSubscription) -> Mapping[str, Any]:
        nonlocal read
        read = stored.subscription
        _refuse_if_changed(form, read)
        if asked.kind != read.kind:
            _check_kind(asked.kind)
        return edited_fields(stored.user, stored.subscription, stored.document, edit, session.defaults, now=now)

    with recorded(request, "Change subscription", f"{user_id}/{subscription_id}") as action:
        saved, changed = _carry_out(lambda: _changes(console).change(user_id, subscription_id, decide))
        action.outcome = f"The subscription is saved: {said_difference(read, saved, now=now)}."
        if not changed:
            action.outcome = "Nothing had to be changed."
    return _back(request)


def _remove(request: Request, form: Form) -> Response:
    console, (user_id, subscription_id), asked = console_of(request), _path(request), form.read(_Remove)
    if asked.confirm != subscription_id:
        raise FormRefused("Nothing was removed: see below.", {"confirm": "Type the subscription's id to remove it."})
    with recorded(request, "Remove subscription", f"{user_id}/{subscription_id}", note=asked.note) as action:
        _changes(console).remove(_unchanged(request, form))
        action.outcome = "The subscription is removed."
    return _back(request)


def _send(request: Request, form: Form) -> Response:
    console, (user_id, subscription_id) = console_of(request), _path(request)
    session = console.session
    user = Users(session.firestore).get(user_id)
    with recorded(request, "Send report now", f"{user_id}/{subscription_id}", note=form.read(_Why).note) as action:
        sending = send_now(
            user,
            _unchanged(request, form),
            database=session.firestore,
            defaults=session.defaults,
            queue=session.queue_of(user_id),
            now=datetime.now(UTC),
        )
        action.outcome = f"enqueued as {sending.delivery_id}"
    return done(request, f"/deliveries/{part(sending.delivery_id)}")


def _send_test(request: Request, form: Form) -> Response:
    console, (user_id, subscription_id), asked = console_of(request), _path(request), form.read(_Test)
    with recorded(request, "Send test", f"{user_id}/{subscription_id}") as action:
        sent = send_test_report(console.session, user_id, subscription_id, asked.address)
        action.outcome = f"Nothing was sent: {sent.nothing.why}" if sent.nothing else "The test is sent."
    return _back(request)


@form_action(_read_person)
def export(request: Request, form: Form) -> Response:
    """What the pipeline keeps about a user, as a file with JSON, addresses included."""
    del form
    user_id = _id(request, "user")
    data = _personal_data(console_of(request), user_id)
    with recorded(request, "Export a user", user_id):
        exported = to_json(data.export(data.find(), with_document=False))
    name = re.sub(r"[^\w.-]", "_", user_id, flags=re.ASCII)
    headers = {"Content-Disposition": f'attachment; filename="{name}.json"'}
    return Response(exported, media_type="application/json", headers=headers)


@form_action(_read_person)
def erase(request: Request, form: Form) -> Response:
    """Erase what the pipeline keeps about a user."""
    user_id, asked = _id(request, "user"), form.read(_Erase)
    if asked.confirm != user_id:
        raise FormRefused("Nothing was erased: see below.", {"confirm": "Type the user's id to erase."})
    data = _personal_data(console_of(request), user_id)
    data.check(data.find(), with_document=asked.with_document)
    # A record with the user's id would be kept of the user.
    with recorded(request, "Erase a user", "what the pipeline keeps") as action:
        left = data.erase(with_document=asked.with_document, on_erased=lambda _number: None)
        is_left = any(left.left(with_document=asked.with_document).values())
        action.outcome = "Something was written meanwhile: repeat this in two minutes." if is_left else "Erased."
    return done(request, "/people")


def _personal_data(console: Console, user_id: str) -> PersonalData:
    session = console.session
    return PersonalData(
        database=session.firestore,
        queues=session.queues,
        queue_names=session.target.queues,
        user_id=user_id,
        now=session.now,
        archive=session.archive,
    )


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
    """The email of a preview."""
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


def _unchanged(request: Request, form: Form) -> Subscription:
    """The subscription as the form's page showed it."""
    session, (user_id, subscription_id) = console_of(request).session, _path(request)
    found = Subscriptions(session.firestore, session.defaults).find(user_id, subscription_id)
    _refuse_if_changed(form, found)
    return found


def _refuse_if_changed(form: Form, subscription: Subscription) -> None:
    current = subscription_row(subscription, None, now=datetime.now(UTC))
    form.refuse_if_changed({name: current[name] for name in SEEN})


def _check_kind(kind: str) -> None:
    if kind not in previews.known_kinds():
        raise FormRefused("Nothing was done: see below.", {"kind": "There is no such kind."})


def _changes(console: Console) -> SubscriptionChanges:
    return SubscriptionChanges(
        database=console.session.firestore, defaults=console.session.defaults, now=console.session.now
    )


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


def _back(request: Request) -> Response:
    return done(request, f"/people/{part(_id(request, 'user'))}")


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
    Route("/people", live(_read_people)),
    Route("/people/{user}", live(_read_person)),
    Route("/people/{user}/export", export, methods=["POST"]),
    Route("/people/{user}/erase", erase, methods=["POST"]),
    Route(f"{_OF_ONE}/preview", show_preview),
    Route(f"{_OF_ONE}/preview/mail", preview_mail),
    Route(f"{_OF_ONE}/{{act}}", change, methods=["POST"]),
]
