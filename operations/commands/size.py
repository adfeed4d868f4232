"""`reports size`: the settings for a number of reports, and what comes of them."""

from datetime import timedelta
from typing import Annotated

import typer

from operations.commands.group import AsJson
from operations.output import Output

CONTEXT_SETTINGS = {"ignore_unknown_options": True}
"""So -1 is a number, which is refused as one, and no option."""

_HOUR = 3600


def size(
    reports: Annotated[
        int, typer.Argument(metavar="REPORTS", help="How many are due at once.", min=1, max=1_000_000_000)
    ],
    *,
    within: Annotated[int, typer.Option(help="Minutes in which they are to be sent.", min=1, max=1_440)] = 30,
    emails: Annotated[
        int, typer.Option(help="Emails a second that the email provider takes: your account's.", min=1, max=1_000_000)
    ] = 10_000,
    reads: Annotated[
        float, typer.Option(help="Documents of your users' data that a report reads.", min=0, max=1_000_000)
    ] = 1.7,
    as_json: AsJson = False,
) -> None:
    """The settings for so many reports, how long a run takes, what it costs, and which limit comes first: computed, not
    measured on Google Cloud."""
    from operations.sizing.limits import all_limits
    from operations.sizing.plan import recommended, span

    time = timedelta(minutes=within)
    plan = recommended(reports, within=time, emails_a_second=emails, data_reads=reads)
    limit, shipped = plan.limit, all_limits(emails)[0]
    output = Output(as_json=as_json)
    output.fields(
        {
            "due": plan.reports,
            "queues": plan.queues,
            "max_dispatches_per_second": plan.rate,
            "max_concurrent_dispatches": plan.concurrent,
            "worker_max_instances": plan.instances,
            "last_sent_seconds": round(plan.seconds),
            "dollars": {
                "firestore": round(plan.firestore, 4),
                "cloud_tasks": round(plan.cloud_tasks, 4),
                "cloud_run": round(plan.cloud_run, 4),
                "a_run": round(plan.dollars, 4),
            },
            "first_limit": {"part": limit.part, "what": limit.what, "reports_an_hour": limit.an_hour},
        }
    )
    output.say(f"The last report is sent after {span(plan.seconds)}, and a run costs ${plan.dollars:,.2f}.")
    if reports > shipped.a_second * time.total_seconds():
        output.say(f"As shipped, it is sent after {span(reports / shipped.a_second)}: {shipped.what} ({shipped.part}).")
    if reports > limit.a_second * time.total_seconds():
        output.warn(f"No setting brings that to {span(time.total_seconds())}: {limit.what} ({limit.part}).")
    if plan.seconds > _HOUR:
        output.warn("An hourly run begins before that.")
    output.say(f"Beyond {limit.an_hour:,} reports an hour: {limit.then}, or a second project for some of your users.")
