"""`reports dead-letters`: reports that could not be sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from functions.shared.records.states import DeadLetterReason, DeadLetterState
from operations.commands.group import (
    AsCsv,
    AsJson,
    DryRun,
    EveryRow,
    Limit,
    Yes,
    confirm,
    document_id,
    moment,
    print_list,
    recorded,
    session,
)
from operations.errors import ExitStatus, NotFound
from operations.escaping import shell_argument
from operations.output import Output
from operations.parallel import in_parallel

if TYPE_CHECKING:
    from functions.shared.records.dead_letter import StoredDeadLetter
    from operations.dead_letters.dead_letter_result import DeadLetterOutcome, DeadLetterResult
    from operations.dead_letters.dead_letters import DeadLetters
    from operations.operator_actions import ActionInProgress
    from operations.session import Session

app = typer.Typer(no_args_is_help=True)

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID…", parser=document_id, help="Which dead letters.")]
OfReason = Annotated[DeadLetterReason | None, typer.Option("--reason", help="All with this reason.")]
Since = Annotated[
    datetime | None,
    typer.Option("--since", metavar="TIME", parser=moment, help="All received since: 2h, 3d, 2026-11-24."),
]
Everything = Annotated[bool, typer.Option("--all", help="All of them.")]

_COLUMNS = (
    *("dead_letter_id", "state", "reason", "error"),
    *("received_at", "delivery_state", "attempts", "replays"),
)
_SHOWN = 20
"""How many failed ids are named, and how many others in a dry run."""


class _StateFilter(StrEnum):
    OPEN = "open"
    REPLAYED = "replayed"
    DISMISSED = "dismissed"
    SETTLED = "settled"
    ALL = "all"


@app.command("list")
def list_(
    ctx: typer.Context,
    *,
    state: Annotated[_StateFilter, typer.Option(help="Only those in this state.")] = _StateFilter.OPEN,
    reason: Annotated[DeadLetterReason | None, typer.Option(help="Only those with this reason.")] = None,
    cause: Annotated[
        str | None, typer.Option(metavar="CAUSE", help="Only those of this cause, as reports dead-letters show has it.")
    ] = None,
    user: Annotated[str | None, typer.Option(metavar="USER", parser=document_id, help="Only this user's.")] = None,
    run: Annotated[str | None, typer.Option(metavar="RUN", parser=document_id, help="Only of this run.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Only of this kind of report.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(metavar="TIME", parser=moment, help="Only those received since: 2h, 3d, 2026-11-24T13:00Z."),
    ] = None,
    limit: Limit = 50,
    everything: EveryRow = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Dead letters, the newest first."""
    from operations.dead_letters.dead_letters import DeadLetters
    from operations.dead_letters.letter_filter import LetterFilter

    current, most = session(ctx), None if everything else limit
    dead_letters = DeadLetters(current.firestore)
    wanted = LetterFilter(
        state=None if state is _StateFilter.ALL else DeadLetterState(state.value),
        reason=reason,
        cause=cause or "",
        user_id=user or "",
        run_id=run or "",
        kind=kind or "",
        since=since,
    )
    rows = dead_letters.with_delivery_states(dead_letters.find(wanted, limit=most))
    if not rows:
        _check_that_it_exists(current, dead_letters, user=user, run=run)
    print_list(
        Output(as_json=as_json, as_csv=as_csv),
        rows,
        _COLUMNS,
        limit=most,
        count=lambda: dead_letters.count(wanted),
        empty="There are no such dead letters.",
    )


def _check_that_it_exists(current: Session, letters: DeadLetters, *, user: str | None, run: str | None) -> None:
    """Tell a slip from a user or a run without dead letters.

    Raises:
        NotFound: there is no such user or run, nor a dead letter of it.
    """
    from operations.dead_letters.letter_filter import LetterFilter
    from operations.runs.runs import Runs
    from operations.users.users import Users

    if user and not any(letters.find(LetterFilter(state=None, user_id=user), limit=1)):
        Users(current.firestore).get(user)
    if run and not any(letters.find(LetterFilter(state=None, run_id=run), limit=1)):
        Runs(current.firestore).check(run)


