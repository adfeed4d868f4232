"""`reports subscriptions`: which reports users get, and when."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, Unpack, get_type_hints

import typer

from functions.shared.records.states import DeliveryState, PauseReason
from functions.shared.times.schedule import Cadence, Covers, WorkingDay
from operations.commands.group import (
    AsCsv,
    AsJson,
    EveryRow,
    Limit,
    WithAddresses,
    Yes,
    confirm,
    document_id,
    read_all,
    recorded,
    refused_value,
    session,
    warn_of_locale,
)
from operations.escaping import shell_argument
from operations.output import Output

if TYPE_CHECKING:
    from functions.shared.records.subscription import Subscription
    from functions.shared.records.subscription_edit import InvalidEdit, SubscriptionEdit
    from functions.shared.records.user import User
    from operations.session import Session
    from operations.subscriptions.subscription_changes import SubscriptionChanges

app = typer.Typer(no_args_is_help=True)

_COLUMNS = (
    *("user_id", "subscription_id", "state", "kind", "paused_because", "problem", "next_report_at", "schedule"),
    *("last_delivery_state", "last_delivery_mail", "last_delivery_due_at", "paused_until"),
)
_LATEST_DELIVERIES = 5
_DELIVERY_COLUMNS = ("delivery_id", "state", "mail", "reason", "last_error", "note", "mail_reason", "due_at")
_THE_RECIPIENTS_WISH = {
    PauseReason.USER: "the user has paused",
    PauseReason.BOUNCED: "was paused since the user's mailbox refuses email",
    PauseReason.COMPLAINED: "was paused since the user reported an email as spam",
    PauseReason.UNSUBSCRIBED: "the user has unsubscribed from",
    PauseReason.NOT_IN_AUDIENCE: "the query of recipients does not name, and its next reading pauses again",
}


def _parsed_option(text: str) -> tuple[str, Any]:
    from operations.subscriptions.subscription_args import parse_option

    with refused_value():
        return parse_option(text)


def _parsed_field(text: str) -> str:
    from operations.subscriptions.subscription_args import parse_field

    with refused_value():
        return parse_field(text)


UserId = Annotated[str, typer.Argument(metavar="USER", parser=document_id, help="The user's id.")]
SubscriptionId = Annotated[
    str | None,
    typer.Argument(
        metavar="SUBSCRIPTION", parser=document_id, help="The subscription's id; not needed if the user has only one."
    ),
]
NewSubscriptionId = Annotated[
    str, typer.Argument(metavar="SUBSCRIPTION", parser=document_id, help="The new subscription's id.")
]

Unset = Annotated[
    list[str] | None,
    typer.Option(metavar="FIELD", parser=_parsed_field, help="A field to put back to its default. Repeat it for more."),
]


class _FieldOptions(TypedDict):
    """The options of `add` and `set`: each field that can be set has one of its name. None: it is not given."""

    kind: Annotated[str | None, typer.Option(help="Which report.")]
    cadence: Annotated[Cadence | None, typer.Option("--cadence", help="How often.")]
    hour: Annotated[int | None, typer.Option(help="0 to 23, in the recipient's own zone, as the other times are.")]
    minute: Annotated[int | None, typer.Option(help="0 to 59.")]
    weekday: Annotated[str | None, typer.Option(metavar="DAY", help="Of the week: monday to sunday, or 1 to 7.")]
    day: Annotated[int | None, typer.Option(help="Of the month: 1 to 31.")]
    working_day: Annotated[WorkingDay | None, typer.Option("--working-day", help="Of the month, in place of --day.")]
    cron: Annotated[str | None, typer.Option(metavar="LINE", help="Five cron fields, such as '0 8 * * 1-5'.")]
    calendar: Annotated[str | None, typer.Option(metavar="NAME", help="The calendar that has its days off.")]
    send_between: Annotated[
        str | None, typer.Option(metavar="HOURS", help="Hours in which reports come, such as 08:00-18:00.")
    ]
    covers: Annotated[Covers | None, typer.Option("--covers", help="Which time a report covers.")]
    deliver: Annotated[
        list[Any] | None,
        typer.Option(
            metavar="KEY=VALUE",
            parser=_parsed_option,
            help="Where it goes, such as destination=webhook. Repeat it for each key of the destination.",
        ),
    ]
    to: Annotated[
        list[str] | None, typer.Option(metavar="EMAIL", help="Who gets it, in place of the user. Repeat it for more.")
    ]
    cc: Annotated[list[str] | None, typer.Option(metavar="EMAIL", help="Who gets a copy. Repeat it for more.")]
    time_zone: Annotated[str | None, typer.Option(metavar="ZONE", help="In place of the user's, such as Asia/Tokyo.")]
    locale: Annotated[str | None, typer.Option(help="The language, in place of the user's: en, ja, en-US.")]
    sandbox: Annotated[
        bool | None, typer.Option("--sandbox/--no-sandbox", help="Have emails checked, and none delivered.")
    ]
    options: Annotated[
        list[Any] | None,
        typer.Option(
            "--option",
            metavar="KEY=VALUE",
            parser=_parsed_option,
            help="An option of the kind: VALUE is JSON or a text, null removes KEY. Repeat it for more.",
        ),
    ]
    skip_empty: Annotated[
        bool | None, typer.Option("--skip-empty/--no-skip-empty", help="Send no email if there is nothing to report.")
    ]


def _with_field_options(command: Callable[..., None]) -> Callable[..., None]:
    """Show Typer these options in place of a command's `**fields`."""
    signature = inspect.signature(command, eval_str=True)
    *others, _ = signature.parameters.values()
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in get_type_hints(_FieldOptions, include_extras=True).items()
    ]
    # In a stable order by kind, the arguments come first and the command's own options last.
    parameters = sorted([*options, *others], key=lambda each: each.kind)
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # for inspect
    return command


