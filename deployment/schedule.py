"""Pauses the job that calls the dispatcher before a function is replaced, and resumes it last, so that no run starts
half-way through a deployment.

While the deployment has the job paused, its description ends with a mark: a deployment that was killed is told by it
from a pause by hand, which lasts.
"""

from collections.abc import Mapping
from types import MappingProxyType

from deployment.engine.declared import Declared
from deployment.engine.differences import differences
from deployment.engine.discovery import Resource
from deployment.report import Line
from deployment.resources.schedule import JOB, job, marked, unmarked
from deployment.run import Run


class Schedule:
    """The job."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._name = f"{run.settings.place}/jobs/{run.settings.job}"
        self._what = f"job {run.settings.job}"
        self._asked = JOB.method("get").request(self._name)

    def pause(self) -> None:
        """Plan to pause it while the pipeline changes."""
        there = self._read()
        if there.get("state") == "ENABLED" and not self._run.options.check:
            self._pause(there, ("paused", f"{self._what}, while the pipeline changes"))

    def set_up(self) -> None:
        """Plan to make it what it is to be, while it is paused."""
        there = self._read()
        if there and list(differences(there, self._wanted(there).fields)):
            self.pause()
            there = self._read()
        self._run.bring([self._wanted(there)])
        if not there:
            self._pause({"description": marked("")})

    def resume(self) -> None:
        """Plan to have runs start again, unless people have paused them."""
        there, run = self._read(), self._run
        state, description = there.get("state"), there.get("description", "")
        if run.settings.schedule == "paused":
            if state == "ENABLED":
                self._pause(there, ("changed", f"{self._what} is paused (SCHEDULE=paused)"))
        elif state == "PAUSED" and _is_marked(there):
            is_own = any(act.what == self._what for act in run.acts)
            self._send("resume", {})
            self._describe(
                unmarked(description),
                ("resumed", self._what) if is_own else ("changed", f"{self._what} is resumed"),
            )
        elif state == "PAUSED":
            place = f"--location={run.settings.region} --project={run.settings.project_id}"
            run.report.by_hand(
                f"{self._what} is paused by hand and stays so: no run starts.",
                f"To resume it: gcloud scheduler jobs resume {run.settings.job} {place}",
            )
        elif _is_marked(there):
            self._describe(unmarked(description), ("changed", f"description of {self._what}"))

    def call_now(self) -> None:
        """Have it call the dispatcher."""
        self._run.client.send(JOB.method("run").request(self._name, {}))

    def _read(self) -> Resource:
        """The job as it is, or as it is planned to be; an empty one where there is none."""
        return self._run.client.read_if_there(self._asked) or {}

    def _wanted(self, there: Resource) -> Declared:
        return job(self._run.settings, is_marked=not there or _is_marked(there))

    def _pause(self, there: Resource, *lines: Line) -> None:
        """Marked before it is paused: between the two, a deployment that is killed leaves a job that runs."""
        description = marked(there.get("description", ""))
        if not _is_marked(there):
            self._describe(description)
        self._send("pause", {}, *lines)
        self._run.client.promise(self._asked, {**there, "state": "PAUSED", "description": description})

    def _describe(self, description: str, *lines: Line) -> None:
        self._send("patch", {"description": description}, *lines, query={"updateMask": "description"})

    def _send(self, verb: str, body: Resource, *lines: Line, query: Mapping[str, str] = MappingProxyType({})) -> None:
        run, request = self._run, JOB.method(verb).request(self._name, body, query=query)

        def do() -> None:
            run.client.send(request)
            run.has_paused = verb == "pause" or (run.has_paused and verb != "resume")

        run.act(lines, [request], do, what=self._what)


def _is_marked(there: Resource) -> bool:
    description = there.get("description", "")
    return bool(description) and description == marked(description)
