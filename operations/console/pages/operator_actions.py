"""What operators have done."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from operations.console.console import console_of
from operations.console.view import link
from operations.operator_actions import OperatorActions

_ACTIONS_A_PAGE = 50


def list_actions(request: Request) -> Response:
    """What operators did, the newest first."""
    console = console_of(request)
    after = request.query_params.get("after") or None
    page = OperatorActions(console.session.firestore).page(after=after, limit=_ACTIONS_A_PAGE)
    return console.view.page(
        request,
        "operator_actions.html",
        actions=page.rows,
        first=link("/operator-actions") if after else None,
        following=link("/operator-actions", after=page.following) if page.following else None,
    )


ROUTES = [Route("/operator-actions", list_actions)]