@app.command()
def show(
    ctx: typer.Context,
    letter_id: Annotated[str, typer.Argument(metavar="ID", parser=document_id, help="Which dead letter.")],
    *,
    as_json: AsJson = False,
) -> None:
    """One dead letter, and its delivery."""
    from functions.shared.records.ids import is_of_malformed_document
    from operations.dead_letters.dead_letters import DeadLetters

    output = Output(as_json=as_json)
    row = DeadLetters(session(ctx).firestore).show(letter_id)
    output.fields(row)
    if as_json:
        return
    if row["state"] == DeadLetterState.OPEN:
        output.say()
        if is_of_malformed_document(letter_id):
            output.say(f"When the document is corrected: reports dead-letters dismiss {shell_argument(letter_id)}")
        else:
            output.say(f"To send it again: reports dead-letters replay {shell_argument(letter_id)}")
    elif row["state"] == DeadLetterState.DISMISSED:
        output.say()
        output.say(f"To open it again: reports dead-letters reopen {shell_argument(letter_id)}")


@app.command()
def replay(
    ctx: typer.Context,
    ids: Ids = None,
    *,
    reason: OfReason = None,
    since: Since = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Put reports of open dead letters back into the queue. Those sent meanwhile are not sent again. If interrupted,
    repeat it."""
    from operations.dead_letters.failed_reports import failed_reports
    from operations.dead_letters.replay import Replay
    from operations.dead_letters.replay_decision import ReplayOutcome

    current = session(ctx)
    output = Output(as_json=as_json)
    chosen = _Chosen(ids, reason, since, everything)
    letters, missing = chosen.find(current)
    replay_one = Replay(
        database=current.firestore,
        queue_of=current.queue_of,
        now=current.now,
        keeps_outcomes=bool(current.target.find("OUTCOMES_TOPIC")),
    )
    absent = _absent(missing, ReplayOutcome.NOT_FOUND)
    unclear = replay_one.unclear(letters)
    if unclear:
        output.warn(
            f"{len(unclear)} of them may have reached their users: their outcome is unknown (unknown-outcome). A "
            "replay may send a second one: look for their delivery_id first, where their errors say that it may be."
        )
    if dry_run:
        for letter_id in sorted(unclear)[:_SHOWN]:
            output.warn(f"{letter_id}: a replay may send a second email")
        _do(letters, replay_one.preview, absent, output, what="Looking", dry_run=True)
        return
    if letters and (not ids or unclear):
        confirm(output, f"replay {_count(letters)} on {current.target.description}", yes=yes)

    def carry_out(letter: StoredDeadLetter) -> DeadLetterResult:
        return replay_one(letter.id, may_send_twice=yes or letter.id in unclear)

    about = failed_reports(letters, are_sent_again=True)
    with recorded(current, f"Replay {_count(letters)}", chosen.words, about=about) as action:
        _do(letters, carry_out, absent, output, what="Replaying", dry_run=False, action=action)


@app.command()
def dismiss(
    ctx: typer.Context,
    ids: Ids = None,
    *,
    reason: OfReason = None,
    since: Since = None,
    everything: Everything = False,
    note: Annotated[str, typer.Option(help="Why; kept with the dead letter.")] = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Close open dead letters whose reports are not to be sent. Their users' later reports are sent as usual."""
    from operations.dead_letters.dismissal import Dismissals

    current = session(ctx)
    dismissals = Dismissals(database=current.firestore, now=current.now)
    chosen = _Chosen(ids, reason, since, everything)

    def act(letter: StoredDeadLetter) -> DeadLetterResult:
        return dismissals.dismiss(letter.id, note=note)

    _mark(current, chosen, act, Output(as_json=as_json), note=note, dry_run=dry_run, yes=yes)


@app.command()
def reopen(
    ctx: typer.Context,
    ids: Ids = None,
    *,
    reason: OfReason = None,
    since: Since = None,
    everything: Everything = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Take dismissals back: the dead letters are open again and can be replayed. This alone sends nothing."""
    from operations.dead_letters.dismissal import Dismissals

    current = session(ctx)
    dismissals = Dismissals(database=current.firestore, now=current.now)
    chosen = _Chosen(ids, reason, since, everything, state=DeadLetterState.DISMISSED)

    def act(letter: StoredDeadLetter) -> DeadLetterResult:
        return dismissals.reopen(letter.id)

    _mark(current, chosen, act, Output(as_json=as_json), dry_run=dry_run, yes=yes)


@app.command()
def redeliver(ctx: typer.Context, *, dry_run: DryRun = False, yes: Yes = False, as_json: AsJson = False) -> None:
    """Deliver again the messages that the DLQ handler did not take: it stores them and alerts, and sends no report."""
    current = session(ctx)
    output = Output(as_json=as_json)
    waiting = current.undeliverable
    messages, interrupted = [], False
    if dry_run:
        messages = waiting.look()
    else:
        confirm(output, f"deliver again what {waiting.subscription} holds on {current.target.description}", yes=yes)
        while not interrupted and (received := waiting.pull()):
            done = in_parallel(received, waiting.redeliver, what="Delivering again", console=output.err)
            messages += done.results
            interrupted = done.interrupted
    counts = Counter(each.attributes.get("alert") or each.attributes.get("reason") or "other" for each in messages)
    if as_json:
        output.json({"dry_run": dry_run, "interrupted": interrupted, "messages": dict(sorted(counts.items()))})
    elif not messages:
        output.say(f"There are no messages in {waiting.subscription}.")
    else:
        for what, count in counts.most_common():
            output.say(f"{count:>7}  {'would be ' if dry_run else ''}delivered again: {what}")
    if interrupted:
        output.warn("Interrupted: the same command does the rest.")
        raise typer.Exit(130)


class _Chosen(NamedTuple):
    """The dead letters that the operator means: by their ids, or all in a state that the options leave."""

    ids: Sequence[str] | None
    reason: DeadLetterReason | None
    since: datetime | None
    everything: bool
    state: DeadLetterState = DeadLetterState.OPEN

    def find(self, current: Session) -> tuple[list[StoredDeadLetter], dict[str, str]]:
        """The dead letters, and each id that does not exist with a suggestion."""
        from operations.dead_letters.dead_letters import DeadLetters
        from operations.dead_letters.letter_filter import LetterFilter

        if sum((bool(self.ids), self.reason is not None or self.since is not None, self.everything)) != 1:
            raise typer.BadParameter("name dead letters, or --reason and --since, or --all")
        dead_letters = DeadLetters(current.firestore)
        if not self.ids:
            return list(dead_letters.find(LetterFilter(state=self.state, reason=self.reason, since=self.since))), {}
        letters, missing = [], {}
        for letter_id in dict.fromkeys(self.ids):
            try:
                letters.append(dead_letters.get(letter_id))
            except NotFound as error:
                missing[letter_id] = error.suggestion
        return letters, missing

    @property
    def words(self) -> str:
        """What is meant, for the action log."""
        filters = {"reason": self.reason, "since": self.since and self.since.isoformat()}
        return ", ".join(self.ids or [f"{name} {value}" for name, value in filters.items() if value]) or "all"


def _mark(
    current: Session,
    chosen: _Chosen,
    carry_out: Callable[[StoredDeadLetter], DeadLetterResult],
    output: Output,
    *,
    note: str = "",
    dry_run: bool,
    yes: bool,
) -> None:
    """Dismiss open dead letters, or open dismissed ones again. This sends nothing."""
    from operations.dead_letters.dead_letter_result import DeadLetterResult
    from operations.dead_letters.dismissal import DismissalOutcome, decide_dismissal
    from operations.dead_letters.failed_reports import failed_reports

    letters, missing = chosen.find(current)
    absent = _absent(missing, DismissalOutcome.NOT_FOUND)
    is_dismissal = chosen.state is DeadLetterState.OPEN
    if dry_run:
        wanted = DeadLetterState.DISMISSED if is_dismissal else DeadLetterState.OPEN

        def look(letter: StoredDeadLetter) -> DeadLetterResult:
            return DeadLetterResult(letter_id=letter.id, outcome=decide_dismissal(letter, wanted=wanted))

        _do(letters, look, absent, output, what="Looking", dry_run=True, in_state=chosen.state)
        return
    verb, what = ("dismiss", "Dismissing") if is_dismissal else ("reopen", "Opening")
    if letters and not chosen.ids:
        confirm(output, f"{verb} {_count(letters)} on {current.target.description}", yes=yes)
    about = failed_reports(letters, are_sent_again=False)
    title = f"{verb.capitalize()} {_count(letters)}"
    with recorded(current, title, chosen.words, note=note, about=about) as action:
        _do(letters, carry_out, absent, output, what=what, dry_run=False, in_state=chosen.state, action=action)


def _absent(missing: Mapping[str, str], outcome: DeadLetterOutcome) -> list[DeadLetterResult]:
    from operations.dead_letters.dead_letter_result import DeadLetterResult

    return [
        DeadLetterResult(letter_id=each, outcome=outcome, detail=suggestion and f"{outcome.explanation}.{suggestion}")
        for each, suggestion in missing.items()
    ]


def _do(
    letters: Sequence[StoredDeadLetter],
    work: Callable[[StoredDeadLetter], DeadLetterResult],
    absent: Sequence[DeadLetterResult],
    output: Output,
    *,
    what: str,
    dry_run: bool,
    in_state: DeadLetterState = DeadLetterState.OPEN,
    action: ActionInProgress | None = None,
) -> None:
    """Act on all the dead letters, and print the results. The exit status is 1 if an act failed."""
    done = in_parallel(letters, work, what=what, console=output.err)
    results = sorted([*done.results, *absent], key=lambda result: result.letter_id)
    counts = Counter(result.outcome.value for result in results)
    if action is not None:
        said = [f"{count} {name}" for name, count in counts.most_common()]
        action.outcome = ", ".join([*said, *(["interrupted"] if done.interrupted else [])]) or "nothing done"
    if output.as_json:
        output.json(
            {
                "dry_run": dry_run,
                "interrupted": done.interrupted,
                "outcomes": dict(sorted(counts.items())),
                "dead_letters": [result.to_row() for result in results],
            }
        )
    else:
        _summarize(results, counts, output, dry_run=dry_run, in_state=in_state)
    if done.interrupted:
        output.warn(f"Interrupted after {len(done.results)} of {len(letters)}: the same command does the rest.")
        raise typer.Exit(130)
    if not all(result.outcome.is_success for result in results):
        raise typer.Exit(ExitStatus.FAILED)


def _summarize(
    results: Sequence[DeadLetterResult],
    counts: Counter[str],
    output: Output,
    *,
    dry_run: bool,
    in_state: DeadLetterState,
) -> None:
    if not results:
        output.say(f"There are no {in_state.value} dead letters like that.")
        return
    by_value = {result.outcome.value: result.outcome for result in results}
    for value, count in counts.most_common():
        output.say(f"{count:>7}  {'would be ' if dry_run else ''}{value}: {by_value[value].explanation}")
    failures = [result for result in results if not result.outcome.is_success]
    for result in failures[:_SHOWN]:
        output.warn(f"{result.letter_id}: {result.explanation}")
    if dry_run:
        for result in [each for each in results if each.outcome.is_success][:_SHOWN]:
            output.say(f"{result.letter_id}: would be {result.outcome.value}")
    named = min(len(failures), _SHOWN) + (min(len(results) - len(failures), _SHOWN) if dry_run else 0)
    if left := (len(results) if dry_run else len(failures)) - named:
        output.warn(f"… and {left:,} more: --json names them all.")


def _count(letters: Sequence[StoredDeadLetter]) -> str:
    return "1 dead letter" if len(letters) == 1 else f"{len(letters)} dead letters"
