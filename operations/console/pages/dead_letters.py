"""Dead letters by their filters, one dead letter, and what an operator does with them.

An act takes two steps: the first page says what would happen to which dead letters, and changes nothing; its form
begins the act. It reaches those that the first page counted, as they were at that moment: no other ones that have come
since, and none that has changed.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from pydantic import AwareDatetime, BaseModel
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from functions.shared.records.dead_letter import DeadLetterReason, DeadLetterState, StoredDeadLetter
from operations.console.console import Console, console_of
from operations.console.form import Form, FormRefused, Note, Text, form_action, moments_of
from operations.console.jobs import Job
from operations.console.letter_figures import LetterCounts
from operations.console.live import live
from operations.console.page_parts import read_parts
from operations.console.readings import Shown
from operations.console.view import link, page_links
from operations.dead_letters.dead_letter_result import DeadLetterResult
from operations.dead_letters.dead_letters import MOST_CAUSES, SEARCHED, DeadLetters
from operations.dead_letters.dismissal import Dismissals, decide_dismissal
from operations.dead_letters.failed_reports import failed_reports
from operations.dead_letters.letter_causes import by_cause
from operations.dead_letters.letter_filter import LetterFilter
from operations.dead_letters.replay import Replay
from operations.operator_actions import OperatorActions
from operations.previews import preview as previews
from operations.time_args import to_json_time

_LETTERS_A_PAGE = 50
_LOOKED_AT = 500
"""How many dead letters the dry run looks at; what it says of more is counted from these."""

SECOND_MAIL = "send twice"
"""What an operator types where a replay may send a second email."""


@dataclass(frozen=True, kw_only=True)
class _Act:
    """Something that an operator does with dead letters.

    Attributes:
        name: in addresses.
        verb: in sentences.
        state: which dead letters it is for.
    """

    name: str
    verb: str
    state: DeadLetterState


ACTS = {
    act.name: act
    for act in (
        _Act(name="replay", verb="Replay", state=DeadLetterState.OPEN),
        _Act(name="dismiss", verb="Dismiss", state=DeadLetterState.OPEN),
        _Act(name="reopen", verb="Reopen", state=DeadLetterState.DISMISSED),
    )
}
"""What an operator does with dead letters, by its name in addresses."""


class _Begun(BaseModel):
    """The form that begins an act."""

    note: Note = ""
    second_mail: Text = ""
    as_of: AwareDatetime
    confirmed: int


def _read_letters(request: Request) -> Shown:
    """The dead letters that the filters in the address leave, the newest first."""
    console, form = console_of(request), getattr(request.state, "form", None)
    asked = QueryParams(form.text("filters")) if form else request.query_params
    chosen, after = letter_filter(asked), asked.get("after") or None
    letters, filters = DeadLetters(console.reading.firestore), _to_query(chosen)
    readers: dict[str, Callable[[], Any]] = {"page": lambda: letters.page(chosen, after=after, limit=_LETTERS_A_PAGE)}
    if chosen.is_by_index:
        readers["counts"] = lambda: console.letters.get(letters, chosen, version=_known_change(request))
    parts = read_parts(readers)
    page, counts = parts.read.get("page"), parts.read.get("counts")
    if page and not chosen.is_by_index:
        counts = LetterCounts(len(page.rows), [each for each in by_cause(page.rows) if each.cause], reads=SEARCHED)
    rows = letters.with_delivery_states(page.rows) if page else []
    count_reads = counts.reads if counts else console.letters.reads_of_failure(chosen)
    causes = counts.causes if counts else []
    return Shown(
        template="dead_letters.html",
        reads=2 * len(rows) + count_reads + 10,
        # The deliveries of those that are replayed go on, and what has failed may be there by now.
        by_version=not parts.failed and all(each["state"] != DeadLetterState.REPLAYED for each in rows),
        context={
            "letters": rows,
            "counts": counts,
            "most_causes": MOST_CAUSES,
            "without_cause": max(counts.total - sum(each.count for each in causes), 0) if counts and causes else 0,
            "failed": parts.failed,
            "filters": filters,
            "kinds": previews.known_kinds(),
            "searched": 0 if chosen.is_by_index else SEARCHED,
            **page_links("/dead-letters", after=after, following=page.following if page else None, **filters),
            "states": [*(each.value for each in DeadLetterState), "all"],
            "reasons": [each.value for each in DeadLetterReason],
            "acts": [act for act in ACTS.values() if act.state is chosen.state],
        },
    )


def _newest_change(console: Console) -> str:
    return DeadLetters(console.reading.firestore).newest_change()


def _known_change(request: Request) -> str:
    """The same, where the page has not asked for it just now."""
    return getattr(request.state, "newest_change", "") or _newest_change(console_of(request))


def _read_letter(request: Request) -> Shown:
    """One dead letter, with its delivery."""
    letters, letter_id = DeadLetters(console_of(request).reading.firestore), request.path_params["letter_id"]
    letter = letters.show(letter_id)
    acts = [act for act in ACTS.values() if act.state == letter["state"]]
    return Shown(
        template="dead_letter.html",
        reads=3,
        every=10,
        context={"letter": letter, "cause": letters.get(letter_id).cause, "acts": acts},
    )


def _read_confirmation(request: Request) -> Shown:
    """What an act would do, to which dead letters."""
    console, act, form = console_of(request), _act(request), request.state.form
    chosen, ids = _chosen(form)
    letters = DeadLetters(console.session.firestore)
    counted, as_of = letters.count_now(chosen)
    found = letters.of_ids(ids) if ids else letters.find(chosen, limit=_LOOKED_AT)
    looked_at = [each for each in found if not each.has_changed_since(as_of)]
    look = _dry_run(console, act)
    results = [look(letter) for letter in looked_at[:_LOOKED_AT]]
    outcomes = Counter(result.outcome for result in results)
    return Shown(
        template="confirm_letters.html",
        context={
            "act": act,
            "ids": ids,
            "total": len(looked_at) if ids else counted,
            "looked_at": len(results),
            "as_of": as_of,
            "filters": _to_query(chosen),
            "causes": by_cause(looked_at),
            "outcomes": outcomes.most_common(),
            "unclear": len(_replay(console).unclear(looked_at)) if act.name == "replay" else 0,
            "second_mail": SECOND_MAIL,
            "back": link("/dead-letters", **_to_query(chosen)),
        },
    )


@form_action(_read_letters)
def confirm(request: Request, form: Form) -> Response:
    """Say what an act would do, and ask."""
    del form
    shown = _read_confirmation(request)
    return console_of(request).view.page(request, shown.template, **shown.context)


@form_action(_read_confirmation)
def act_on(request: Request, form: Form) -> Response:
    """Begin an act, and go to the page that shows how far it is."""
    console, act, begun = console_of(request), _act(request), form.read(_Begun)
    chosen, ids = _chosen(form)
    letters = DeadLetters(console.session.firestore)
    found = letters.of_ids(ids) if ids else letters.find(chosen)
    unchanged = [each for each in found if not each.has_changed_since(begun.as_of)]
    may_send_twice = begun.second_mail.lower() == SECOND_MAIL
    if act.name == "replay" and not may_send_twice and _replay(console).unclear(unchanged):
        text = f'Type "{SECOND_MAIL}": some of these may send a second email.'
        raise FormRefused("Nothing was done: see below.", {"second_mail": text})
    count = "1 dead letter" if begun.confirmed == 1 else f"{begun.confirmed:,} dead letters"
    job = console.jobs.begin(
        Job(
            id=request.state.form_key,
            title=f"{act.verb} {count}",
            total=len(unchanged),
            left_out=max(begun.confirmed - len(unchanged), 0),
            back=link("/dead-letters", **_to_query(chosen)),
            watch=f"/operator-actions/{request.state.form_key}" if act.name == "replay" else "",
        ),
        [letter.id for letter in unchanged],
        _carry_out(console, act, begun, may_send_twice=may_send_twice),
        log=OperatorActions(console.session.firestore),
        now=console.session.now,
        who=request.state.viewer.name,
        subject=", ".join(ids or [f"{name} {value}" for name, value in _to_query(chosen).items() if value]),
        note=begun.note,
        about=failed_reports(unchanged, are_sent_again=act.name == "replay"),
        ended=console.forget,
    )
    return RedirectResponse(f"/jobs/{job.id}", HTTPStatus.SEE_OTHER)


def _act(request: Request) -> _Act:
    act = ACTS.get(request.path_params["act"])
    if act is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return act


def letter_filter(query: QueryParams) -> LetterFilter:
    """The filters of an address.

    Raises:
        HTTPException: one of them is malformed.
    """
    since, until = moments_of(query, datetime.now(UTC))
    return LetterFilter(
        state=next((each for each in DeadLetterState if each == query.get("state", "open")), None),
        reason=next((each for each in DeadLetterReason if each == query.get("reason")), None),
        cause=query.get("cause", "").strip(),
        since=since,
        until=until,
        user_id=query.get("user", "").strip(),
        run_id=query.get("run", "").strip(),
        kind=query.get("kind", "").strip(),
    )


def _to_query(chosen: LetterFilter) -> dict[str, str | None]:
    """Filters as an address has them."""
    return {
        "state": chosen.state.value if chosen.state else "all",
        "reason": chosen.reason.value if chosen.reason else None,
        "cause": chosen.cause or None,
        "since": to_json_time(chosen.since),
        "until": to_json_time(chosen.until),
        "user": chosen.user_id or None,
        "run": chosen.run_id or None,
        "kind": chosen.kind or None,
    }


def _chosen(form: Form) -> tuple[LetterFilter, list[str]]:
    """The filters of the page, with the cause whose button was pressed, and the ids where the operator has selected
    some."""
    chosen = letter_filter(QueryParams(form.text("filters")))
    if cause := form.text("cause"):
        return replace(chosen, cause=cause), []
    if form.text("scope") == "all":
        return chosen, []
    if ids := form.texts("id"):
        return chosen, ids
    raise FormRefused("No dead letter is selected: nothing was done.")


def _replay(console: Console) -> Replay:
    session = console.session
    return Replay(
        database=session.firestore,
        queue_of=session.queue_of,
        now=session.now,
        keeps_outcomes=bool(session.target.find("OUTCOMES_TOPIC")),
    )


def _dry_run(console: Console, act: _Act) -> Callable[[StoredDeadLetter], DeadLetterResult]:
    if act.name == "replay":
        return _replay(console).preview
    wanted = DeadLetterState.OPEN if act.name == "reopen" else DeadLetterState.DISMISSED
    return lambda letter: DeadLetterResult(letter_id=letter.id, outcome=decide_dismissal(letter, wanted=wanted))


def _carry_out(
    console: Console, act: _Act, begun: _Begun, *, may_send_twice: bool
) -> Callable[[str], DeadLetterResult]:
    dismissals = Dismissals(database=console.session.firestore, now=console.session.now)
    match act.name:
        case "replay":
            replay = _replay(console)
            return lambda letter_id: replay(letter_id, may_send_twice=may_send_twice, as_of=begun.as_of)
        case "dismiss":
            return lambda letter_id: dismissals.dismiss(letter_id, note=begun.note, as_of=begun.as_of)
        case _:
            return lambda letter_id: dismissals.reopen(letter_id, as_of=begun.as_of)


ROUTES = [
    Route("/dead-letters", live(_read_letters, _newest_change)),
    Route("/dead-letters/{act}/confirm", confirm, methods=["POST"]),
    Route("/dead-letters/{act}/begin", act_on, methods=["POST"]),
    Route("/dead-letters/{letter_id}", live(_read_letter)),
]
