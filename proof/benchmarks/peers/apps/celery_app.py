"""A report as a Celery task that survives its worker.

- `acks_late`, `reject_on_worker_lost`: the message goes back to the queue if the process that runs the task is killed
  (https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.reject_on_worker_lost).
- `autoretry_for` with `retry_backoff` for each error of the call to the provider
  (https://docs.celeryq.dev/en/stable/userguide/tasks.html#automatic-retry-for-known-exceptions). `max_retries` is 7
  instead of 3, so that a report is tried as often as the queue of the others tries it.
- `worker_prefetch_multiplier=1` beside `acks_late`
  (https://docs.celeryq.dev/en/stable/userguide/optimizing.html#reserve-one-task-at-a-time).
- `worker_deduplicate_successful_tasks` with a result backend: a message that comes back is not carried out if its task
  has succeeded (https://docs.celeryq.dev/en/stable/userguide/configuration.html#worker-deduplicate-successful-tasks).
- `on_failure` tells a person of a task that has failed for good
  (https://docs.celeryq.dev/en/stable/userguide/tasks.html#handlers).

`python -m proof.benchmarks.peers.apps.celery_app` enqueues the reports that standard input names.
"""

import os
import sys
from pathlib import Path
from typing import Any

import requests
from celery import Celery, Task

from proof.benchmarks.peers.apps.mail import send_mail

app = Celery("reports", broker=os.environ["CELERY_BROKER"], backend=os.environ["CELERY_BACKEND"])
app.conf.update(
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=1,
    worker_deduplicate_successful_tasks=True,
)


class Recorded(Task):
    """Writes down how a task ends."""

    def on_success(self, retval: Any, task_id: str, args: tuple[str], kwargs: Any) -> None:
        """The report was sent."""
        _write_down("sent", args[0])

    def on_failure(self, exc: Exception, task_id: str, args: tuple[str], kwargs: Any, einfo: Any) -> None:
        """The report is given up."""
        _write_down("failed", args[0])


def _write_down(ending: str, report_id: str) -> None:
    with Path(os.environ["ENDINGS_FILE"]).open("a", encoding="utf-8") as file:
        file.write(f"{ending} {report_id}\n")


@app.task(
    name="send_report",
    base=Recorded,
    acks_late=True,
    reject_on_worker_lost=True,
    autoretry_for=(requests.RequestException,),
    retry_backoff=True,
    max_retries=7,
)
def send_report(report_id: str) -> None:
    """Send a report."""
    send_mail(report_id, pid=str(os.getpid()))


if __name__ == "__main__":
    for line in sys.stdin:
        send_report.delay(line.strip())