@app.command("list")
def list_(
    ctx: typer.Context,
    *,
    user: Annotated[str | None, typer.Option(metavar="USER", parser=document_id, help="All of this user's.")] = None,
    paused_because: Annotated[PauseReason | None, typer.Option(help="Those that are paused for this reason.")] = None,
    limit: Limit = 50,
    everything: EveryRow = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Subscriptions with their next due time and their last delivery; of all users, those that are due first."""
    from operations.subscriptions.subscriptions import Subscriptions
    from operations.users.users import Users

    most = None if everything else limit
    current, now = session(ctx), datetime.now(UTC)
    reader = Subscriptions(current.firestore, current.defaults)
    if user is not None:
        found = reader.of_user(user)
        if not found:
            Users(current.firestore).get(user)
        if paused_because is not None:
            found = [each for each in found if each.is_paused(now) and each.paused_because is paused_because]
        total = len(found)
    elif paused_because is not None:
        found = reader.paused(paused_because, now=now)
        total = len(found)
    else:
        found = reader.next_due(most)
        total = reader.count_scheduled() if most is not None and len(found) >= most else len(found)
    output = Output(as_json=as_json, as_csv=as_csv)
    rows = read_rows(current, found[:most], output, now=now)
    print_subscriptions(output, rows, empty="There are no such subscriptions.")
    output.cut(len(rows), total)


@app.command()
def show(
    ctx: typer.Context,
    user: UserId,
    subscription: SubscriptionId = None,
    *,
    with_addresses: WithAddresses = False,
    as_json: AsJson = False,
) -> None:
    """One subscription, with all its fields and its latest deliveries."""
    from operations.deliveries.deliveries import Deliveries, delivery_row
    from operations.deliveries.delivery_filter import DeliveryFilter
    from operations.deliveries.mail_records import MailRecords
    from operations.queues.ramp import current_ramp
    from operations.subscriptions.subscriptions import Subscriptions, SubscriptionState, subscription_row

    current = session(ctx)
    found = Subscriptions(current.firestore, current.defaults).find(user, subscription)
    latest = Deliveries(current.firestore).find(
        DeliveryFilter(user_id=user, subscription_id=found.id), limit=_LATEST_DELIVERIES
    )
    mails = MailRecords(current.firestore).of(latest)
    last = latest[0] if latest else None
    row = subscription_row(
        found, last, now=datetime.now(UTC), mail=mails.get(last.id) if last else None, with_addresses=with_addresses
    )
    deliveries = [delivery_row(each, mails.get(each.id)) for each in latest]
    output = Output(as_json=as_json)
    if as_json:
        output.json({**row, "deliveries": deliveries})
        return
    output.fields(row)
    output.say()
    if row["state"] == SubscriptionState.DUE and current_ramp(current.target):
        output.say("A new domain is ramped up, so its report may wait in the queue: reports queue show.")
    output.rows(
        deliveries,
        _DELIVERY_COLUMNS,
        empty="It has no delivery yet.",
        optional={"note", "last_error", "mail", "mail_reason"},
    )


@app.command()
@_with_field_options
def add(
    ctx: typer.Context,
    user: UserId,
    subscription: NewSubscriptionId,
    *,
    as_json: AsJson = False,
    **fields: Unpack[_FieldOptions],
) -> None:
    """Make a subscription. Its first report is due at its next due time; reports send sends one at once."""
    from functions.shared.records.subscription_edit import InvalidEdit
    from operations.users.users import Users

    edit = _edit(fields)
    current = session(ctx)
    output = Output(as_json=as_json)
    whose = Users(current.firestore).get(user)
    _warn_of_user(output, whose)
    _warn_of_unknown(output, fields["kind"], fields["locale"])
    try:
        with recorded(current, "Add subscription", f"{user}/{subscription}"):
            added = _changes(current).add(whose, subscription, edit)
    except InvalidEdit as error:
        raise _refused(error) from error
    _warn_of_days(output, added)
    _print_changed(current, output, added, "Made.")


@app.command("set")
@_with_field_options
def set_(
    ctx: typer.Context,
    user: UserId,
    subscription: SubscriptionId = None,
    *,
    unset: Unset = None,
    as_json: AsJson = False,
    **fields: Unpack[_FieldOptions],
) -> None:
    """Change fields of a subscription, and leave the others. A new schedule repeats and leaves out no time."""
    from functions.shared.records.subscription_edit import InvalidEdit
    from operations.subscriptions.subscriptions import Subscriptions

    edit = _edit(fields, unset)
    if edit.is_empty:
        raise typer.BadParameter("name at least one field, such as --hour 9")
    current = session(ctx)
    output = Output(as_json=as_json)
    before = Subscriptions(current.firestore, current.defaults).find(user, subscription)
    _warn_of_unknown(output, fields["kind"], fields["locale"])
    try:
        with recorded(current, "Change subscription", f"{user}/{before.id}") as action:
            after, is_new = _changes(current).edit(user, before.id, edit)
            action.outcome = _said(before, after)
    except InvalidEdit as error:
        raise _refused(error) from error
    _warn_of_days(output, after)
    _print_changed(current, output, after, "Changed." if is_new else "It was so already: nothing was changed.")


@app.command()
def pause(
    ctx: typer.Context,
    user: UserId,
    subscription: SubscriptionId = None,
    *,
    until: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="When it resumes by itself: 2026-12-24 in the recipient's zone, or a time."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send no reports of a subscription until it is resumed. A pause skips the reports that fall due in it."""
    from operations.subscriptions.subscription_args import parse_end
    from operations.subscriptions.subscriptions import Subscriptions
    from operations.users.users import Users

    current = session(ctx)
    found = Subscriptions(current.firestore, current.defaults).find(user, subscription)
    end = None
    if until is not None:
        zone = found.schedule(Users(current.firestore).find(user)).time_zone
        with refused_value("--until"):
            end = parse_end(until, zone, datetime.now(UTC))
    with recorded(current, "Pause subscription", f"{user}/{found.id}") as action:
        paused, _ = _changes(current).pause(user, found.id, until=end)
        action.outcome = _said(found, paused)
    _print_changed(current, Output(as_json=as_json), paused, "Paused.")


@app.command()
def resume(
    ctx: typer.Context,
    user: UserId,
    subscription: SubscriptionId = None,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Send a subscription's reports again. If the recipient asked for the pause, the command asks first."""
    from operations.subscriptions.subscriptions import Subscriptions

    current = session(ctx)
    output = Output(as_json=as_json)
    found = Subscriptions(current.firestore, current.defaults).find(user, subscription)
    wish = _THE_RECIPIENTS_WISH.get(found.paused_because) if found.paused_because else None
    if wish and found.is_paused(datetime.now(UTC)):
        confirm(output, f"resume {user}/{found.id}, which {wish}, on {current.target.description}", yes=yes)
    with recorded(current, "Resume subscription", f"{user}/{found.id}") as action:
        resumed, is_new = _changes(current).resume(user, found.id)
        action.outcome = _said(found, resumed)
    _print_changed(current, output, resumed, "Resumed." if is_new else "It is not paused: nothing was changed.")


@app.command()
def remove(
    ctx: typer.Context,
    user: UserId,
    subscription: SubscriptionId = None,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete a subscription. This cannot be undone; to send nothing for a time, pause it instead."""
    from operations.deliveries.deliveries import Deliveries, delivery_row
    from operations.subscriptions.subscriptions import Subscriptions

    current = session(ctx)
    output = Output(as_json=as_json)
    found = Subscriptions(current.firestore, current.defaults).find(user, subscription)
    unfinished = Deliveries(current.firestore).unfinished(user, found.id)
    for delivery in unfinished:
        is_sending = delivery.state is DeliveryState.SENDING
        output.warn(
            f"{delivery.id} is {delivery.state}: "
            + ("its email may still go out." if is_sending else "the worker skips it, and sends nothing.")
        )
    confirm(output, f"remove the subscription {user}/{found.id} on {current.target.description}", yes=yes)
    with recorded(current, "Remove subscription", f"{user}/{found.id}"):
        _changes(current).remove(found)
    if as_json:
        rows = list(map(delivery_row, unfinished))
        output.json({"user_id": user, "subscription_id": found.id, "removed": True, "unfinished_deliveries": rows})
    else:
        output.say("Removed. Its deliveries and dead letters stay; a dead letter that you replay now is skipped.")


def read_rows(
    current: Session,
    subscriptions: Sequence[Subscription],
    output: Output,
    *,
    now: datetime,
    with_addresses: bool = False,
) -> list[dict[str, Any]]:
    """Subscriptions as JSON shows them, each with its latest delivery."""
    from operations.deliveries.deliveries import Deliveries
    from operations.deliveries.mail_records import MailRecords
    from operations.subscriptions.subscriptions import subscription_row

    deliveries, mails = Deliveries(current.firestore), MailRecords(current.firestore)

    def read(each: Subscription) -> dict[str, Any]:
        latest = deliveries.latest(each.user_id, each.id)
        mail = mails.of([latest]).get(latest.id) if latest else None
        return subscription_row(each, latest, now=now, mail=mail, with_addresses=with_addresses)

    return read_all(subscriptions, read, output)


def print_subscriptions(output: Output, rows: Sequence[dict[str, Any]], *, empty: str) -> None:
    """Print a table of subscriptions."""
    output.rows(
        rows, _COLUMNS, empty=empty, optional={"paused_because", "paused_until", "last_delivery_mail", "problem"}
    )


def _edit(given_options: _FieldOptions, unset: Sequence[str] | None = None) -> SubscriptionEdit:
    """The edit that the command line asks for."""
    from functions.shared.records.subscription_edit import SubscriptionEdit
    from operations.subscriptions.subscription_args import parse_weekday

    cadence, covers = given_options["cadence"], given_options["covers"]
    weekday, options = given_options["weekday"], given_options["options"]
    working_day = given_options["working_day"]
    fields: dict[str, Any] = {
        **given_options,
        "cadence": cadence.value if cadence else None,
        "covers": covers.value if covers else None,
        "working_day": working_day.value if working_day else None,
        "deliver": dict(given_options["deliver"] or ()) or None,
        "weekday": parse_weekday(weekday) if weekday is not None else None,
    }
    # Each option is set in the map, and the others stay.
    del fields["options"]
    # An option that can be repeated is an empty list if it was not given.
    given = {name: value for name, value in fields.items() if value is not None and value != []}
    if twice := sorted(set(given) & set(unset or ())):
        raise typer.BadParameter(f"{', '.join(twice)}: either set it or unset it")
    return SubscriptionEdit(fields=given, options=dict(options or ()), unset=tuple(unset or ()))


def _changes(current: Session) -> SubscriptionChanges:
    from operations.subscriptions.subscription_changes import SubscriptionChanges

    return SubscriptionChanges(database=current.firestore, defaults=current.defaults, now=current.now)


def _said(before: Subscription, after: Subscription) -> str:
    from operations.subscriptions.subscription_changes import said_difference

    return said_difference(before, after, now=datetime.now(UTC)) or "nothing had to be changed"


def _refused(error: InvalidEdit) -> typer.BadParameter:
    return typer.BadParameter(f"{error}. Nothing was written.")


def _warn_of_user(output: Output, user: User) -> None:
    if user.problem:
        output.warn(f"users/{user.id}: {user.problem}. Nothing is sent until your application corrects that.")
    elif not user.active:
        output.warn(f"users/{user.id} is not active: nothing is sent until your application sets active to true.")


def _warn_of_unknown(output: Output, kind: str | None, locale: str | None) -> None:
    from operations.previews import preview

    known = preview.known_kinds()
    if kind is not None and kind not in known:
        output.warn(f"There is no kind {kind} in this checkout, but {', '.join(known)}: has the worker one?")
    warn_of_locale(output, locale)


def _warn_of_days(output: Output, subscription: Subscription) -> None:
    if subscription.cron and (days := subscription.cron.either_day):
        output.warn(
            f"The cron line names days of the month ({days[0]}) and days of the week ({days[1]}): a report is due on "
            "the ones and on the others. No cron line means only the days that are both."
        )


def _print_changed(current: Session, output: Output, subscription: Subscription, what: str) -> None:
    from operations.deliveries.deliveries import Deliveries
    from operations.subscriptions.subscriptions import subscription_row

    latest = Deliveries(current.firestore).latest(subscription.user_id, subscription.id)
    row = subscription_row(subscription, latest, now=datetime.now(UTC))
    if output.as_json:
        output.json(row)
        return
    print_subscriptions(output, [row], empty="")
    output.say()
    output.say(what)
    if row["state"] == "due":
        output.say("A report is due: it goes out first, and the next one by the schedule.")
    user, name = map(shell_argument, (subscription.user_id, subscription.id))
    output.say(f"All its fields: reports subscriptions show {user} {name}")
