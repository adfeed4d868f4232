"""`reports preview`: a report as it would go out, and nothing sent."""

from __future__ import annotations

import time
import webbrowser
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from functions.shared.times.schedule import Cadence, Schedule
from operations.commands.group import AsJson, document_id, refused_value, session, warn_of_locale
from operations.connection.local_directory import LOCAL_CLOUD_DIRECTORY
from operations.errors import OperatorError
from operations.output import Output, print_traceback
from operations.time_args import to_json_time
from report_kit.sample_amount import SampleAmount

if TYPE_CHECKING:
    from functions.shared.records.subscription import Subscription
    from functions.shared.records.user import User
    from functions.shared.settings import MailSettings
    from functions.shared.times.period import Period
    from operations.previews import preview as previews
    from operations.session import Session

_POLL_SECONDS = 0.3


def preview(
    ctx: typer.Context,
    user: Annotated[
        str | None, typer.Argument(metavar="USER", parser=document_id, help="The user's id; not needed for a sample.")
    ] = None,
    subscription: Annotated[
        str | None,
        typer.Argument(
            metavar="SUBSCRIPTION",
            parser=document_id,
            help="The subscription's id; not needed if the user has only one, nor with --kind.",
        ),
    ] = None,
    *,
    kind: Annotated[
        str | None,
        typer.Option(help="Which report, in place of the subscription's; default for a sample: the first."),
    ] = None,
    period: Annotated[
        str | None,
        typer.Option(
            metavar="PERIOD",
            help="Such as 2026-11, 2026-W48 or 2026-11-24T13, in the recipient's zone; default: due or last.",
        ),
    ] = None,
    locale: Annotated[
        str | None, typer.Option(help="The language, in place of the recipient's: en, ja, en-US.")
    ] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Show made-up data, not the user's.")] = False,
    sample_user: Annotated[
        str | None,
        typer.Option(
            "--user",
            metavar="ID",
            parser=document_id,
            help="The id that a sample's user has, for a report that asks a database of your own; default: sample.",
        ),
    ] = None,
    amount: Annotated[SampleAmount | None, typer.Option(help="How much made-up data; default: much.")] = None,
    to: Annotated[Path, typer.Option(metavar="DIR", file_okay=False, help="Where the files are written.")] = (
        LOCAL_CLOUD_DIRECTORY / "previews"
    ),
    is_next: Annotated[
        bool, typer.Option("--next", help="Show the kind's next version, even for a user who does not get it yet.")
    ] = False,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch", help="Until Ctrl-C, show it again whenever the kind's code, texts or templates change."
        ),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="If the kind fails, print the whole traceback.")] = False,
    as_json: AsJson = False,
) -> None:
    """Render a subscription's report exactly as it would be sent, and send nothing."""
    from functions.shared.records.delivery import SkipReason
    from operations.previews import preview as previews
    from operations.previews.kind_variables import kind_variables, sample_variables
    from operations.previews.preview_period import cadence_of
    from operations.previews.preview_subject import read_subject, sample_subject

    sample = sample or amount is not None
    if user is None and not sample:
        raise typer.BadParameter("name a user, or --sample")
    if sample_user is not None and user is not None:
        raise typer.BadParameter("is the id of a made-up user: it does not go with USER", param_hint="--user")
    current, now = session(ctx), datetime.now(UTC)
    if user is None:
        whose, which = sample_subject(
            kind or next(iter(previews.known_kinds()), ""),
            user_id=sample_user,
            cadence=cadence_of(period or "") or Cadence.DAILY,
        )
    else:
        whose, which = read_subject(current.firestore, user, subscription, kind=kind, defaults=current.defaults)
    if locale is not None:
        which = which._replace(locale=locale)
    output = Output(as_json=as_json)
    warn_of_locale(output, locale)
    covered = _period(which, which.schedule(whose), period, output, now=now)
    database = None if sample else current.firestore
    settings = _settings(current, None if user is None else whose)
    files = previews.PreviewFiles.of(to, f"{whose.id}-{which.id}-{which.kind}-{which.locale or whose.locale}")

    def render() -> previews.NothingToSend | str:
        """Make the preview; returns its page."""
        data = (
            previews.live_data(database, whose.id)
            if database
            else previews.sample_data(which.kind, covered, amount or SampleAmount.MUCH)
        )
        variables = (
            sample_variables(which.kind, own=sample_user is not None) if sample else kind_variables(current, which.kind)
        )
        mail = previews.build(
            *(which.kind, whose, which, covered, data, settings),
            now=now,
            database=database,
            variables=variables,
            is_next=is_next,
        )
        about: dict[str, Any] = {"period_start": covered.start, "period_end": covered.end}
        if isinstance(mail, previews.NothingToSend):
            if as_json:
                output.json({"skipped": SkipReason.NOTHING_TO_REPORT.value, "note": mail.why, **about})
            else:
                output.say(_skipped(mail))
            return mail
        page = files.write(mail, settings, at=now)
        written = {"html": str(files.html), "text": str(files.text), "request": str(files.request)}
        attached = [str(file) for file in files.attachments(mail)]
        listed = {"attachments": attached if as_json else ", ".join(attached)} if attached else {}
        output.fields({"subject": mail.subject, **about, **written, **listed})
        return page

    def render_or_explain() -> previews.NothingToSend | str:
        try:
            return render()
        except OperatorError as error:
            if verbose and error.__cause__ is not None:
                print_traceback(error.__cause__)
            raise

    if watch:
        _watch(which.kind, render_or_explain, output, open_it=open_it)
    page = render_or_explain()
    if open_it and isinstance(page, str):
        open_in_browser(files.html.resolve().as_uri(), output)


