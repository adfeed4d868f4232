"""What was wrong with the system itself."""

from starlette.requests import Request
from starlette.routing import Route

from operations.console.console import Console, console_of
from operations.console.live import live
from operations.console.readings import Shown
from operations.console.view import page_links
from operations.system_alerts import SystemAlerts

_ALERTS_A_PAGE = 50


def _read(request: Request) -> Shown:
    """The system alerts, the newest first, each with all that it says."""
    after = request.query_params.get("after") or None
    page = SystemAlerts(console_of(request).reading.firestore).page(after=after, limit=_ALERTS_A_PAGE)
    return Shown(
        template="system_alerts.html",
        reads=_ALERTS_A_PAGE + 1,
        context={"alerts": page.rows, **page_links("/system-alerts", after=after, following=page.following)},
    )


def _newest_change(console: Console) -> str:
    return SystemAlerts(console.reading.firestore).newest_change()


ROUTES = [Route("/system-alerts", live(_read, _newest_change))]
