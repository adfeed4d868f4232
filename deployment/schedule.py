"""Pauses the job that calls the dispatcher before a function is replaced, and resumes it last, so that no run starts
half-way through a deployment.

    schedule pause|set-up|resume|run NOTES     the settings are in the environment, as for `python -m deployment`

While the deployment has the job paused, its description ends with a mark: a deployment that was killed is told by it
from a pause by hand, which lasts. The file `paused` in the folder NOTES says so to deploy.sh.
"""

import os
import sys

from deployment.client import client_of
from deployment.engine.discovery import Resource
from deployment.engine.google_client import GoogleClient
from deployment.engine.plan import PolicyStep, Step, plan
from deployment.engine.run import read
from deployment.report import Report
from deployment.resources.schedule import JOB, job, marked, unmarked
from deployment.settings import Settings
from deployment.stopping import saying_why


class Schedule:
    """The job of a run.

    Args:
        settings: the operator's.
        client: calls Cloud Scheduler.
        report: is told what is done.
        stays_paused: whether the job is to be paused in the end.
    """

    def __init__(self, settings: Settings, client: GoogleClient, report: Report, *, stays_paused: bool) -> None:
        self._settings = settings
        self._client = client
        self._report = report
        self._stays_paused = stays_paused
        self._own = report.notes / "paused"
        self._name = job(settings, is_marked=False).name

    def pause(self) -> None:
        """Pause it while the pipeline changes."""
        if self._report.check:
            return
        there = self._read()
        if there.get("state") == "ENABLED":
            self._pause(there)
            print(f"  paused: {self._what}, while the pipeline changes", flush=True)
        elif _is_marked(there):
            self._own.touch()

    def set_up(self) -> None:
        """Make it what it is to be, while it is paused."""
        [step] = self._plan()
        if step.lines[0][0] == "changed":
            self.pause()
            [step] = self._plan()
        self._report.carry_out([step], self._client)
        if step.lines[0][0] == "created":
            self._send("pause", {})
            self._own.touch()

    def resume(self) -> None:
        """Have runs start again, unless people have paused them."""
        there = self._read()
        is_paused, description = there.get("state") == "PAUSED", there.get("description", "")
        if self._stays_paused:
            if there.get("state") == "ENABLED":
                self._pause(there)
                self._report.note("changed", f"{self._what} is paused (SCHEDULE=paused)")
        elif is_paused and _is_marked(there):
            self._send("resume", {})
            self._describe(unmarked(description))
            if self._own.exists():
                print(f"  resumed: {self._what}", flush=True)
            else:
                self._report.note("changed", f"{self._what} is resumed")
            self._own.unlink(missing_ok=True)
        elif is_paused:
            place = f"--location={self._settings.region} --project={self._settings.project_id}"
            self._report.by_hand(
                (
                    f"{self._what} is paused by hand and stays so: no run starts.",
                    f"To resume it: gcloud scheduler jobs resume {self._name.rpartition('/')[2]} {place}",
                )
            )
        elif _is_marked(there):
            self._describe(unmarked(description))
            self._report.note("changed", f"description of {self._what}")

    def run(self) -> None:
        """Have it call the dispatcher now."""
        self._send("run", {})

    @property
    def _what(self) -> str:
        return f"job {self._name.rpartition('/')[2]}"

    def _read(self) -> Resource:
        """The job; an empty one where there is none. In a dry run, what the requests that it names would have made."""
        there = self._client.read_if_there(JOB.method("get").request(self._name)) or {}
        if self._report.dry_run and self._own.exists():
            return {**there, "state": "PAUSED", "description": marked(there.get("description", ""))}
        return there

    def _plan(self) -> list[Step | PolicyStep]:
        there = self._read()
        declared = [job(self._settings, is_marked=not there or _is_marked(there))]
        return plan(declared, read(declared, self._client))

    def _pause(self, there: Resource) -> None:
        """Marked before it is paused: between the two, a deployment that is killed leaves a job that runs."""
        if not _is_marked(there):
            self._describe(marked(there.get("description", "")))
        self._send("pause", {})
        self._own.touch()

    def _describe(self, description: str) -> None:
        self._send("patch", {"description": description}, {"updateMask": "description"})

    def _send(self, verb: str, body: Resource, query: dict[str, str | list[str]] | None = None) -> None:
        request = JOB.method(verb).request(self._name, body, query=query or {})
        if self._report.dry_run:
            self._report.planned(request)
        else:
            self._client.send(request)


def _is_marked(there: Resource) -> bool:
    description = there.get("description", "")
    return bool(description) and description == marked(description)


def main(command: str, notes: str) -> None:
    """Carry out one command."""
    schedule = Schedule(
        Settings.of(os.environ),
        client_of(os.environ),
        Report.of(os.environ, notes),
        stays_paused=os.environ["SCHEDULE"] == "paused",
    )
    {"pause": schedule.pause, "set-up": schedule.set_up, "resume": schedule.resume, "run": schedule.run}[command]()


if __name__ == "__main__":
    with saying_why():
        main(*sys.argv[1:])
