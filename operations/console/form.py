"""Reads forms. Each has a token that only a page of the console can have put into it, so that no other site's page can
send one: https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html

A form that is refused is shown again on its page, with what was typed and with what is wrong with it.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qs

from pydantic import BaseModel, Field, StringConstraints, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from operations.console.access import Viewer
from operations.console.readings import Shown
from operations.console.view import link
from operations.errors import OperatorError
from operations.failures import describe
from operations.operator_actions import AlreadyRecorded
from operations.time_args import parse_moment

MOST_BYTES = 1024 * 1024
"""The largest form that is read: thousands of chosen dead letters are smaller."""

TOKEN_FIELD = "token"  # noqa: S105  the field's name


Text = Annotated[str, StringConstraints(strip_whitespace=True)]
Note = Annotated[Text, Field(max_length=500)]
"""Why an operator does something."""

Fields = TypeVar("Fields", bound=BaseModel)


class FormRefused(Exception):
    """A form asks for what cannot be: nothing was done. The text says why.

    Attributes:
        fields: what is wrong with single fields, by their names.
        changes: what somebody else has changed since the form was opened: the names of fields, each with its values
            then and now.
        status: what the form is answered with.
    """

    def __init__(
        self,
        message: str,
        fields: Mapping[str, str] | None = None,
        *,
        changes: Mapping[str, tuple[Any, Any]] | None = None,
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
    ) -> None:
        super().__init__(message)
        self.fields = fields or {}
        self.changes = changes or {}
        self.status = status


@dataclass(frozen=True, kw_only=True)
class RefusedForm:
    """A form that was refused, as its page shows it.

    Attributes:
        path: where it was sent.
        message: why it was refused.
        values: what was typed, by the names of the fields.
        fields: what is wrong with single fields.
        changes: see FormRefused.
    """

    path: str
    message: str
    values: Mapping[str, str]
    fields: Mapping[str, str] = field(default_factory=dict)
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


class FormTokens:
    """Makes and checks the tokens of forms. Each is another one: its first part names the form that it is in. They hold
    as long as the key: a random one until the console ends.

    Args:
        key: what they are made with; random where the console has one process.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def make(self, viewer: Viewer) -> str:
        """A token for one form on a person's page."""
        return self._signed(secrets.token_hex(12), viewer)

    def is_valid(self, token: str, viewer: Viewer) -> bool:
        """Whether a form comes from the person's own page."""
        return hmac.compare_digest(token.encode(), self._signed(form_key(token), viewer).encode())

    def _signed(self, key: str, viewer: Viewer) -> str:
        return f"{key}-{hmac.new(self._key, f'{key} {viewer.name}'.encode(), hashlib.sha256).hexdigest()}"


def form_key(token: str) -> str:
    """The part of a form's token that names the form."""
    return token.partition("-")[0]


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

    @property
    def values(self) -> dict[str, str]:
        """The value of each field as it was typed."""
        return {name: values[0] for name, values in self._fields.items() if values and name != TOKEN_FIELD}

    def read(self, model: type[Fields]) -> Fields:
        """The fields, checked.

        Args:
            model: what they must be.

        Raises:
            FormRefused: they are not.
        """
        try:
            return model.model_validate(self.values)
        except ValidationError as error:
            wrong = {str(each["loc"][0]): f"{each['msg']}." for each in error.errors() if each["loc"]}
            raise FormRefused("Nothing was done: see below.", wrong) from error

    def refuse_if_changed(self, now: Mapping[str, Any]) -> None:
        """Refuse the form where its page showed other values than there are now.

        Args:
            now: the values, by name, as the page has put them into the form (`seen` of templates/parts.html).

        Raises:
            FormRefused: somebody has changed them.
        """
        try:
            seen = dict(json.loads(self.text("seen")))
        except (ValueError, TypeError, RecursionError):
            seen = {}
        now = json.loads(json.dumps(now, default=str))
        changes = {name: (seen[name], now[name]) for name in now if name in seen and seen[name] != now[name]}
        if changes:
            raise FormRefused(
                "Nothing was done: somebody has changed it since you opened this form. See both, and send it again.",
                changes=changes,
                status=HTTPStatus.CONFLICT,
            )

    def texts(self, name: str) -> list[str]:
        """All values of a field, each once."""
        return list(dict.fromkeys(self._fields.get(name, ())))

    def is_set(self, name: str) -> bool:
        """Whether a field has a value, such as a box that is ticked."""
        return bool(self.text(name))


def moments_of(
    query: QueryParams, now: datetime, first: str = "since", last: str = "until"
) -> tuple[datetime | None, datetime | None]:
    """Two times of a page's filters, in UTC; None for one that is empty.

    Args:
        query: the filters.
        now: the present, in UTC.
        first: the name of the first.
        last: the name of the second.

    Raises:
        HTTPException: one of them is malformed.
    """
    texts = (query.get(name, "").strip() for name in (first, last))
    try:
        since, until = (parse_moment(text, now) if text else None for text in texts)
    except ValueError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from error
    return since, until


FormAction = Callable[[Request, Form], Response]
"""What a form does: it gets the form's fields, and answers."""


def form_action(page: Callable[[Request], Shown]) -> Callable[[FormAction], Callable[[Request], Awaitable[Response]]]:
    """Make an endpoint of what a form does: it reads the form, and refuses it unless the person may act.

    Args:
        page: reads the page that the form is on, which shows it again if it is refused.
    """

    def make(act: FormAction) -> Callable[[Request], Awaitable[Response]]:
        def answer(request: Request, form: Form) -> Response:
            try:
                return act(request, form)
            except AlreadyRecorded as error:
                return RedirectResponse(link("/operator-actions", action=error.key), HTTPStatus.SEE_OTHER)
            except FormRefused as error:
                return _shown_again(request, form, page, error)
            except OperatorError as error:
                return _shown_again(request, form, page, FormRefused(str(error)))

        async def endpoint(request: Request) -> Response:
            viewer: Viewer = request.state.viewer
            if not viewer.may_act:
                raise HTTPException(HTTPStatus.FORBIDDEN, "This console is read-only for you: nothing was done.")
            form = await _read(request)
            token = form.text(TOKEN_FIELD)
            if not request.app.state.console.tokens.is_valid(token, viewer):
                raise HTTPException(
                    HTTPStatus.FORBIDDEN,
                    "This form is from before the console started again: nothing was done. Load the page again.",
                )
            request.state.form, request.state.form_key = form, form_key(token)
            return await run_in_threadpool(answer, request, form)

        endpoint.__doc__ = act.__doc__
        return endpoint

    return make


def _shown_again(request: Request, form: Form, page: Callable[[Request], Shown], error: FormRefused) -> Response:
    path = request.scope["raw_path"].decode()
    refused = RefusedForm(
        path=path, message=describe(error), values=form.values, fields=error.fields, changes=error.changes
    )
    try:
        shown = page(request)
    except FormRefused:
        # The page is made of the form, too.
        raise HTTPException(error.status, describe(error)) from error
    answer: Response = request.app.state.console.view.page(
        request, shown.template, status=error.status, refused=refused, **shown.context
    )
    return answer


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
