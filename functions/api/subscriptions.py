"""The calls about subscriptions. Each is what the console and `./reports` do, or what a recipient does on the
recipient's page: pause, resume and stop."""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError

from functions.api.call import Api, Call, Reply, entity_tag
from functions.api.problem import Problem, missing
from functions.api.schemas import Objection, Pause
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.query import Query
from functions.shared.firestore.subscription_documents import StoredSubscription
from functions.shared.known_kinds import is_known_locale, known_kinds, known_languages
from functions.shared.records.ids import is_document_id
from functions.shared.records.recipient_pauses import LONGEST_PAUSE, Stored, paused, resumed, stopped
from functions.shared.records.states import PauseReason
from functions.shared.records.subscription import Subscription, subscription_path, subscriptions_of
from functions.shared.records.subscription_edit import EDITABLE, InvalidEdit, SubscriptionEdit
from functions.shared.records.user import USERS, User
from operations.deliveries.send_now import send_now as enqueue_now
from operations.errors import NotFound, OperatorError
from operations.reading.page import read_page
from operations.subscriptions.subscription_args import can_be_stored
from operations.subscriptions.subscription_changes import Decide, SubscriptionChanges
from operations.subscriptions.subscriptions import SubscriptionState


def list_subscriptions(api: Api, call: Call) -> Reply:
    """A user's subscriptions, in the order of their ids."""

    def read(found: FoundDocument) -> Subscription | None:
        return Subscription.from_snapshot(found, api.defaults)

    query = Query.of(subscriptions_of(call.user_id))
    page = read_page(api.database, query, after=call.query.get("after"), limit=call.limit, read=read)
    if not page.rows:
        _user(api, call)
    rows = [subscription_json(each, now=api.now()) for each in page.rows]
    return Reply({"subscriptions": rows, "next": page.following})


def show_subscription(api: Api, call: Call) -> Reply:
    """A subscription."""
    return _reply(api, _subscription(api, call))


def add_subscription(api: Api, call: Call) -> Reply:
    """Add a subscription under an id that the caller chooses, so that a call that is repeated adds no second one. Its
    first report is due at its next due time."""
    body = dict(call.body)
    subscription_id = body.pop("subscription_id", None)
    if not isinstance(subscription_id, str) or not is_document_id(subscription_id):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "subscription_id: must be the id of a document in Firestore.")
    user = _user(api, call)
    try:
        added = _changes(api, call).add(user, subscription_id, _edit(body))
    except InvalidEdit as error:
        raise _invalid(error) from error
    except OperatorError as error:
        raise Problem(HTTPStatus.CONFLICT, f"{user.id} has a subscription {subscription_id} already.") from error
    return _reply(api, added)


def change_subscription(api: Api, call: Call) -> Reply:
    """Change the named fields of a subscription, as a JSON Merge Patch: null gives a field its default. A new schedule
    repeats and leaves out no time."""
    edit = _edit(call.body)
    try:
        after, _ = _changes(api, call).edit(call.user_id, call.subscription_id, edit)
    except InvalidEdit as error:
        raise _invalid(error) from error
    except OperatorError as error:
        raise _refused(call, error) from error
    return _reply(api, after)


def remove_subscription(api: Api, call: Call) -> Reply:
    """Delete a subscription. To send nothing more, stop it instead: what is deleted can be added again unseen."""
    found = _subscription(api, call)
    call.require_version(found)
    try:
        _changes(api, call).remove(found)
    except OperatorError as error:
        raise _refused(call, error) from error
    return Reply(None)


def pause_subscription(api: Api, call: Call) -> Reply:
    """Pause a subscription as its recipient does. The reports that fall due in a pause are left out."""
    try:
        until = Pause.model_validate(call.body).until.astimezone(UTC)
    except (ValidationError, OverflowError) as error:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "until: must be a time with an offset, and alone.") from error
    now = api.now()
    if not now < until <= now + LONGEST_PAUSE:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "until: must be within a year from now.")
    after = _as_recipient(api, call, lambda stored: paused(stored, until, now=now))
    if not after.is_paused(now) or after.paused_because is not PauseReason.USER:
        raise _is_paused(after)
    return _reply(api, after)


def resume_subscription(api: Api, call: Call) -> Reply:
    """Resume a subscription as its recipient does: not what an operator has paused, nor for other addresses."""
    after = _as_recipient(api, call, lambda stored: resumed(stored, now=api.now()))
    if after.is_paused(api.now()):
        raise _is_paused(after)
    return _reply(api, after)


def stop_subscription(api: Api, call: Call) -> Reply:
    """Stop a subscription for good, as its recipient does by unsubscribing. Repeating it changes nothing."""
    return _reply(api, _as_recipient(api, call, lambda stored: stopped(stored, now=api.now())))


