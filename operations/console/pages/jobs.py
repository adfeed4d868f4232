"""A job: how far it is and what came of it."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from operations.console.console import console_of
from operations.console.form import Form, form_action
from operations.console.jobs import Job


def show_job(request: Request) -> Response:
    """One job."""
    return console_of(request).view.page(request, "job.html", job=_find(request))


@form_action
def stop_job(request: Request, form: Form) -> Response:
    """Stop a job: what is under way ends, and nothing more begins."""
    del form
    job = _find(request)
    job.is_cancelled = True
    return RedirectResponse(f"/jobs/{job.id}", HTTPStatus.SEE_OTHER)


def _find(request: Request) -> Job:
    job = console_of(request).jobs.find(request.path_params["job_id"])
    if job is None:
        raise HTTPException(
            HTTPStatus.NOT_FOUND, "The console does not know this job any more: the action log has its outcome."
        )
    return job


ROUTES = [Route("/jobs/{job_id}", show_job), Route("/jobs/{job_id}/stop", stop_job, methods=["POST"])]
