"""Releases: a canary, promoting it, rolling back. What serves is in Cloud Run's own traffic tables, and nowhere else,
so that a run that was killed leaves nothing behind that the next one does not see. docs/guides/releases.md explains it.
"""

from functools import partial

from deployment.cloud_run.side_by_side import side_by_side
from deployment.cloud_run.traffic import Function, Move, State, promote, roll_back
from deployment.engine.differences import differences
from deployment.engine.discovery import Request, Resource
from deployment.error_shares import error_shares, query
from deployment.options import FUNCTIONS
from deployment.resources.services import REVISION, SERVICE
from deployment.run import Run
from deployment.stopped import Stopped


def release(run: Run) -> None:
    """Plan to promote, or to roll back. Nothing else is read or changed, so that it takes seconds."""
    settings, is_promotion = run.settings, run.options.release == "promote"
    run.report.step(run.options.release, "Promoting" if is_promotion else "Rolling back")
    if not (settings.project_id and settings.region):
        raise Stopped("PROJECT_ID and REGION must be set, in deploy.env or by --project and --region.")
    functions = _functions(run)
    moves = list(promote(functions) if is_promotion else roll_back(functions, alone=run.options.only in FUNCTIONS))
    if not moves:
        raise Stopped(f'no function of the pipeline "{settings.prefix}" is deployed in {settings.region}.')
    if any(move.is_error for move in moves):
        raise Stopped("all traffic stays as it is.", *(f"{move.function.name}: {move.words}" for move in moves))
    for move in moves:
        line = f"{move.function.name}: {move.words}"
        if move.table is None:
            run.report.say(f"  {line}")
        else:
            run.act([("changed", line)], [_request(move)], partial(_move, run, move), together="traffic")
    if not is_promotion and not any(move.table for move in moves):
        raise Stopped("no function has a revision to go back to.")


def require_undivided_traffic(run: Run) -> None:
    """Stop while the traffic of functions is divided: whatever else is deployed then would change what is tried. A
    canary may go on. --check says how many requests of both revisions failed."""
    divided, canaries = [], []
    for function in _functions(run, with_revisions=bool(run.options.canary)):
        if function.state is State.CANARY and not (run.options.canary and function.serving):
            divided.append(f"{function.name} ({function.canary} is a canary)")
            canaries.append(function)
        elif function.state is State.SPLIT:
            divided.append(f"{function.name} (several revisions have a share)")
    words, own = f"the traffic of functions is divided: {', '.join(divided)}.", run.options.itself
    ends = (f"To send all to the newest revisions: {own} --promote", f"To send all to the old ones: {own} --rollback")
    if divided and not run.options.check:
        raise Stopped(f"{words} Nothing was changed.", *ends)
    if divided:
        revisions = [name for each in canaries for name in (each.canary, *each.shares) if name]
        revisions = list(dict.fromkeys(revisions))
        asked = query(run.settings.project_id, revisions, run.now())
        shares = error_shares(run.client.send(asked), revisions) if revisions else []
        run.report.by_hand(words, *shares, *ends)


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
