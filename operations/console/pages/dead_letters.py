"""Dead letters by their filters, one dead letter, and what an operator does with them.

An act takes two steps: the first page says what would happen to which dead letters, and changes nothing; its form
begins the act.
"""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from functions.shared.logging import redact_addresses
from functions.shared.records.dead_letter import DeadLetterReason, DeadLetterState, StoredDeadLetter
from operations.console.console import Console, console_of
from operations.console.form import Form, form_action, moments_of
from operations.console.jobs import Job
from operations.console.view import link, page_links
from operations.dead_letters.dead_letter_result import DeadLetterResult
from operations.dead_letters.dead_letters import DeadLetters
from operations.dead_letters.dismissal import Dismissals, decide_dismissal
from operations.dead_letters.letter_filter import LetterFilter
from operations.dead_letters.replay import Replay
from operations.operator_actions import OperatorActions
from operations.time_args import to_json_time

_LETTERS_A_PAGE = 50
_LOOKED_AT = 500
"""How many dead letters the dry run looks at; what it says of more is counted from these."""

SECOND_MAIL = "send twice"
"""What an operator types where a replay may send a second mail."""


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


_ACTS = {
    act.name: act
    for act in (
        _Act(name="replay", verb="Replay", state=DeadLetterState.OPEN),
        _Act(name="dismiss", verb="Dismiss", state=DeadLetterState.OPEN),
        _Act(name="reopen", verb="Reopen", state=DeadLetterState.DISMISSED),
    )
}


def list_letters(request: Request) -> Response:
    """The dead letters that the filters in the address leave, the newest first."""
    console = console_of(request)
    chosen = _from_query(request.query_params)
    after = request.query_params.get("after") or None
    letters, filters = DeadLetters(console.session.firestore), _to_query(chosen)
    with ThreadPoolExecutor(thread_name_prefix="letters") as threads:
        total, causes = threads.submit(letters.count, chosen), threads.submit(letters.causes, chosen)
        page = letters.page(chosen, after=after, limit=_LETTERS_A_PAGE)
        rows = letters.with_delivery_states(page.rows)
    return console.view.page(
        request,
        "dead_letters.html",
        letters=rows,
        total=total.result(),
        causes=causes.result(),
        filters=filters,
        **page_links("/dead-letters", after=after, following=page.following, **filters),
        states=[*(each.value for each in DeadLetterState), "all"],
        reasons=[each.value for each in DeadLetterReason],
        acts=[act for act in _ACTS.values() if act.state is chosen.state],
    )


def show_letter(request: Request) -> Response:
    """One dead letter, with its delivery."""
    console = console_of(request)
    letters, letter_id = DeadLetters(console.session.firestore), request.path_params["letter_id"]
    letter = letters.show(letter_id)
    acts = [act for act in _ACTS.values() if act.state == letter["state"]]
    return console.view.page(request, "dead_letter.html", letter=letter, cause=letters.get(letter_id).cause, acts=acts)


@form_action
def confirm(request: Request, form: Form) -> Response:
    """Say what an act would do, and ask."""
    console, act = console_of(request), _act(request)
    chosen, ids = _chosen(form)
    letters = DeadLetters(console.session.firestore)
    total = len(ids) if ids else letters.count(chosen)
    looked_at = letters.of_ids(ids[:_LOOKED_AT]) if ids else list(letters.find(chosen, limit=_LOOKED_AT))
    look = _dry_run(console, act)
    results = [look(letter) for letter in looked_at]
    unclear = len(_replay(console).unclear(looked_at)) if act.name == "replay" else 0
    outcomes = Counter(result.outcome.value for result in results)
    return console.view.page(
        request,
        "confirm_letters.html",
        act=act,
        ids=ids,
        total=total,
        looked_at=len(looked_at),
        filters=_to_query(chosen),
        error=redact_addresses(looked_at[0].error) if looked_at else "",
        outcomes=[
            (count, {r.outcome.value: r.outcome for r in results}[name]) for name, count in outcomes.most_common()
        ],
        unclear=unclear,
        second_mail=SECOND_MAIL,
        back=link("/dead-letters", **_to_query(chosen)),
    )


