"""The report queues beside each other, with when they will be empty, and the ramp that holds them back."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions.shared.queues.ramp import Ramp
from operations.connection.target import Target
from operations.console.page_parts import read_parts
from operations.errors import NotConfigured
from operations.queues.queues import COUNTED_HELD_TASKS, COUNTED_TASKS
from operations.queues.ramp import current_ramp, describe_ramp, ramp_row
from operations.queues.waiting_tasks import explain_waiting, seconds_until_empty
from operations.session import Session


@dataclass(frozen=True, kw_only=True)
class QueuesNow:
    """The report queues as they are.

    Attributes:
        rows: as JSON shows them, each with `ramp`, `empty_in`, and the first of its tasks with why they wait. A queue
            that cannot be read has only its name and `error`.
        ramp: what day of the ramp it is, and what it allows, in words; empty where there is no ramp.
    """

    rows: Sequence[Mapping[str, Any]]
    ramp: str


def read_queues(session: Session, *, tasks_shown: int = 0, now: datetime) -> QueuesNow:
    """Read the queues, and the ramp.

    Args:
        session: the connection.
        tasks_shown: how many tasks of each.
        now: the present, in UTC.

    Raises:
        NotConfigured: there is nothing to connect to.
    """
    names, queues = session.target.queues, session.queues
    ramp, words = _ramp(session.target, now)

    def read(name: str) -> dict[str, Any]:
        queue = queues.show(name, counted=COUNTED_HELD_TASKS if ramp else COUNTED_TASKS)
        tasks = queues.tasks(name, tasks_shown) if tasks_shown else []
        return {
            **queue,
            "ramp": ramp_row(ramp, tasks=queue["tasks"], now=now) if ramp else None,
            "empty_in": seconds_until_empty(queue),
            "tasks_shown": [{**task, "why": explain_waiting(task, queue, now=now)} for task in tasks],
        }

    parts = read_parts({name: functools.partial(read, name) for name in names})
    rows = [parts.read.get(name) or {"queue": name, "error": parts.failed[name]} for name in names]
    return QueuesNow(rows=rows, ramp=words)


def _ramp(target: Target, now: datetime) -> tuple[Ramp | None, str]:
    try:
        ramp = current_ramp(target)
    except NotConfigured as error:
        # The queues are there all the same.
        return None, str(error)
    return ramp, describe_ramp(ramp, now=now) if ramp else ""
