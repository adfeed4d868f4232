"""The worker of a drill with kills: the pipeline's own, whose process exits or sleeps once at a step of each hundredth
report. What else is under way in the process ends or sleeps with it. Only the images of a drill have this module."""

import os
import signal
import subprocess
import sys
import threading
from enum import Enum
from importlib import import_module
from typing import Any

from functions.shared.firestore.database import firestore_database
from functions.shared.firestore.delivery_store import DeliveryStore, TaskDocuments
from functions.shared.firestore.errors import ChangedMeanwhile
from functions.shared.firestore.write import create, update
from functions.shared.records.delivery import Delivery
from functions.shared.records.delivery_table import Claimed, Event, Sent
from functions.shared.records.report_task import ReportTask
from functions.worker.destinations import http_call
from functions.worker.destinations.http_call import HttpAnswer
from proof.drill.records import KILLS, WOKEN
from proof.drill.users import number_of

_TIMEOUT_SECONDS = 1
_EACH = 100

# The server kills a process that sleeps for longer, unless the worker keeps it from that when it is imported.
os.environ["CLOUD_RUN_TIMEOUT_SECONDS"] = str(_TIMEOUT_SECONDS)
_main = import_module("functions.worker.main")
worker = _main.worker


class Step(Enum):
    """Where a process exits, or sleeps, in turn: a small drill has those where most is at stake."""

    AFTER_EMAIL = "after the email"
    AFTER_CLAIM = "after the claim"
    ASLEEP = "asleep"
    BEFORE_EMAIL = "before the email"
    AFTER_RECORD = "after the record"
    BEFORE_CLAIM = "before the claim"


_STEPS = list(Step)
_WAKE = f"import os, time; time.sleep({_TIMEOUT_SECONDS + 2.5}); os.kill({{}}, {signal.SIGCONT})"
"""gunicorn looks at its processes once a second, and kills one when it looks for the second time."""
_task = threading.local()
_stepping = threading.Lock()
"""No process exits while it falls asleep."""
_send = http_call.call


def _step_of(task: ReportTask) -> Step | None:
    """What the process does for a report; None for most of them."""
    turn, rest = divmod(number_of(task.user_id), _EACH)
    return _STEPS[turn % len(_STEPS)] if rest == _EACH // 2 else None


def _pass(step: Step) -> None:
    """Take a step, and exit or sleep if the report of this thread is the one for it. The record of that keeps a process
    from doing it again."""
    task = getattr(_task, "current", None)
    if task is None or _step_of(task) is not step:
        return
    database = firestore_database(os.environ["GOOGLE_CLOUD_PROJECT"], os.environ["FIRESTORE_DATABASE"])
    record = f"{KILLS}/{task.delivery_id}"
    with _stepping:
        try:
            database.commit([create(record, {"step": step.value})])
        except ChangedMeanwhile:
            return
        if step is not Step.ASLEEP:
            os._exit(1)
        with subprocess.Popen([sys.executable, "-Sc", _WAKE.format(os.getpid())]):
            os.kill(os.getpid(), signal.SIGSTOP)
        database.commit([update(record, {"step": WOKEN})])


class _Deliveries(DeliveryStore):
    def read(self, task: ReportTask, *, is_new: bool = False) -> TaskDocuments:
        _task.current = task
        return super().read(task, is_new=is_new)

    def write(self, task: ReportTask, documents: TaskDocuments, event: Event, *others: Any, **options: Any) -> Delivery:
        if isinstance(event, Claimed):
            _pass(Step.ASLEEP)
            _pass(Step.BEFORE_CLAIM)
        written = super().write(task, documents, event, *others, **options)
        if isinstance(event, Claimed):
            _pass(Step.AFTER_CLAIM)
        elif isinstance(event, Sent):
            _pass(Step.AFTER_RECORD)
        return written


def _call(*arguments: Any, **options: Any) -> HttpAnswer:
    _pass(Step.BEFORE_EMAIL)
    answer = _send(*arguments, **options)
    _pass(Step.AFTER_EMAIL)
    return answer


_main.DeliveryStore = _Deliveries  # type: ignore[attr-defined]  # the name by which the worker makes its store
http_call.call = _call
