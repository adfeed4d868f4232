"""Pages that stay current: one that is open asks again, and is answered by what was read for any of its viewers."""

import math
from collections.abc import Callable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from operations.console.console import Console, console_of
from operations.console.readings import Shown

HEADER = "X-Reading"
"""By this header an open page asks for what is new: its value names the reading that the page shows."""

ReadPage = Callable[[Request], Shown]
ReadVersion = Callable[[Console], str]


def live(read: ReadPage, version: ReadVersion | None = None) -> Callable[[Request], Response]:
    """Make an endpoint of what reads a page.

    Args:
        read: reads the page that a request names. What it shows may depend on whether the viewer may act, and on
            nothing else of the viewer's.
        version: reads the newest change of what the page shows, for few reads; None where no index knows it.
    """

    def endpoint(request: Request) -> Response:
        console, known = console_of(request), request.headers.get(HEADER)
        asked = tuple((name, value) for name, value in request.query_params.multi_items() if name != "action")

        def newest() -> str:
            # For the page, which may have counts that are kept until then.
            request.state.newest_change = found = version(console) if version else ""
            return found

        reading, age = console.readings.get(
            (request.scope["raw_path"], asked, request.state.viewer.may_act),
            is_open=known is not None,
            read=lambda: read(request),
            version=newest if version else None,
        )
        headers = {"Age": str(math.ceil(age))}
        if known == reading.id:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        answer = console.view.page(
            request,
            reading.shown.template,
            **reading.shown.context,
            reading=reading if reading.shown.every else None,
            age=age,
        )
        answer.headers.update(headers)
        return answer

    # The reference of addresses says what the page shows.
    endpoint.__doc__ = read.__doc__
    return endpoint
