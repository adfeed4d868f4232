"""`reports resume-sending`: let the runs go on after the breaker has stopped them."""

from typing import Annotated

import typer

from operations.commands.group import AsJson, Yes, confirm, recorded, session
from operations.output import Output


def resume_sending(
    ctx: typer.Context,
    *,
    note: Annotated[str, typer.Option(help="Why; kept with the breaker.")] = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Let the runs go on after too many complaints or bounces have stopped them, and show the figures.

    What was due meanwhile goes out with the next run, each as one report over all the missed time. If nothing is
    stopped, the command only shows the figures.
    """
    from operations.runs.sending import Sending, operator_name, to_row

    current = session(ctx)
    output = Output(as_json=as_json)
    sending = Sending(current.firestore)
    breaker = sending.breaker()
    if not breaker.is_stopped:
        output.fields(to_row(breaker))
        if not as_json:
            output.say("Sending is not stopped.")
        return
    if not as_json:
        output.fields(to_row(breaker))
    confirm(output, f"resume sending on {current.target.description}", yes=yes)
    with recorded(current, "Resume sending", "mail_breaker", note=note):
        was_stopped = sending.resume(by=operator_name(), note=note, now=current.now())
    if as_json:
        output.fields(to_row(sending.breaker()))
    elif was_stopped:
        output.say(
            "Sending is resumed: the next run sends what is due. Only complaints and bounces from then on count."
        )
    else:
        output.say("Someone else has resumed sending meanwhile.")
