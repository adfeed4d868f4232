"""Makes pages of templates."""

import functools
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from functions.shared.logging import redact_addresses
from operations.console.mrkdwn import mrkdwn_to_html
from operations.console.page_parts import Parts, read_parts
from operations.console.static_files import PATHS
from operations.escaping import escape
from operations.operator_actions import OperatorAction
from operations.time_args import to_json_time, to_table_time

SECTIONS = (
    ("/", "Overview"),
    ("/incident", "Incident"),
    ("/runs", "Runs"),
    ("/deliveries", "Deliveries"),
    ("/dead-letters", "Dead letters"),
    ("/queues", "Queues"),
    ("/people", "People"),
    ("/kinds", "Kinds"),
    ("/operator-actions", "Actions"),
)
"""The pages that every page links to."""

LOCAL_SECTION = ("/local", "Local cloud")


class View:
    """Renders templates. Everything in them is escaped, and what is not plainly printable is written out.

    Args:
        target: what the console works on: `the local cloud (project local-project)`.
        find_action: finds an operator's action by its id.
        is_local: whether that is the local cloud.
        has_control: whether the console was started by it, and has its pages.
    """

    def __init__(
        self, target: str, *, find_action: Callable[[str], OperatorAction | None], is_local: bool, has_control: bool
    ) -> None:
        self.is_local = is_local
        self._find_action = find_action
        self._sections = (*SECTIONS, LOCAL_SECTION) if has_control else SECTIONS
        self._templates = Environment(
            loader=PackageLoader("operations.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(
            target=target, is_local=is_local, sections=self._sections, link=link, query=_query, static=PATHS
        )
        self._templates.filters.update(
            moment=_moment,
            iso=to_json_time,
            tick=_tick,
            utc=to_table_time,
            mrkdwn=mrkdwn_to_html,
            iso_moment=_iso_moment,
            path=_path,
            duration=_duration,
            plain=_plain,
            words=_words,
            number=_number,
            redacted=redact_addresses,
            json=functools.partial(json.dumps, default=str),
            part=part,
        )

    def page(
        self, request: Request, template: str, *, status: HTTPStatus = HTTPStatus.OK, **context: Any
    ) -> HTMLResponse:
        """An answer with a page.

        Args:
            request: what it answers.
            template: the name of the template.
            status: the HTTP status.
            context: what the template shows.
        """
        viewer = request.state.viewer
        tokens = request.app.state.console.tokens
        asked = request.query_params.get("action")
        found = read_parts({"action": lambda: self._find_action(asked)}) if asked else Parts()
        # As the browser sent it: Starlette decodes its own path, and an id may contain a slash or a question mark.
        path = request.scope["raw_path"].decode()
        section = next((each for each, _ in self._sections[1:] if f"{path}/".startswith(f"{each}/")), path)
        html = self._templates.get_template(template).render(
            viewer=viewer,
            form_token=lambda: tokens.make(viewer),
            section=section,
            address=link(path, **{**request.query_params, "action": None}),
            action=found.read.get("action"),
            action_unread=found.failed.get("action"),
            now=request.app.state.console.session.now(),
            **{"refused": None, "reading": None, "age": 0.0, **context},
        )
        return HTMLResponse(html, status)

    def fragment(self, request: Request, template: str, **context: Any) -> HTMLResponse:
        """An answer that stands in a frame of a page."""
        answer = self.page(request, template, **context)
        answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'self'; frame-ancestors 'self'"
        return answer


def link(path: str, **query: Any) -> str:
    """An address of the console: the parts of the path come escaped already, and empty parameters are left out."""
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


def before(since: datetime | None, until: datetime) -> dict[str, str | None]:
    """The filters of a list for all from a time until before another: a filter has its end in it."""
    return {"since": to_json_time(since), "until": to_json_time(until - timedelta(microseconds=1))}


def page_links(path: str, *, after: str | None, following: str | None, **filters: Any) -> dict[str, Any]:
    """Where the first page of a list is, and the next one, as `cursor_pager` of templates/parts.html shows them.

    Args:
        path: of the list.
        after: what this page begins after; None for the first page, which needs no link to itself.
        following: what the next page begins after; None where there is none.
        filters: of the list, which the links keep.
    """
    return {
        "first": link(path, **filters) if after else None,
        "following": link(path, **filters, after=following) if following else None,
    }


def _query(given: dict[str, Any]) -> str:
    """Parameters as an address has them, for a form that goes on with the filters of its page."""
    return urlencode({name: value for name, value in given.items() if value not in (None, "")})


def part(value: Any) -> str:
    """A value as a part of a path."""
    return quote(str(value), safe="")


def _plain(value: Any) -> str:
    return "" if value is None else escape(str(value), keep="\n")


def _moment(moment: datetime | None) -> str | Markup:
    """A moment in UTC; the console's script adds the time in the viewer's own zone."""
    if moment is None:
        return ""
    return Markup(f'<time datetime="{to_json_time(moment)}">{to_table_time(moment)}</time>')  # noqa: S704  plain times


def _tick(moment: datetime, shown: str) -> str:
    """What stands below a chart; the console's script writes all but days in the viewer's own zone."""
    return format(moment, {"hour": "%H:%M", "weekday": "%a %H:%M", "day": "%-d %b"}[shown])


def _iso_moment(text: str) -> str | Markup:
    """A moment as JSON has it; the text itself where it is none."""
    try:
        return _moment(datetime.fromisoformat(text))
    except ValueError:
        return _plain(text)


def _path(text: str) -> str:
    """A path of Firestore as a part of an address."""
    return quote(text, safe="/")


def _duration(seconds: float | None) -> str:
    """A length of time as a person says it."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes >= 48 * 60:
        return f"{round(minutes / 60 / 24)} days"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


def _words(name: str) -> str:
    """A field's name as a heading: `already_dispatched` is `already dispatched`."""
    return name.replace("_", " ")


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
