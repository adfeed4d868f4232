"""What operators have done."""

from starlette.requests import Request
from starlette.routing import Route

from operations.console.console import Console, console_of
from operations.console.live import live
from operations.console.readings import Shown
from operations.console.view import page_links
from operations.operator_actions import OperatorActions

_ACTIONS_A_PAGE = 50
_SEARCHED = 500
"""So many actions are searched for one page."""


def _read(request: Request) -> Shown:
    """What operators did, the newest first."""
    after, text = request.query_params.get("after") or None, request.query_params.get("q", "").strip()
    read = _SEARCHED if text else _ACTIONS_A_PAGE
    page = OperatorActions(console_of(request).reading.firestore).page(after=after, limit=read, text=text)
    return Shown(
        template="operator_actions.html",
        reads=read + 1,
        context={
            "actions": page.rows,
            "text": text,
            "searched": _SEARCHED,
            **page_links("/operator-actions", after=after, following=page.following, q=text),
        },
    )


def _newest_change(console: Console) -> str:
    return OperatorActions(console.reading.firestore).newest_change()


ROUTES = [Route("/operator-actions", live(_read, _newest_change))]