def _watch(kind: str, render: Callable[[], previews.NothingToSend | str], output: Output, *, open_it: bool) -> NoReturn:
    from operations.failures import describe
    from operations.previews import preview as previews
    from operations.previews.preview_server import PreviewServer

    files = previews.KindFiles(kind)
    with PreviewServer() as server:
        output.warn(f"Watching. The preview is at {server.url} until Ctrl-C.")
        while True:
            try:
                page = render()
            except OperatorError as error:
                output.warn(describe(error))
                server.tell(describe(error))
            else:
                if isinstance(page, str):
                    server.show(page)
                else:
                    server.tell(_skipped(page))
            if open_it:
                open_in_browser(server.url, output)
                open_it = False
            while not files.have_changed():
                time.sleep(_POLL_SECONDS)


def open_in_browser(address: str, output: Output) -> None:
    """Open an address, or say that the operator is to open it."""
    if not webbrowser.open(address):
        output.warn(f"There is no browser here: open {address} yourself.")


def _skipped(nothing: previews.NothingToSend) -> str:
    return f"Nothing would be sent: {nothing.why}."


def _period(
    subscription: Subscription, schedule: Schedule, text: str | None, output: Output, *, now: datetime
) -> Period:
    from operations.previews.preview_period import next_period, parse_period, report_about

    if text is None:
        return next_period(subscription, schedule, now)
    with refused_value("--period"):
        asked = parse_period(text, schedule.time_zone)
    period = report_about(schedule, asked)
    if period != asked:
        first, last = (to_json_time(moment) for moment in (period.start, period.end))
        output.warn(f"No report of this subscription covers just {text}: this one, {first} to {last}, covers it.")
    return period


def _settings(current: Session, user: User | None) -> MailSettings:
    """A sample without a user needs no connection, and so has no settings."""
    from functions.shared.named_brand import brand_name_of
    from operations.previews import preview as previews

    if user is None:
        return previews.mail_settings({})
    variables = {name: current.target.find(name) for name in previews.MAIL_VARIABLES}
    return previews.mail_settings(previews.brand_variables(variables, brand_name_of(user.fields)))
