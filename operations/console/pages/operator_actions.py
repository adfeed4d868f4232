"""What operators have done, and what became of the reports that they sent again."""

from datetime import timedelta
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route

from operations.console.console import Console, console_of
from operations.console.followed_deliveries import follow
from operations.console.live import live
from operations.console.readings import Shown
from operations.console.view import link, page_links
from operations.operator_actions import OperatorAction, OperatorActions
from operations.time_args import to_json_time

_ACTIONS_A_PAGE = 50
_SEARCHED = 500
"""So many actions are searched for one page."""

_EVERY_SECONDS = 10


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


def _read_action(request: Request) -> Shown:
    """One action, and what became of each report that it sent again."""
    log = OperatorActions(console_of(request).reading.firestore)
    action = log.find(request.path_params["action_id"], with_deliveries=True)
    if action is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    followed = follow(request, action.deliveries, lists_all=True)
    return Shown(
        template="operator_action.html",
        reads=1 + followed.reads,
        every=_EVERY_SECONDS if followed.counted.ended < followed.counted.total else 30,
        context={
            "shown": action,
            "followed": followed,
            "incident": _incident_of(action),
        },
    )


def _incident_of(action: OperatorAction) -> str:
    """The page of the hours in which the reports failed that an action is about; empty where it is about none."""
    if not action.failed_since or not action.failed_until:
        return ""
    since, until = (
        each.replace(minute=0, second=0, microsecond=0) for each in (action.failed_since, action.failed_until)
    )
    return link("/incident", **{"from": to_json_time(since), "to": to_json_time(until + timedelta(hours=1))})


ROUTES = [
    Route("/operator-actions", live(_read, _newest_change)),
    Route("/operator-actions/{action_id}", live(_read_action)),
]
