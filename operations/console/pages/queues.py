"""The report queues: how fast they go, what waits in them and why, and what an operator changes."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from operations.console.console import Console, console_of, recorded
from operations.console.form import Form, form_action
from operations.console.queue_rows import read_queues
from operations.console.view import link
from operations.queues.queue_change import QueueSettings, check_change, differences, warnings

_TASKS_SHOWN = 50


def show_queues(request: Request) -> Response:
    """All report queues."""
    session, now = console_of(request).session, datetime.now(UTC)
    return console_of(request).view.page(
        request,
        "queues.html",
        found=read_queues(session, tasks_shown=_TASKS_SHOWN, now=now),
        shown=_TASKS_SHOWN,
    )


@form_action
def change(request: Request, form: Form) -> Response:
    """Pause or resume a queue, change its rate, or run one of its tasks now."""
    console = console_of(request)
    queue = request.path_params["queue"]
    if queue not in console.session.target.queues:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    act = _ACTS.get(request.path_params["act"])
    if act is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return RedirectResponse(link("/queues", notice=act(request, console, queue, form)), HTTPStatus.SEE_OTHER)


def _pause(request: Request, console: Console, queue: str, form: Form) -> str:
    with recorded(request, "Pause queue", queue, note=form.text("note")):
        console.session.queues.pause(queue)
    return "queue-paused"


def _resume(request: Request, console: Console, queue: str, form: Form) -> str:
    with recorded(request, "Resume queue", queue, note=form.text("note")):
        console.session.queues.resume(queue)
    return "queue-resumed"


def _set(request: Request, console: Console, queue: str, form: Form) -> str:
    try:
        wanted = QueueSettings(rate=float(form.text("rate")), concurrent=int(form.text("concurrent")))
    except ValueError:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "Rate and concurrency are numbers: nothing was changed.") from None
    before = console.session.queues.settings(queue)
    check_change(before, wanted)
    changed = differences(before, wanted)
    if not changed:
        return "queue-unchanged"
    with recorded(request, "Change queue", queue, note=form.text("note")) as action:
        console.session.queues.change(queue, wanted)
        action.outcome = "; ".join([_said(changed), *warnings(changed, worker_max_attempts=None)])
    return "queue-changed"


def _run_task(request: Request, console: Console, queue: str, form: Form) -> str:
    task = form.text("task")
    with recorded(request, "Run task now", f"{queue}/{task}") as action:
        if console.session.queues.run_task(queue, task) is None:
            action.outcome = "the queue does not hold it any more"
            return "task-gone"
    return "task-run"


def _said(changed: Mapping[str, tuple[Any, Any]]) -> str:
    return ", ".join(f"{name} {before:g} to {after:g}" for name, (before, after) in changed.items())


_ACTS = {"pause": _pause, "resume": _resume, "set": _set, "run-task": _run_task}

ROUTES = [Route("/queues", show_queues), Route("/queues/{queue}/{act}", change, methods=["POST"])]
