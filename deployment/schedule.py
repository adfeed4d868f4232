"""The job that calls the dispatcher, and whether it is paused."""

from deployment.resources.schedule import JOB, MARK, job
from deployment.run import Run


def set_up_schedule(run: Run) -> None:
    """Plan the job, which is paused as long as SCHEDULE says so. By a mark in its description that is told from a pause
    by hand, which lasts."""
    settings, what = run.settings, f"job {run.settings.job}"
    name = f"{settings.place}/jobs/{settings.job}"
    there = run.client.read_if_there(JOB.method("get").request(name)) or {}
    described, is_paused = there.get("description", ""), there.get("state") == "PAUSED"
    is_to_pause = settings.schedule == "paused"
    # The mark comes first and goes last: a run that is killed in between leaves no pause that looks as if by hand.
    if is_paused and not is_to_pause and described.endswith(MARK):
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
