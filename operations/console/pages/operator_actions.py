"""What operators have done."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from operations.console.console import console_of
from operations.operator_actions import OperatorActions

_ACTIONS_A_PAGE = 100


def list_actions(request: Request) -> Response:
    """The latest actions."""
    console = console_of(request)
    actions = OperatorActions(console.session.firestore).latest(_ACTIONS_A_PAGE)
    return console.view.page(request, "operator_actions.html", actions=actions)


ROUTES = [Route("/operator-actions", list_actions)]
