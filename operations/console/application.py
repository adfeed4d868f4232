"""Puts the console together."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from operations.console import static_files
from operations.console.access import Access, NotAdmitted
from operations.console.console import PAGE_SECONDS, Console, console_of
from operations.console.form import FormTokens
from operations.console.local_client import LocalClient
from operations.console.pages import (
    csv_lists,
    dead_letters,
    deliveries,
    find,
    incident,
    jobs,
    kinds,
    local,
    operator_actions,
    overview,
    people,
    queues,
    runs,
    subscriptions,
    system_alerts,
    versions,
)
from operations.console.view import View
from operations.console.wall import RequestWall
from operations.errors import NotConfigured, NotFound, OperatorError
from operations.failures import UNREACHABLE, describe
from operations.operator_actions import OperatorActions
from operations.session import Session

_logger = structlog.get_logger()


def make_application(
    session: Session,
    access: Access,
    *,
    hosts: list[str],
    schemes: tuple[str, ...],
    form_key: bytes | None = None,
) -> Starlette:
    """Make the console.

    Args:
        session: the connection to what it works on.
        access: how it knows who looks at it.
        hosts: the values of the header `Host` that name it.
        schemes: how it is reached: `http`, `https`.
        form_key: what the tokens of the forms are made with; random where the console has one process.

    Raises:
        NotConfigured: there is nothing to connect to.
    """
    target = session.target
    app = Starlette(
        routes=[
            *overview.ROUTES,
            *incident.ROUTES,
            *runs.ROUTES,
            *deliveries.ROUTES,
            *dead_letters.ROUTES,
            *queues.ROUTES,
            *people.ROUTES,
            *subscriptions.ROUTES,
            *kinds.ROUTES,
            *local.ROUTES,
            *jobs.ROUTES,
            *versions.ROUTES,
            *find.ROUTES,
            *csv_lists.ROUTES,
            *operator_actions.ROUTES,
            *system_alerts.ROUTES,
            *static_files.ROUTES,
        ],
        middleware=[Middleware(RequestWall, hosts=hosts, schemes=schemes), Middleware(_Admission, access=access)],
        exception_handlers={
            HTTPException: _on_http_error,
            OperatorError: _on_operator_error,
            GoogleAPIError: _on_google_error,
            GoogleAuthError: _on_google_error,
            Exception: _on_unexpected_error,
        },
    )
    app.router.redirect_slashes = False
    control_url = target.variables.get("LOCAL_CONTROL_URL") if target.directory else None
    reading = session.within(PAGE_SECONDS)
    view = View(
        target.description,
        find_action=lambda action_id: OperatorActions(reading.firestore).find(action_id),
        is_local=target.directory is not None,
        has_control=control_url is not None,
    )
    client = LocalClient(control_url, target.require("LOCAL_INBOX_URL")) if control_url else None
    tokens = FormTokens(form_key)
    app.state.console = Console(session=session, reading=reading, access=access, view=view, tokens=tokens, local=client)
    return app


class _Admission:
    """An ASGI middleware: says who sends a request, in `request.state.viewer`, and admits no one else."""

    def __init__(self, app: ASGIApp, *, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http":
            try:
                viewer = await run_in_threadpool(self._access.viewer, Request(scope))
            except NotAdmitted as error:
                await PlainTextResponse(f"{error}\n", error.status)(scope, receive, send)
                return
            scope.setdefault("state", {})["viewer"] = viewer
        await self._app(scope, receive, send)


ErrorHandler = Callable[[Request, Exception], Response | Awaitable[Response]]


def _error_page(request: Request, status: HTTPStatus, message: str) -> HTMLResponse:
    view = console_of(request).view
    if request.headers.get("sec-fetch-dest") == "iframe":
        # An email that cannot be made, in a frame of a page that is as it should be.
        return view.fragment(request, "no_mail.html", why=message)
    return view.page(request, "error.html", status=status, title=status.phrase, message=message)


def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    status = HTTPStatus(error.status_code)
    path = request.scope["raw_path"].decode()
    if status is HTTPStatus.NOT_FOUND and path.endswith("/") and not path.startswith("//"):
        # Without the host: behind a proxy that ends TLS, Starlette takes the console's scheme to be http.
        query = request.scope["query_string"].decode()
        return RedirectResponse(path.rstrip("/") + (f"?{query}" if query else ""), HTTPStatus.PERMANENT_REDIRECT)
    text = "There is no such page." if status is HTTPStatus.NOT_FOUND else error.detail
    return _error_page(request, status, text)


def _on_operator_error(request: Request, error: Exception) -> Response:
    status = HTTPStatus.BAD_REQUEST
    if isinstance(error, NotFound):
        status = HTTPStatus.NOT_FOUND
    elif isinstance(error, NotConfigured):
        status = HTTPStatus.SERVICE_UNAVAILABLE
    return _error_page(request, status, str(error))


def _on_google_error(request: Request, error: Exception) -> Response:
    says = "does not answer" if isinstance(error, (*UNREACHABLE, GoogleAuthError)) else "refuses"
    text = describe(getattr(error, "message", None) or error)
    return _error_page(request, HTTPStatus.BAD_GATEWAY, f"Google Cloud {says}: {text}")


def _on_unexpected_error(request: Request, error: Exception) -> Response:
    _logger.error("page_failed", path=request.url.path, error=type(error).__name__)
    text = "The console failed on this page. Its log says how."
    return _error_page(request, HTTPStatus.INTERNAL_SERVER_ERROR, text)
