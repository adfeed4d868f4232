"""Pauses the job that calls the dispatcher before a function is replaced, and resumes it last, so that no run starts
half-way through a deployment.

While the deployment has the job paused, its description ends with a mark: a deployment that was killed is told by it
from a pause by hand, which lasts.
"""

from deployment.engine.declared import Declared
from deployment.engine.differences import differences
from deployment.engine.discovery import Resource
from deployment.resources.schedule import JOB, job, marked, unmarked
from deployment.run import Run


class Schedule:
    """The job."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._name = job(run.settings, is_marked=False).name
        self._what = f"job {run.settings.job}"

    def pause(self) -> None:
        """Pause it while the pipeline changes."""
        if self._run.options.check:
            return
        there = self._read()
        if there.get("state") == "ENABLED":
            self._pause(there)
            self._run.report.say(f"  paused: {self._what}, while the pipeline changes")
        elif _is_marked(there):
            self._run.has_paused = True

    def set_up(self) -> None:
        """Make it what it is to be, while it is paused."""
        there = self._read()
        if there and list(differences(there, self._wanted(there).fields)):
            self.pause()
            there = self._read()
        self._run.bring([self._wanted(there)])
        if not there:
            self._send("pause", {})
            self._run.has_paused = True

    def resume(self) -> None:
        """Have runs start again, unless people have paused them."""
        there, run = self._read(), self._run
        is_paused, description = there.get("state") == "PAUSED", there.get("description", "")
        if run.settings.schedule == "paused":
            if there.get("state") == "ENABLED":
                self._pause(there)
                run.report.note("changed", f"{self._what} is paused (SCHEDULE=paused)")
            # What was paused stays so.
            run.has_paused = False
        elif is_paused and _is_marked(there):
            self._send("resume", {})
            self._describe(unmarked(description))
            if run.has_paused:
                run.report.say(f"  resumed: {self._what}")
            else:
                run.report.note("changed", f"{self._what} is resumed")
            run.has_paused = False
        elif is_paused:
            place = f"--location={run.settings.region} --project={run.settings.project_id}"
            run.report.by_hand(
                f"{self._what} is paused by hand and stays so: no run starts.",
                f"To resume it: gcloud scheduler jobs resume {run.settings.job} {place}",
            )
        elif _is_marked(there):
            self._describe(unmarked(description))
            run.report.note("changed", f"description of {self._what}")

    def call_now(self) -> None:
        """Have it call the dispatcher."""
        self._send("run", {})

    def _read(self) -> Resource:
        """The job; an empty one where there is none. In a dry run, what the requests that it names would have made."""
        there = self._run.client.read_if_there(JOB.method("get").request(self._name)) or {}
        if self._run.options.dry_run and self._run.has_paused:
            return {**there, "state": "PAUSED", "description": marked(there.get("description", ""))}
        return there

    def _wanted(self, there: Resource) -> Declared:
        return job(self._run.settings, is_marked=not there or _is_marked(there))

    def _pause(self, there: Resource) -> None:
        """Marked before it is paused: between the two, a deployment that is killed leaves a job that runs."""
        if not _is_marked(there):
            self._describe(marked(there.get("description", "")))
        self._send("pause", {})
        self._run.has_paused = True

    def _describe(self, description: str) -> None:
        self._send("patch", {"description": description}, {"updateMask": "description"})

    def _send(self, verb: str, body: Resource, query: dict[str, str | list[str]] | None = None) -> None:
        self._run.send(JOB.method(verb).request(self._name, body, query=query or {}))


def _is_marked(there: Resource) -> bool:
    description = there.get("description", "")
    return bool(description) and description == marked(description)
