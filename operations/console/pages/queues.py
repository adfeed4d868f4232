"""The report queues: how fast they go, what waits in them and why, and what an operator changes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from operations.console.console import Console, console_of, done, recorded
from operations.console.form import Form, FormRefused, Note, Text, form_action
from operations.console.live import live
from operations.console.queue_rows import read_queues
from operations.console.readings import Shown
from operations.queues.queue_change import QueueSettings, check_change, differences, warnings

_TASKS_SHOWN = 50


class _Why(BaseModel):
    """The form that pauses or resumes a queue."""

    note: Note = ""


class _Settings(_Why):
    """The form that changes a queue."""

    rate: Annotated[float, Field(gt=0, le=500, allow_inf_nan=False)]
    concurrent: Annotated[int, Field(ge=1, le=5_000)]


class _Task(BaseModel):
    """The form that runs a task."""

    task: Annotated[Text, Field(min_length=1, max_length=500)]


def _read(request: Request) -> Shown:
    """All report queues."""
    found = read_queues(console_of(request).reading, tasks_shown=_TASKS_SHOWN, now=datetime.now(UTC))
    return Shown(template="queues.html", context={"found": found, "shown": _TASKS_SHOWN})


@form_action(_read)
def change(request: Request, form: Form) -> Response:
    """Pause or resume a queue, change its rate, or run one of its tasks now."""
    console = console_of(request)
    queue = request.path_params["queue"]
    act = _ACTS.get(request.path_params["act"])
    if queue not in console.session.target.queues or act is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    act(request, console, queue, form)
    return done(request, "/queues")


def _pause(request: Request, console: Console, queue: str, form: Form) -> None:
    with recorded(request, "Pause queue", queue, note=form.read(_Why).note) as action:
        before = console.session.queues.show(queue)["state"]
        console.session.queues.pause(queue)
        action.outcome = (
            "it was paused already"
            if before == "paused"
            else "The queue is paused: its tasks wait until it is resumed."
        )


def _resume(request: Request, console: Console, queue: str, form: Form) -> None:
    with recorded(request, "Resume queue", queue, note=form.read(_Why).note) as action:
        console.session.queues.resume(queue)
        action.outcome = "The queue is running."


def _set(request: Request, console: Console, queue: str, form: Form) -> None:
    asked = form.read(_Settings)
    wanted = QueueSettings(rate=asked.rate, concurrent=asked.concurrent)
    before = console.session.queues.settings(queue)
    form.refuse_if_changed({"rate": before.rate, "concurrent": before.concurrent})
    check_change(before, wanted)
    changed = differences(before, wanted)
    if not changed:
        raise FormRefused("Nothing was done: the queue is set so already.")
    with recorded(request, "Change queue", queue, note=asked.note) as action:
        console.session.queues.change(queue, wanted)
        action.outcome = "; ".join(
            [f"The queue is changed: {_said(changed)}", *warnings(changed, worker_max_attempts=None)]
        )


def _run_task(request: Request, console: Console, queue: str, form: Form) -> None:
    task = form.read(_Task).task
    with recorded(request, "Run task now", f"{queue}/{task}") as action:
        action.outcome = "The task is on its way."
        if console.session.queues.run_task(queue, task) is None:
            action.outcome = "The queue does not hold this task any more."


def _said(changed: Mapping[str, tuple[Any, Any]]) -> str:
    return ", ".join(f"{name} {before:g} to {after:g}" for name, (before, after) in changed.items())


_ACTS = {"pause": _pause, "resume": _resume, "set": _set, "run-task": _run_task}

ROUTES = [Route("/queues", live(_read)), Route("/queues/{queue}/{act}", change, methods=["POST"])]