@form_action
def act_on(request: Request, form: Form) -> Response:
    """Begin an act, and go to the page that shows how far it is."""
    console, act = console_of(request), _act(request)
    chosen, ids = _chosen(form)
    letters = DeadLetters(console.session.firestore)
    found = letters.of_ids(ids) if ids else list(letters.find(chosen))
    may_send_twice = form.text("second_mail").lower() == SECOND_MAIL
    if act.name == "replay" and not may_send_twice and _replay(console).unclear(found):
        raise HTTPException(
            HTTPStatus.BAD_REQUEST,
            f'Nothing was done: some of these need "{SECOND_MAIL}" typed, since they may send a second mail.',
        )
    note = form.text("note")
    count = "1 dead letter" if len(found) == 1 else f"{len(found):,} dead letters"
    job = console.jobs.begin(
        Job(
            title=f"{act.verb} {count}",
            total=len(found),
            back=link("/dead-letters", **_to_query(chosen)),
            watch=link("/dead-letters", **{**_to_query(chosen), "state": "all"}) if act.name == "replay" else "",
        ),
        [letter.id for letter in found],
        _carry_out(console, act, may_send_twice=may_send_twice, note=note),
        log=OperatorActions(console.session.firestore),
        who=request.state.viewer.name,
        subject=", ".join(ids or [f"{name} {value}" for name, value in _to_query(chosen).items() if value]),
        note=note,
    )
    return RedirectResponse(f"/jobs/{job.id}", HTTPStatus.SEE_OTHER)


def _act(request: Request) -> _Act:
    act = _ACTS.get(request.path_params["act"])
    if act is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return act


def _from_query(query: QueryParams) -> LetterFilter:
    """The filters of an address.

    Raises:
        HTTPException: one of them is malformed.
    """
    since, until = moments_of(query)
    return LetterFilter(
        state=next((each for each in DeadLetterState if each == query.get("state", "open")), None),
        reason=next((each for each in DeadLetterReason if each == query.get("reason")), None),
        cause=query.get("cause", "").strip(),
        since=since,
        until=until,
    )


def _to_query(chosen: LetterFilter) -> dict[str, str | None]:
    """Filters as an address has them."""
    return {
        "state": chosen.state.value if chosen.state else "all",
        "reason": chosen.reason.value if chosen.reason else None,
        "cause": chosen.cause or None,
        "since": to_json_time(chosen.since),
        "until": to_json_time(chosen.until),
    }


def _chosen(form: Form) -> tuple[LetterFilter, list[str]]:
    """The filters of the page, and the ids where the operator has selected some. All that match are those received
    until the page was shown: what comes afterwards was not counted."""
    chosen = _from_query(QueryParams(form.text("filters")))
    if form.text("scope") == "all":
        return chosen, []
    if ids := form.texts("id"):
        return chosen, ids
    raise HTTPException(HTTPStatus.BAD_REQUEST, "No dead letter is selected: nothing was done.")


def _replay(console: Console) -> Replay:
    session = console.session
    return Replay(database=session.firestore, queue_of=session.queue_of, has_task=session.queues.has_task)


def _dry_run(console: Console, act: _Act) -> Callable[[StoredDeadLetter], DeadLetterResult]:
    if act.name == "replay":
        return _replay(console).preview
    wanted = DeadLetterState.OPEN if act.name == "reopen" else DeadLetterState.DISMISSED
    return lambda letter: DeadLetterResult(letter_id=letter.id, outcome=decide_dismissal(letter, wanted=wanted))


def _carry_out(console: Console, act: _Act, *, may_send_twice: bool, note: str) -> Callable[[str], DeadLetterResult]:
    dismissals = Dismissals(database=console.session.firestore)
    match act.name:
        case "replay":
            replay = _replay(console)
            return lambda letter_id: replay(letter_id, may_send_twice=may_send_twice)
        case "dismiss":
            return lambda letter_id: dismissals.dismiss(letter_id, note=note)
        case _:
            return dismissals.reopen


ROUTES = [
    Route("/dead-letters", list_letters),
    Route("/dead-letters/{act}/confirm", confirm, methods=["POST"]),
    Route("/dead-letters/{act}/begin", act_on, methods=["POST"]),
    Route("/dead-letters/{letter_id}", show_letter),
]
