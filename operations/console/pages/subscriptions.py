"""The subscriptions of all users that fall due in a time, or are paused for a reason."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.routing import Route

from functions.shared.records.subscription import PauseReason
from operations.console.console import console_of
from operations.console.form import moments_of
from operations.console.live import live
from operations.console.readings import Shown
from operations.console.view import page_links
from operations.subscriptions.subscriptions import Subscriptions, subscription_row
from operations.time_args import to_json_time

_SUBSCRIPTIONS_A_PAGE = 50


def _read(request: Request) -> Shown:
    """The subscriptions that the filters in the address leave, the first due first."""
    session, asked, now = console_of(request).reading, request.query_params, datetime.now(UTC)
    since, until = moments_of(asked, now)
    because = next((each for each in PauseReason if each == asked.get("paused")), None)
    after = asked.get("after") or None
    page = Subscriptions(session.firestore, session.defaults).page(
        because, since=since, until=until, after=after, limit=_SUBSCRIPTIONS_A_PAGE
    )
    filters = {
        "paused": because.value if because else "",
        "since": to_json_time(since) or "",
        "until": to_json_time(until) or "",
    }
    return Shown(
        template="subscriptions.html",
        reads=len(page.rows) + 2,
        context={
            "subscriptions": [subscription_row(each, None, now=now) for each in page.rows],
            "filters": filters,
            "reasons": list(PauseReason),
            **page_links("/subscriptions", after=after, following=page.following, **filters),
        },
    )


ROUTES = [Route("/subscriptions", live(_read))]
