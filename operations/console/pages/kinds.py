"""The gallery of the kinds of report, made of the data that each kind brings along to be looked at."""

import itertools
from datetime import UTC, datetime
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from operations.console.console import console_of
from operations.console.mail_frame import LOOKS, WIDTHS, mail_response
from operations.previews import preview as previews
from operations.previews.kind_variables import kind_variables
from operations.previews.preview_period import next_period
from operations.previews.preview_subject import sample_subject

_ALL = "all"


def gallery(request: Request) -> Response:
    """The kinds, each in the languages, looks, amounts and widths that the address names."""
    asked = request.query_params
    choices = {
        "kind": previews.known_kinds(),
        "locale": previews.languages(),
        "amount": tuple(amount.value for amount in previews.SampleAmount),
        "look": LOOKS,
        "width": tuple(WIDTHS),
    }
    usual = {"kind": _ALL, "locale": "en", "amount": "much", "look": "light", "width": "phone"}
    chosen = {name: asked.get(name, usual[name]) for name in choices}
    shown = [values if chosen[name] == _ALL else (chosen[name],) for name, values in choices.items()]
    frames = [
        dict(zip(choices, combination, strict=True))
        for combination in itertools.product(*shown)
        if all(value in choices[name] for name, value in zip(choices, combination, strict=True))
    ]
    return console_of(request).view.page(
        request, "kinds.html", frames=frames, choices={n: (*v, _ALL) for n, v in choices.items()}, chosen=chosen
    )


def sample_mail(request: Request) -> Response:
    """One mail of the gallery."""
    kind = request.path_params["kind"]
    amount = next((each for each in previews.SampleAmount if each == request.query_params.get("amount", "much")), None)
    if kind not in previews.known_kinds() or amount is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    user, subscription = sample_subject(kind)
    subscription = subscription._replace(locale=request.query_params.get("locale", "en"))
    period = next_period(subscription, subscription.schedule(user), datetime.now(UTC))
    mail = previews.build(
        kind,
        user,
        subscription,
        period,
        previews.sample_data(kind, period, amount),
        previews.mail_settings({}),
        variables=kind_variables(console_of(request).session, kind, sample=True),
    )
    if isinstance(mail, previews.NothingToSend):
        return console_of(request).view.fragment(request, "no_mail.html", why=mail.why)
    return mail_response(previews.standalone_page(mail), request.query_params.get("look", ""))


ROUTES = [Route("/kinds", gallery), Route("/kinds/{kind}/mail", sample_mail)]
