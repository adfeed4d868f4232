"""Decides whether all is well, by what the runs, queues and dead letters say. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from functions.shared.records.run import RunState

_LATE = timedelta(hours=2)
"""How old the last run may be: the schedule is hourly, and the alert policy for missing runs waits as long."""

_FAILING_SHARE = 0.05
"""How many of a queue's tasks may wait for another attempt: a few always do."""


@dataclass(frozen=True, kw_only=True)
class Concern:
    """Something that a person should look at.

    Attributes:
        text: what it is, in a sentence.
        path: the page of the console that shows it.
    """

    text: str
    path: str


def find_concerns(
    *,
    runs: Sequence[Mapping[str, Any]] | None,
    open_letters: int,
    queues: Sequence[Mapping[str, Any]],
    alerts: Sequence[Mapping[str, Any]],
    stopped_because: str = "",
    now: datetime,
) -> list[Concern]:
    """What a person should look at, the most urgent first.

    Args:
        runs: the latest, the newest first, as `operations.runs.runs.Runs` shows them; None where they cannot be read.
        open_letters: how many dead letters are open.
        queues: as `operations.queues.queues.Queues` shows them.
        alerts: the latest system alerts.
        stopped_because: why the breaker has stopped the runs; empty where it has not.
        now: the present, in UTC.
    """
    stopped = [Concern(text=f"Sending is stopped: {stopped_because}.", path="/#mails")] if stopped_because else []
    return [*stopped, *_of_runs(runs, now), *_of_queues(queues), *_of_letters(open_letters), *_of_alerts(alerts, now)]


def _of_runs(runs: Sequence[Mapping[str, Any]] | None, now: datetime) -> list[Concern]:
    if runs is None:
        return []
    if not runs:
        return [Concern(text="There was no run yet.", path="/runs")]
    found, last = [], runs[0]
    if last["scheduled_for"] is None or now - last["scheduled_for"] > _LATE:
        found.append(Concern(text="The last run was more than two hours ago.", path="/runs"))
    if last["state"] == RunState.FAILED:
        found.append(Concern(text=f"The last run failed: {last['errors']} errors.", path=f"/runs/{last['run_id']}"))
    if last["lost"]:
        found.append(Concern(text=f"The last run gave {last['lost']} reports up.", path=f"/runs/{last['run_id']}"))
    if last["malformed"]:
        text = f"The last run found {last['malformed']} subscriptions that cannot be served."
        found.append(Concern(text=text, path=f"/runs/{last['run_id']}"))
    return found


def _of_queues(queues: Sequence[Mapping[str, Any]]) -> list[Concern]:
    return [
        Concern(text=f"Queue {queue['queue']}: {queue.get('error') or queue['state']}.", path="/queues")
        for queue in queues
        if queue.get("error") or queue["state"] != "running"
    ] + [
        Concern(
            text=f"Queue {queue['queue']}: {queue['failing']:,} of {queue['tasks']:,} reports that wait have failed, "
            "and are tried again.",
            path="/deliveries?state=pending",
        )
        for queue in queues
        if queue.get("failing") and queue["failing"] >= queue["tasks"] * _FAILING_SHARE
    ]


def _of_letters(open_letters: int) -> list[Concern]:
    if not open_letters:
        return []
    text = "1 report could not be sent." if open_letters == 1 else f"{open_letters:,} reports could not be sent."
    return [Concern(text=text, path="/dead-letters")]


def _of_alerts(alerts: Sequence[Mapping[str, Any]], now: datetime) -> list[Concern]:
    return [
        Concern(text=f"System alert: {alert['alert']}: {alert['detail']}", path="/#alerts")
        for alert in alerts
        if alert["received_at"] is not None and now - alert["received_at"] <= _LATE
    ]
