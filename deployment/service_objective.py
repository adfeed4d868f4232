"""The service level objective, over Cloud Monitoring's REST interface: gcloud has no command for it.

    service_objective.py PROJECT SERVICE OBJECTIVE states [FILE]     prints a line about the service, and one about it
    service_objective.py PROJECT SERVICE OBJECTIVE apply FILE
    service_objective.py PROJECT SERVICE OBJECTIVE delete

SERVICE and OBJECTIVE are the ids. A line is `none`, `same`, or `different` and the fields that differ. FILE has the
objective, and in its `service` the service that it is of. An access token is read from standard input, so that no list
of processes shows it.
https://cloud.google.com/stackdriver/docs/solutions/slo-monitoring/api/using-api
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from deployment.google_api import GoogleApi, Resource
from deployment.resource_diff import differences


class ServiceObjective:
    """One objective, and the service that it is of.

    Args:
        api: Cloud Monitoring's.
        project: the Google Cloud project's id.
        service: the service's id.
        objective: the objective's id.
    """

    def __init__(self, api: GoogleApi, project: str, service: str, objective: str) -> None:
        self._api = api
        self._services = f"v3/projects/{project}/services"
        self._service_id, self._objective_id = service, objective
        self._service = f"{self._services}/{service}"
        self._objectives = f"{self._service}/serviceLevelObjectives"
        self._objective = f"{self._objectives}/{objective}"

    def states(self, wanted: Resource | None = None) -> list[str]:
        """How the service and the objective are, beside what they are to be.

        Args:
            wanted: the file's; None where it does not matter how they are.

        Returns:
            `none`, `same`, or `different` and the fields that differ, of each.

        Raises:
            urllib.error.URLError: they cannot be read.
        """
        service = self._api.read_if_there(self._service)
        objective = self._api.read_if_there(self._objective) if service else None
        wanted_service, wanted_objective = _parts(wanted or {})
        return [_state(service, wanted_service), _state(objective, wanted_objective)]

    def apply(self, wanted: Resource) -> None:
        """Make, or change, what is not as it is to be.

        Raises:
            urllib.error.URLError: a request failed.
        """
        service, objective = _parts(wanted)
        service_state, objective_state = self.states(wanted)
        self._put(service_state, f"{self._services}?serviceId={self._service_id}", self._service, service)
        created_at = f"{self._objectives}?serviceLevelObjectiveId={self._objective_id}"
        self._put(objective_state, created_at, self._objective, objective)

    def _put(self, state: str, created_at: str, name: str, wanted: Resource) -> None:
        if state == "none":
            self._api.call("POST", created_at, wanted)
        elif state != "same":
            self._api.call("PATCH", f"{name}?updateMask={','.join(wanted)}", wanted)

    def delete(self) -> None:
        """Delete both, the objective first.

        Raises:
            urllib.error.URLError: a request failed.
        """
        for name in (self._objective, self._service):
            if self._api.read_if_there(name) is not None:
                self._api.call("DELETE", name)


def _parts(wanted: Resource) -> tuple[Resource, Resource]:
    """The service and the objective of a file."""
    return wanted.get("service", {}), {key: value for key, value in wanted.items() if key != "service"}


def _state(actual: Resource | None, wanted: Resource) -> str:
    if actual is None:
        return "none"
    fields = list(differences(actual, wanted))
    return " ".join(["different", *fields]) if fields else "same"


def main(project: str, service: str, objective: str, command: str, *files: str) -> None:
    """Carry out one command."""
    api = GoogleApi("monitoring", "Cloud Monitoring", sys.stdin.readline())
    both = ServiceObjective(api, project, service, objective)
    wanted = json.loads(Path(files[0]).read_text(encoding="utf-8")) if files else None
    with api.exit_on_failure():
        if command == "apply":
            both.apply(wanted)
        elif command == "delete":
            both.delete()
        else:
            print("\n".join(both.states(wanted)))


if __name__ == "__main__":
    main(*sys.argv[1:])
