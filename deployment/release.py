"""Releases: a canary, promoting it, rolling back. What serves is in Cloud Run's own traffic tables, and nowhere else,
so that a run that was killed leaves nothing behind that the next one does not see. docs/guides/releases.md explains it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from deployment.canary_comparison import Comparison, Outcome, compare, outcome
from deployment.canary_figures import read_figures
from deployment.cloud_run.side_by_side import side_by_side
from deployment.cloud_run.traffic import Function, Move, State, promote, roll_back
from deployment.engine.differences import differences
from deployment.engine.discovery import Request, Resource
from deployment.options import FUNCTIONS
from deployment.resources.services import REVISION, SERVICE
from deployment.run import Run
from deployment.stopped import Stopped

UNCLEAR = 4
WORSE = 5
"""Exit statuses. 3 is that of --check."""

_SECONDS_BETWEEN_LOOKS = 60.0


def release(run: Run) -> None:
    """Plan to promote, or to roll back. Nothing else is read or changed, so that it takes seconds.

    Raises:
        GoogleError: a request failed.
        Stopped: no traffic may move, or none can.
    """
    settings, is_promotion = run.settings, run.options.release == "promote"
    run.report.step(run.options.release, "Promoting" if is_promotion else "Rolling back")
    if not (settings.project_id and settings.region):
        raise Stopped("PROJECT_ID and REGION must be set, in deploy.env or by --project and --region.")
    moves = _moves(run, _functions(run), is_promotion=is_promotion)
    if not moves:
        raise Stopped(f'no function of the pipeline "{settings.prefix}" is deployed in {settings.region}.')
    _plan(run, moves)
    if not is_promotion and not any(move.table for move in moves):
        raise Stopped("no function has a revision to go back to.")


def require_undivided_traffic(run: Run) -> None:
    """Stop while the traffic of functions is divided: whatever else is deployed then would change what is compared. A
    canary may go on.

    Raises:
        GoogleError: it cannot be read.
        Stopped: it is divided.
    """
    divided = []
    for function in _functions(run, with_revisions=bool(run.options.canary)):
        if function.state is State.CANARY and not (run.options.canary and function.serving):
            divided.append(f"{function.name} ({function.canary} is a canary)")
        elif function.state is State.SPLIT:
            divided.append(f"{function.name} (several revisions have a share)")
    words, own = f"the traffic of functions is divided: {', '.join(divided)}.", run.options.itself
    ends = (f"To send all to the newest revisions: {own} --promote", f"To send all to the old ones: {own} --rollback")
    if divided and not run.options.check:
        raise Stopped(f"{words} Nothing was changed.", *ends)
    if divided:
        run.report.by_hand(words, *ends)


def watch_canary(run: Run) -> int:
    """Compare the canaries with the old revisions until the time is over, or one is worse.

    Returns:
        the exit status.

    Raises:
        GoogleError: a request failed.
        Stopped: no traffic may move.
    """
    report = run.report
    report.step("canary", "Canary")
    functions = [function for function in _functions(run) if function.canary]
    if not functions:
        report.say("  No function has a canary: there is nothing to compare.")
        return 0
    began = max(each.revisions[each.canary].time for each in functions)
    while True:
        now = run.now()
        comparisons, counts = _compared(run, functions, began, now)
        verdict = outcome(list(comparisons.values()))
        left = run.options.canary_minutes - (now - began) // timedelta(minutes=1)
        if verdict is Outcome.WORSE or left <= 0:
            break
        report.say(f"  {left} min to go. Requests, of the new and the old: {counts}")
        run.wait(_SECONDS_BETWEEN_LOOKS)
        there = {each.name: each.canary for each in _functions(run, with_revisions=False) if each.canary}
        if there != {each.name: each.canary for each in functions}:
            report.say("The canary was ended or replaced meanwhile, and is watched no more.")
            return UNCLEAR
    for name, comparison in comparisons.items():
        for line in (f"{name}: {comparison.verdict.value}", *(f"  {each}" for each in comparison.details)):
            report.say(f"  {line}")
    return _end(run, verdict)


def _compared(run: Run, functions: list[Function], began: datetime, now: datetime) -> tuple[dict[str, Comparison], str]:
    """How the new revision of each does, and the requests of all in a line."""
    figures = read_figures(
        run.client,
        run.settings.project_id,
        attempts_metric=f"{run.settings.prefix}-attempts",
        revisions=[str(revision) for each in functions for revision in (each.canary, each.serving)],
        since=began,
        until=now,
    )
    pairs = {each.name: (figures[each.canary], figures[str(each.serving)]) for each in functions}
    counts = ", ".join(f"{name} {new.requests}/{old.requests}" for name, (new, old) in pairs.items())
    return {name: compare(new, old) for name, (new, old) in pairs.items()}, counts


def _end(run: Run, verdict: Outcome) -> int:
    say, own = run.report.say, run.options.itself
    alone = f" --only={run.options.only}" if run.options.only else ""
    ends = f"{own} --promote{alone}. To end it: {own} --rollback{alone}."
    if verdict is Outcome.UNCLEAR:
        longer = f"{own} --canary {run.options.canary} --canary-minutes 1440{alone}"
        say(
            "That does not say whether it is worse. It keeps its share of the traffic. To watch it for longer: "
            f"{longer}."
        )
        say(f"To send all traffic to it all the same: {ends}")
        return UNCLEAR
    if verdict is Outcome.HEALTHY and not run.options.promote_if_healthy:
        say(f"It is not worse than what it replaces. To send all traffic to it: {ends}")
        return 0
    if verdict is Outcome.WORSE:
        say("It is worse than what it replaces, and gets no more traffic.")
    # Functions without a canary stay as they are.
    if functions := [function for function in _functions(run) if function.canary]:
        _plan(run, _moves(run, functions, is_promotion=verdict is Outcome.HEALTHY))
        run.carry_out()
    else:
        say("The canary was ended meanwhile.")
    return WORSE if verdict is Outcome.WORSE else 0


def _moves(run: Run, functions: Sequence[Function], *, is_promotion: bool) -> list[Move]:
    alone = run.options.only in FUNCTIONS
    return list(promote(functions) if is_promotion else roll_back(functions, alone=alone))


def _plan(run: Run, moves: list[Move]) -> None:
    if any(move.is_error for move in moves):
        raise Stopped("all traffic stays as it is.", *(f"{move.function.name}: {move.words}" for move in moves))
    for move in moves:
        line = f"{move.function.name}: {move.words}"
        if move.table is None:
            run.report.say(f"  {line}")
        else:
            run.act([("changed", line)], [_request(move)], partial(_move, run, move), together="traffic")


def _move(run: Run, move: Move) -> None:
    def is_done() -> Resource | None:
        service = run.client.send(SERVICE.method("get").request(move.function.service["name"]))
        return None if any(differences(service, {"traffic": move.table})) else service

    run.client.await_end(SERVICE, run.client.send(_request(move), is_done=is_done))


def _request(move: Move) -> Request:
    service = move.function.service
    body = {"traffic": move.table, "etag": service["etag"]}
    return SERVICE.method("patch").request(service["name"], body, query={"updateMask": "traffic"})


def _functions(run: Run, *, with_revisions: bool = True) -> list[Function]:
    """The functions that are deployed; only that of --only."""
    there = {each["name"].rpartition("/")[2]: each for each in run.client.all_of(SERVICE, run.settings.place)}
    wanted = [name for name in FUNCTIONS if run.options.only in {"", "functions", name}]
    found = [(name, there[run.settings.function(name)]) for name in wanted if run.settings.function(name) in there]

    def read(one: tuple[str, Resource]) -> Function:
        return Function(*one, run.client.all_of(REVISION, one[1]["name"]) if with_revisions else ())

    return list(side_by_side(read, found))
