"""Decides whether all is well, by what the runs, the outcomes, the queues and the dead letters say. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from functions.shared.records.run import RunState
from operations.overview.backlog import Backlog
from operations.queues.waiting_tasks import seconds_until_empty

_GRACE = timedelta(minutes=15)
"""How late a run may begin: Cloud Scheduler calls again where the dispatcher does not answer."""

_RECENT = timedelta(hours=2)
"""How long a system alert is news."""

_FAILING_SHARE = 0.05
"""How many of a queue's tasks may wait for another attempt: a few always do."""

_UNDELIVERED_SHARE, _LEAST_UNDELIVERED = 0.05, 3
_COMPLAINED_SHARE, _LEAST_COMPLAINED = 0.003, 2
"""The shares of a day's emails from which mailbox providers turn senders away, and from how many emails they count
(docs/guides/deliverability.md)."""


@dataclass(frozen=True, kw_only=True)
class Concern:
    """Something that a person should look at.

    Attributes:
        text: what it is, in a sentence.
        path: the page of the console that shows it.
    """

    text: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What became of the reports and emails of the last 24 hours.

    Attributes:
        sent: how many reports were sent.
        delivered: how many emails are known to be delivered.
        undelivered: how many are known not to arrive.
        complained: how many the recipients have marked as spam.
    """

    sent: int
    delivered: int
    undelivered: int
    complained: int


def find_concerns(
    *,
    runs: Sequence[Mapping[str, Any]] | None,
    last_due: datetime,
    open_letters: int,
    queues: Sequence[Mapping[str, Any]],
    alerts: Sequence[Mapping[str, Any]],
    backlog: Backlog,
    outcomes: Outcomes | None,
    stopped_because: str = "",
    paused_kinds: Sequence[str] = (),
    now: datetime,
) -> list[Concern]:
    """What a person should look at, the most urgent first.

    Args:
        runs: the latest, the newest first, as `operations.runs.runs.Runs` shows them; None where they cannot be read.
        last_due: when the latest run was due, by scheduler.yaml.
        queues: as `operations.queues.queues.Queues` shows them.
        outcomes: of the last 24 hours; None where they are not counted.
        stopped_because: why the breaker has stopped the runs; empty where it has not.
    """
    stopped = [Concern(text=f"Sending is stopped: {stopped_because}.", path="/#mails")] if stopped_because else []
    return [
        *stopped,
        *(Concern(text=f"The kind {kind} is paused: its reports wait.", path="/kinds") for kind in paused_kinds),
        *_of_runs(runs, last_due, now),
        *_of_outcomes(outcomes),
        *_of_backlog(backlog, now),
        *_of_queues(queues, now),
        *_of_letters(open_letters),
        *_of_alerts(alerts, now),
    ]


def _of_runs(runs: Sequence[Mapping[str, Any]] | None, last_due: datetime, now: datetime) -> list[Concern]:
    # Without a run, the pipeline is new.
    if not runs:
        return []
    found, last = [], runs[0]
    if last["scheduled_for"] is None or (last["scheduled_for"] < last_due and now - last_due > _GRACE):
        text = f"The run that was due {_ago(now - last_due)} ago has not begun (scheduler.yaml)."
        found.append(Concern(text=text, path="/runs"))
    if last["state"] == RunState.FAILED:
        found.append(Concern(text=f"The last run failed: {last['errors']} errors.", path=f"/runs/{last['run_id']}"))
    if last["lost"]:
        found.append(Concern(text=f"The last run gave {last['lost']} reports up.", path=f"/runs/{last['run_id']}"))
    if last["malformed"]:
        text = f"The last run found {last['malformed']} subscriptions that cannot be served."
        found.append(Concern(text=text, path=f"/runs/{last['run_id']}"))
    return found


def _of_outcomes(outcomes: Outcomes | None) -> list[Concern]:
    if outcomes is None:
        return []
    found = []
    # What was sent and is not known yet may still arrive.
    mails = max(outcomes.sent, outcomes.delivered + outcomes.undelivered)
    if outcomes.undelivered >= max(_LEAST_UNDELIVERED, _UNDELIVERED_SHARE * mails):
        found.append(Concern(text=_share(outcomes.undelivered, mails, "do not arrive"), path=_list("undelivered")))
    if outcomes.complained >= max(_LEAST_COMPLAINED, _COMPLAINED_SHARE * mails):
        found.append(Concern(text=_share(outcomes.complained, mails, "were marked as spam"), path=_list("complained")))
    return found


def _list(outcome: str) -> str:
    return f"/deliveries?mail={outcome}&since=24h"


def _share(some: int, all_: int, what: str) -> str:
    return f"{some:,} of {all_:,} emails of the last 24 hours {what}: {100 * some / max(all_, 1):.3g} %."


def _of_backlog(backlog: Backlog, now: datetime) -> list[Concern]:
    if backlog.oldest_due_at is None:
        return []
    reports = "1 report has" if backlog.number == 1 else f"{backlog.number:,} reports have"
    text = f"{reports} waited for more than 2 hours, the oldest for {_ago(now - backlog.oldest_due_at)}."
    return [Concern(text=text, path=f"/deliveries?state={backlog.state}&until=2h")]


def _ago(age: timedelta) -> str:
    hours = round(age / timedelta(hours=1))
    return (
        f"{age // timedelta(minutes=1)} minutes"
        if hours < 2
        else f"{hours} hours"
        if hours < 48
        else f"{hours // 24} days"
    )


def _of_queues(queues: Sequence[Mapping[str, Any]], now: datetime) -> list[Concern]:
    return (
        [
            Concern(text=f"Queue {queue['queue']}: {queue.get('error') or queue['state']}.", path="/queues")
            for queue in queues
            if queue.get("error") or queue["state"] != "running"
        ]
        + [
            Concern(
                text=f"Queue {queue['queue']}: {queue['failing']:,} of {queue['tasks']:,} reports that wait have "
                "failed, and are tried again.",
                path="/deliveries?state=pending",
            )
            for queue in queues
            if queue.get("failing") and queue["failing"] >= queue["tasks"] * _FAILING_SHARE
        ]
        + [
            Concern(
                text=f"Queue {queue['queue']} does not move: a task has waited for its turn for "
                f"{_ago(now - queue['waiting_since'])}.",
                path="/queues",
            )
            for queue in queues
            if _does_not_move(queue, now)
        ]
    )


def _does_not_move(queue: Mapping[str, Any], now: datetime) -> bool:
    """Whether a queue that runs leaves a task alone for longer than it takes for all that it holds."""
    if queue.get("error") or queue["state"] != "running" or queue.get("waiting_since") is None:
        return False
    seconds = seconds_until_empty(queue)
    return seconds is not None and now - queue["waiting_since"] > _GRACE + timedelta(seconds=seconds)


def _of_letters(open_letters: int) -> list[Concern]:
    if not open_letters:
        return []
    text = "1 report could not be sent." if open_letters == 1 else f"{open_letters:,} reports could not be sent."
    return [Concern(text=text, path="/dead-letters")]


def _of_alerts(alerts: Sequence[Mapping[str, Any]], now: datetime) -> list[Concern]:
    return [
        Concern(text=f"System alert: {alert['alert']}: {alert['detail']}", path="/#alerts")
        for alert in alerts
        if alert["received_at"] is not None and now - alert["received_at"] <= _RECENT
    ]
