"""Says why a task waits. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def explain_waiting(task: Mapping[str, Any], queue: Mapping[str, Any], *, now: datetime) -> str:
    """Why a task is still in its queue, in a sentence.

    Args:
        task: as `operations.queues.queues.Queues.tasks` shows it.
        queue: its queue, as `operations.queues.queues.Queues.show` shows it.
    """
    # https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks#Attempt
    if task["last_attempt_at"] is not None and task["last_status"] is None:
        return "A worker has it now, or has died with it: the queue waits for the answer until its deadline."
    if queue["state"] != "running":
        return f"The queue is {queue['state']}."
    scheduled = task["scheduled_for"]
    if scheduled is not None and scheduled > now:
        if task["attempts"]:
            answer = f" ({task['last_status']}: {task['last_message']})" if task["last_status"] else ""
            return f"Attempt {task['attempts']} failed{answer}, and the queue waits before the next one."
        return "Its time has not come yet."
    turn = (
        f"Attempt {task['attempts']} failed, and it waits its turn again" if task["attempts"] else "It waits its turn"
    )
    return f"{turn}: the queue makes {queue['rate']:g} attempts a second, {queue['concurrent']} at once."


def seconds_until_empty(queue: Mapping[str, Any]) -> float | None:
    """How long the queue needs for the tasks that it holds, at its rate; None where it does not move, holds too many to
    count, or only such as have failed and wait to be tried again.

    Args:
        queue: as `operations.queues.queues.Queues.show` shows it.
    """
    if queue["state"] != "running" or queue["more_tasks"] or not queue["rate"]:
        return None
    if queue["tasks"] and queue["failing"] == queue["tasks"]:
        return None
    return float(queue["tasks"] / queue["rate"])
