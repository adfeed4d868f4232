"""Reads forms. Each has a token that only a page of the console can have put into it, so that no other site's page can
send one: https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
"""

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from operations.console.access import Viewer
from operations.time_args import parse_moment

MOST_BYTES = 1024 * 1024
"""The largest form that is read: thousands of chosen dead letters are smaller."""

TOKEN_FIELD = "token"  # noqa: S105  the field's name


class FormTokens:
    """Makes and checks the tokens of forms. They hold as long as the key: a random one until the console ends.

    Args:
        key: what they are made with; random where the console has one process.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def make(self, viewer: Viewer) -> str:
        """The token of the forms on a person's pages."""
        return hmac.new(self._key, viewer.name.encode(), hashlib.sha256).hexdigest()

    def is_valid(self, token: str, viewer: Viewer) -> bool:
        """Whether a form comes from the person's own page."""
        return hmac.compare_digest(token.encode(), self.make(viewer).encode())


class Form:
    """The fields of a form.

    Args:
        fields: the values of each, in the order of the form.
    """

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        self._fields = fields

    def text(self, name: str, default: str = "") -> str:
        """The value of a field without the blanks around it; the default where there is none."""
        return next(iter(self._fields.get(name, ())), default).strip()

    def texts(self, name: str) -> list[str]:
        """All values of a field, each once."""
        return list(dict.fromkeys(self._fields.get(name, ())))

    def is_set(self, name: str) -> bool:
        """Whether a field has a value, such as a box that is ticked."""
        return bool(self.text(name))


def moments_of(query: QueryParams) -> tuple[datetime | None, datetime | None]:
    """The fields `since` and `until` of a page's filters, in UTC; None for one that is empty.

    Raises:
        HTTPException: one of them is malformed.
    """
    now = datetime.now(UTC)
    texts = (query.get(name, "").strip() for name in ("since", "until"))
    try:
        since, until = (parse_moment(text, now) if text else None for text in texts)
    except ValueError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from error
    return since, until


FormAction = Callable[[Request, Form], Response]
"""What a form does: it gets the form's fields, and answers."""


def form_action(act: FormAction) -> Callable[[Request], Awaitable[Response]]:
    """Make an endpoint of what a form does: it reads the form, and refuses it unless the person may act."""

    async def endpoint(request: Request) -> Response:
        viewer: Viewer = request.state.viewer
        if not viewer.may_act:
            raise HTTPException(HTTPStatus.FORBIDDEN, "This console is read-only for you: nothing was done.")
        form = await _read(request)
        if not request.app.state.console.tokens.is_valid(form.text(TOKEN_FIELD), viewer):
            raise HTTPException(
                HTTPStatus.FORBIDDEN,
                "This form is from before the console started again: nothing was done. Load the page again.",
            )
        return await run_in_threadpool(act, request, form)

    return endpoint


async def _read(request: Request) -> Form:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Only a form is taken here.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The form is too large.")
    try:
        return Form(parse_qs(body.decode(), keep_blank_values=True, max_num_fields=20_000, errors="strict"))
    except ValueError:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The form cannot be read.") from None
