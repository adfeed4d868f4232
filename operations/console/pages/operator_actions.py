"""What operators have done."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.shared.logging import redact_addresses
from operations.console.console import console_of
from operations.console.view import page_links
from operations.operator_actions import OperatorAction, OperatorActions

_ACTIONS_A_PAGE = 50


def list_actions(request: Request) -> Response:
    """What operators did, the newest first."""
    console = console_of(request)
    after = request.query_params.get("after") or None
    page = OperatorActions(console.session.firestore).page(after=after, limit=_ACTIONS_A_PAGE)
    return console.view.page(
        request,
        "operator_actions.html",
        actions=page.rows if request.state.viewer.may_act else [_without_address(each) for each in page.rows],
        **page_links("/operator-actions", after=after, following=page.following),
    )


def _without_address(action: OperatorAction) -> OperatorAction:
    """An action as those see it who may not see addresses: IAP names operators by theirs."""
    return replace(action, who=redact_addresses(action.who))


ROUTES = [Route("/operator-actions", list_actions)]
