"""The job that calls the dispatcher, and whether it is paused."""

from deployment.engine.run import read
from deployment.resources.firestore import indexes
from deployment.resources.schedule import JOB, MARK, job
from deployment.run import Run
from deployment.stopped import Stopped


def set_up_schedule(run: Run) -> None:
    """Plan the job, which is paused as long as SCHEDULE says so. By a mark in its description that is told from a pause
    by hand, which lasts."""
    settings, what = run.settings, f"job {run.settings.job}"
    name = f"{settings.place}/jobs/{settings.job}"
    there = run.client.read_if_there(JOB.method("get").request(name)) or {}
    described, is_paused = there.get("description", ""), there.get("state") == "PAUSED"
    is_to_pause = settings.schedule == "paused"
    is_resumed = is_paused and not is_to_pause and described.endswith(MARK)
    if is_resumed or not there:
        run.act([], [], lambda: _await_indexes(run))
    # The mark comes first and goes last: a run that is killed in between leaves no pause that looks as if by hand.
    if is_resumed:
        run.send(JOB.method("resume").request(name, {}), ("changed", f"{what} is resumed"))
    elif is_paused and not is_to_pause:
        place = f"--location={settings.region} --project={settings.project_id}"
        run.report.by_hand(
            f"{what} is paused by hand and stays so: no run starts.",
            f"To resume it: gcloud scheduler jobs resume {settings.job} {place}",
        )
    run.bring([job(settings, described)])
    if is_to_pause and not is_paused:
        run.send(JOB.method("pause").request(name, {}), ("changed", f"{what} is paused (SCHEDULE=paused)"))


def _await_indexes(run: Run) -> None:
    """Wait until Firestore has built the indexes: until then it refuses what the dispatcher asks."""
    unbuilt: dict[str, str] = {}
    for _ in run.client.looks("Firestore's indexes"):
        if not (unbuilt := _unbuilt(run)):
            return
        if "NEEDS_REPAIR" in unbuilt.values():
            break
    raise Stopped(
        f"Firestore has not built all indexes, and without them no run works: {run.settings.job} is not started.",
        *(f"- {what}: {state}" for what, state in unbuilt.items()),
        "On a large collection it takes hours. One that has to be repaired is deleted first. Then run this again.",
    )


def _unbuilt(run: Run) -> dict[str, str]:
    return {
        what: one["state"]
        for what, found in read(indexes(run.settings), run.client).resources.items()
        for each in found
        for one in (each, *each.get("indexConfig", {}).get("indexes", []))
        if one.get("state", "READY") != "READY"
    }
