"""The kinds of report: which are paused, how their next versions do, and how they look, made of the data that each kind
brings along."""

import functools
import itertools
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.shared.audiences import queries_of_recipients
from functions.shared.records.kind_pauses import KindPauses
from operations.console.console import console_of, done, recorded
from operations.console.form import Form, Note, form_action
from operations.console.live import live
from operations.console.mail_frame import LOOKS, WIDTHS, mail_response
from operations.console.page_parts import read_parts
from operations.console.readings import Shown
from operations.kinds.audience_preview import last_readings
from operations.kinds.kind_figures import VariantFigures, count_variants
from operations.kinds.kind_pausing import PAUSED, RESUMED, KindPausing
from operations.previews import preview as previews
from operations.previews.kind_variables import sample_variables
from operations.previews.preview_period import next_period
from operations.previews.preview_subject import sample_subject
from report_kit.kind_folders import folder

_ALL = "all"
_SINCE = timedelta(days=7)
"""How far back the reports of a version are counted."""


class _Why(BaseModel):
    """The form that pauses or resumes a kind."""

    note: Note = ""


def _read(request: Request) -> Shown:
    """The kinds: which are paused, what waits for them, how the next version of one does, and how each looks in the
    languages, looks, amounts and widths that the address names."""
    database, known = console_of(request).reading.firestore, previews.known_kinds()
    pausing = KindPausing(database)
    parts = read_parts({"pauses": pausing.pauses})
    pauses = parts.read.get("pauses", KindPauses())
    kinds = pauses.with_paused(known)
    since, needs = datetime.now(UTC) - _SINCE, previews.known_needs()
    percent = {kind: each.next.percent for kind, each in needs.items() if each.next and kind in known}

    def figures_of(kind: str) -> list[VariantFigures]:
        return list(count_variants(database, kind, since=since))

    named = queries_of_recipients(folder())
    held = read_parts({each: functools.partial(pausing.count_held, each) for each in kinds if each in pauses.kinds})
    figures = read_parts({each: functools.partial(figures_of, each) for each in percent})
    audiences = read_parts({"audiences": functools.partial(last_readings, database, named)} if named else {})
    counted = sum(each.sent + each.skipped + each.dead for found in figures.read.values() for each in found)
    return Shown(
        template="kinds.html",
        # A count of each state and version, by halves, and of what waits.
        reads=1 + len(named) + 12 * len(percent) + (counted + sum(held.read.values())) // 1_000 + len(held.read),
        context={
            "kinds": kinds,
            "pauses": pauses,
            "held": held.read,
            "figures": figures.read,
            "audiences": audiences.read.get("audiences", {}),
            "today": datetime.now(UTC),
            "percent": percent,
            "days": _SINCE.days,
            "failed": {**parts.failed, **held.failed, **figures.failed, **audiences.failed},
            **_gallery(request.query_params),
        },
    )


@form_action(_read)
def pause_or_resume(request: Request, form: Form) -> Response:
    """Pause or resume a kind."""
    console, kind = console_of(request), request.path_params["kind"]
    pausing, by, now = KindPausing(console.session.firestore), request.state.viewer.name, datetime.now(UTC)
    act = request.path_params["act"]
    if act not in {"pause", "resume"} or kind not in {*previews.known_kinds(), *pausing.pauses().kinds}:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    note = form.read(_Why).note
    with recorded(request, f"{act.capitalize()} kind", kind, note=note) as action:
        if act == "pause":
            action.outcome = PAUSED if pausing.pause(kind, by=by, now=now, note=note) else "It was paused already."
        else:
            action.outcome = RESUMED if pausing.resume(kind, by=by, now=now) else "It was not paused."
    return done(request, "/kinds")


def _gallery(asked: QueryParams) -> dict[str, Any]:
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
    return {"frames": frames, "choices": {n: (*v, _ALL) for n, v in choices.items()}, "chosen": chosen}


def sample_mail(request: Request) -> Response:
    """One email of the gallery."""
    kind = request.path_params["kind"]
    amount = next((each for each in previews.SampleAmount if each == request.query_params.get("amount", "much")), None)
    if kind not in previews.known_kinds() or amount is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    user, subscription = sample_subject(kind)
    subscription = subscription._replace(locale=request.query_params.get("locale", "en"))
    now = datetime.now(UTC)
    period = next_period(subscription, subscription.schedule(user), now)
    mail = previews.build(
        kind,
        user,
        subscription,
        period,
        previews.sample_data(kind, period, amount),
        previews.mail_settings({}),
        now=now,
        variables=sample_variables(kind),
    )
    if isinstance(mail, previews.NothingToSend):
        return console_of(request).view.fragment(request, "no_mail.html", why=mail.why)
    return mail_response(previews.standalone_page(mail), request.query_params.get("look", ""))


ROUTES = [
    Route("/kinds", live(_read)),
    Route("/kinds/{kind}/mail", sample_mail),
    Route("/kinds/{kind}/{act}", pause_or_resume, methods=["POST"]),
]
