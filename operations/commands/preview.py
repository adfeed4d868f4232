"""`reports preview`: a report as it would go out, and nothing sent."""

import time
import webbrowser
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from functions.shared.delivery import SkipReason
from functions.shared.period import Period
from functions.shared.schedule import Schedule
from functions.shared.settings import MailSettings
from functions.shared.subscription import Subscription
from operations import preview as previews
from operations.commands.group import AsJson, document_id, session
from operations.errors import OperatorError
from operations.output import Output
from operations.preview_period import next_period, parse_period
from operations.preview_subject import read_subject, sample_subject
from operations.session import Session
from operations.subscription_defaults import BUILT_IN_DEFAULTS
from operations.target import LOCAL_CLOUD_DIRECTORY

_POLL_SECONDS = 0.3
_REFRESH_SECONDS = 2


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
    kind: Annotated[str | None, typer.Option(help="Which report, in place of the subscription's.")] = None,
    period: Annotated[
        str | None,
        typer.Option(
            metavar="PERIOD",
            help="2026-Q4, 2026-11, 2026-W48, 2026-11-24 or 2026-11-24T13, in the recipient's zone; "
            "default: due or last.",
        ),
    ] = None,
    locale: Annotated[
        str | None, typer.Option(help="The language, in place of the recipient's: en, ja, en-US.")
    ] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Show made-up data, not the user's.")] = False,
    to: Annotated[Path, typer.Option(metavar="DIR", file_okay=False, help="Where the files are written.")] = (
        LOCAL_CLOUD_DIRECTORY / "previews"
    ),
    open_it: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Render again when a template changes, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Render a subscription's report exactly as it would be sent, and send nothing."""
    if user is None and not sample:
        raise typer.BadParameter("name a user, or --sample")
    current = session(ctx)
    if user is None:
        whose, which = sample_subject(kind, BUILT_IN_DEFAULTS)
    else:
        whose, which = read_subject(current.firestore, user, subscription, kind=kind, defaults=current.defaults)
    if locale is not None:
        which = replace(which, locale=locale)
    covered = _period(which, which.schedule(whose), period)
    client = None if sample else current.firestore
    data = previews.live_data(client, whose.id) if client else previews.sample_data(which.kind, covered)
    settings = _settings(current, user)
    files = previews.PreviewFiles.of(to, f"{whose.id}-{which.id}-{which.kind}-{which.locale or whose.locale}")
    output = Output(as_json=as_json)

    def render() -> None:
        mail = previews.build(which.kind, whose, which, covered, data, settings, client=client)
        if isinstance(mail, previews.NothingToSend):
            shown = {"skipped": SkipReason.NOTHING_TO_REPORT.value, "note": mail.why}
            if as_json:
                output.fields({**shown, "period_start": covered.start, "period_end": covered.end})
            else:
                output.say(f"Nothing would be sent: {mail.why}.")
            return
        files.write(mail, settings, refresh_seconds=_REFRESH_SECONDS if watch else None)
        output.fields(
            {
                "subject": mail.subject,
                "period_start": covered.start,
                "period_end": covered.end,
                "html": str(files.html),
                "text": str(files.text),
                "request": str(files.request),
            }
        )

    templates = previews.Templates(which.kind)
    render()
    if open_it and not webbrowser.open(files.html.resolve().as_uri()):
        output.warn("There is no browser here: open the file yourself.")
    while watch:
        time.sleep(_POLL_SECONDS)
        if templates.have_changed():
            try:
                render()
            except OperatorError as error:
                output.warn(str(error))


def _period(subscription: Subscription, schedule: Schedule, text: str | None) -> Period:
    if text is None:
        return next_period(subscription, schedule, datetime.now(UTC))
    try:
        return parse_period(text, schedule.time_zone)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--period") from error


def _settings(current: Session, user: str | None) -> MailSettings:
    """A sample without a user needs no connection, and so has no settings."""
    variables = {} if user is None else {name: current.target.find(name) for name in previews.MAIL_VARIABLES}
    return previews.mail_settings(variables)