def send_report(api: Api, call: Call) -> Reply:
    """Send the report of a subscription that is due, or else one of the time since the last. The answer comes before
    the report: its delivery tells what comes of it."""
    user, found = _user(api, call), _subscription(api, call)
    call.require_version(found)
    try:
        enqueued = enqueue_now(
            user,
            found,
            database=api.database,
            defaults=api.defaults,
            queue=api.queue_of(user.id),
            now=api.now(),
        )
    except OperatorError as error:
        raise Problem(HTTPStatus.CONFLICT, str(error)) from error
    return Reply({"delivery_id": enqueued.delivery_id, "due_at": enqueued.due_at})


def show_recipient_page(api: Api, call: Call) -> Reply:
    """The address of the page on which the recipient manages the reports, for a link in the team's own product. Who has
    the address may do all that the page offers."""
    if api.page_url is None:
        raise missing("recipient's page in this deployment")
    found = _subscription(api, call)
    return Reply({"url": api.recipient_page(found.user_id, found.id)})


def subscription_json(subscription: Subscription, *, now: datetime) -> dict[str, Any]:
    """A subscription as answers have it.

    Args:
        subscription: which.
        now: the present, in UTC.
    """
    return {
        "user_id": subscription.user_id,
        "subscription_id": subscription.id,
        "state": SubscriptionState.of(subscription, now),
        **{name: getattr(subscription, name) for name in (*EDITABLE, *SHOWN)},
        # As a document has them.
        "cron": subscription.cron and subscription.cron.text,
        "deliver": subscription.deliver.to_field(),
        "send_between": subscription.send_between and str(subscription.send_between),
        "objections": [each.model_dump() for each in Objection.all_of(subscription)],
        "problem": subscription.problem or None,
        "etag": _etag(subscription),
    }


SHOWN = ("paused_because", "paused_until", "next_report_at", "reported_until")
"""The fields of a document that answers have, too, and that no caller sets."""


def _changes(api: Api, call: Call) -> SubscriptionChanges:
    return SubscriptionChanges(database=api.database, defaults=api.defaults, now=api.now, check=call.require_version)


def _as_recipient(api: Api, call: Call, decide: Any) -> Subscription:
    def decide_for_user(stored: StoredSubscription) -> Mapping[str, Any]:
        if stored.user is None:
            raise missing(f"user {call.user_id}")
        return dict(decide(Stored(user=stored.user, subscription=stored.subscription, document=stored.document)))

    decided: Decide = decide_for_user
    try:
        after, _ = _changes(api, call).change(call.user_id, call.subscription_id, decided)
    except OperatorError as error:
        raise _refused(call, error) from error
    return after


def _edit(body: Mapping[str, Any]) -> SubscriptionEdit:
    """What a body asks for."""
    if unknown := sorted(set(body) - set(EDITABLE)):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{unknown[0]}: not a field that can be set.")
    fields = {name: value for name, value in body.items() if value is not None}
    kinds, kind, locale = known_kinds(), fields.get("kind"), fields.get("locale")
    if kinds and isinstance(kind, str) and kind not in kinds:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"kind: must be {_any_of(kinds)}.")
    if isinstance(locale, str) and not is_known_locale(locale):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"locale: must be of {_any_of(known_languages())}.")
    options = fields.get("options", {})
    if not isinstance(options, dict):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "options: must be a map.")
    if not (can_be_stored([options]) and all(map(math.isfinite, _numbers(options)))):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "options: Firestore cannot hold them.")
    # Each option is set in the map, and the others stay.
    fields.pop("options", None)
    return SubscriptionEdit(fields=fields, options=options, unset=[name for name in body if body[name] is None])


def _any_of(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def _numbers(value: Any) -> Iterator[float]:
    match value:
        case dict():
            yield from _numbers([*value.values()])
        case list():
            for each in value:
                yield from _numbers(each)
        case float():
            yield value


def _user(api: Api, call: Call) -> User:
    user = User.from_snapshot(api.database.get(f"{USERS}/{call.user_id}"))
    if user is None:
        raise missing(f"user {call.user_id}")
    return user


def _subscription(api: Api, call: Call) -> Subscription:
    found = api.database.get(subscription_path(call.user_id, call.subscription_id))
    subscription = Subscription.from_snapshot(found, api.defaults)
    if subscription is None:
        raise _no_subscription(call)
    return subscription


def _reply(api: Api, subscription: Subscription) -> Reply:
    return Reply(subscription_json(subscription, now=api.now()), {"ETag": _etag(subscription)})


def _etag(subscription: Subscription) -> str:
    return f'"{entity_tag(subscription)}"'


def _no_subscription(call: Call) -> Problem:
    return missing(f"subscription {call.subscription_id} of a user {call.user_id}")


def _refused(call: Call, error: OperatorError) -> Problem:
    if isinstance(error, NotFound):
        return _no_subscription(call)
    return Problem(HTTPStatus.CONFLICT, "Others change the subscription just now: repeat this.")


def _invalid(error: InvalidEdit) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, f"{error}.")


def _is_paused(subscription: Subscription) -> Problem:
    because = f" ({subscription.paused_because.value})" if subscription.paused_because else ""
    return Problem(HTTPStatus.CONFLICT, f"The subscription is paused{because}: its recipient cannot change that.")
