"""A call of gcloud: what all services have in common."""

import re
from typing import Any

from tests.deployment.stand_in.arguments import CommandLine, Refused
from tests.deployment.stand_in.permissions import granted_by, missing_permission, roles_on

Resource = dict[str, Any]

NUMBER = "123456789012"
DISABLED = (
    "PERMISSION_DENIED: {title} has not been used in project {project} before or it is disabled. Enable it by visiting "
    "https://console.developers.google.com/apis/api/{api}/overview?project={project} then retry. If you enabled this "
    "API recently, wait a few minutes for the action to propagate to our systems and retry.\n"
    "- '@type': type.googleapis.com/google.rpc.ErrorInfo\n  reason: SERVICE_DISABLED"
)
API_OF = {
    "eventarc": "eventarc",
    "functions": "cloudfunctions",
    "pubsub": "pubsub",
    "quotas": "cloudquotas",
    "run": "run",
    "secrets": "secretmanager",
    "tasks": "cloudtasks",
}
COLLECTION_OF = {
    "eventarc triggers": "locations/{location}/triggers",
    "functions": "locations/{region}/functions",
    "pubsub topics": "topics",
    "run": "locations/{region}/services",
    "run services": "locations/{region}/services",
    "secrets": "secrets",
    "tasks queues": "locations/{location}/queues",
}

_OF_NO_PROJECT = {
    *("auth login", "auth print-access-token", "billing accounts list", "billing projects link", "components install"),
    *("config get", "config set", "projects create", "version"),
}
"""The commands that name no project by the flag --project."""


class Call:
    """One call of gcloud against the state."""

    def __init__(self, state: Resource, line: CommandLine, given: bytes) -> None:
        self.state = state
        self.line = line
        self.given = given
        self.flags = line.flags
        self.command = line.command
        self.project = line.flags.get("project", "")
        self.group, _, self.verb = self.command.rpartition(" ")

    def run(self) -> Any:
        """Do what was asked, and return what is to be printed."""
        self._require_project()
        self._require_api()
        self._require_permissions()
        special = getattr(self, "_" + re.sub(r"\W", "_", self.command), None)
        if special is not None:
            return special()
        return getattr(self, "_any_" + self.verb.replace("-", "_"))()

    def refuse(self, message: str) -> Refused:
        """The service's refusal."""
        return Refused(f"ERROR: (gcloud.{self.command.replace(' ', '.')}) {message}")

    def _require_project(self) -> None:
        if self.command in _OF_NO_PROJECT:
            return
        if self.project != self.state["project"]:
            raise self.refuse(f"Projects instance [{self.project}] not found: The caller does not have permission")

    def _require_api(self) -> None:
        words = self.command.split()
        api = API_OF.get(words[1] if words[0] == "beta" else words[0])
        if api is None:
            return
        name = f"{api}.googleapis.com"
        if name not in self.state["enabled"]:
            raise self.refuse(DISABLED.format(title=api, api=name, project=self.project))
        if self.state["warming"].get(name, 0) > 0:
            self.state["warming"][name] -= 1
            raise self.refuse(DISABLED.format(title=api, api=name, project=self.project))

    def _require_permissions(self) -> None:
        """What the caller may do by the project's policy, and as whom it may act by the policies of accounts. A project
        whose state names no caller is open to all."""
        caller = self.state["caller"]
        if not caller:
            return
        if permission := missing_permission(self.state, self.command):
            self._refuse_permission(permission, f"projects/{self.project}")
        roles = roles_on(self.state, caller, "project")
        for flag in (
            "service-account",
            "build-service-account",
            "oidc-service-account-email",
        ):
            if account := self.flags.get(flag, "").rpartition("/")[2]:
                name = f"projects/{self.project}/serviceAccounts/{account}"
                if not granted_by([*roles, *roles_on(self.state, caller, name)], "iam.serviceAccounts.actAs"):
                    self._refuse_permission("iam.serviceAccounts.actAs", name)

    def _refuse_permission(self, permission: str, resource: str) -> None:
        raise self.refuse(
            f"PERMISSION_DENIED: Permission '{permission}' denied on resource '{resource}' (or it may not exist)."
        )

    # Names and resources.

    def _collection(self) -> str:
        place = {"location": self.flags.get("location", ""), "region": self.flags.get("region", "")}
        return f"projects/{self.project}/{COLLECTION_OF[self.group].format(**place)}"

    def _name(self) -> str:
        positional = self.line.positionals[0]
        return positional if positional.startswith("projects/") else f"{self._collection()}/{positional}"

    def _get(self, name: str | None = None) -> Resource:
        name = name or self._name()
        try:
            found: Resource = self.state["resources"][name]
        except KeyError:
            if self.group == "functions":
                raise self.refuse(
                    f"ResponseError: status=[404], code=[], message=[Resource '{name}' was not found]"
                ) from None
            if self.group == "run services":
                raise self.refuse(f"Cannot find service [{name.rpartition('/')[2]}]") from None
            raise self.refuse(
                f"NOT_FOUND: Resource '{name}' was not found. This command is authenticated as op@example.com"
            ) from None
        return found

    def _put(self, name: str, resource: Resource, *, new: bool) -> Resource:
        if new and name in self.state["resources"]:
            raise self.refuse(f"ALREADY_EXISTS: Resource '{name}' already exists")
        self.state["resources"][name] = {**resource, "name": name}
        return dict(self.state["resources"][name])

    def _children(self, collection: str) -> list[Resource]:
        return [
            value
            for key, value in self.state["resources"].items()
            if re.fullmatch(re.escape(collection) + "/[^/]+", key)
        ]

    # What most kinds of resources have in common.

    def _any_describe(self) -> Resource:
        return self._get()

    def _any_list(self) -> list[Resource]:
        found = self._children(self._collection())
        if match := re.fullmatch(r"(\w+)=(.*)", self.flags.get("filter", "")):
            found = [one for one in found if str(one.get(match[1])) == match[2]]
        # The service limits, gcloud sorts what it gets.
        found = found[: int(self.flags.get("limit", len(found)))]
        if key := self.flags.get("sort-by"):
            found.sort(key=lambda one: str(one.get(key.lstrip("~"), "")), reverse=key.startswith("~"))
        return found

    def _any_delete(self) -> Resource:
        name = self._name()
        self._get(name)
        for key in [key for key in self.state["resources"] if key == name or key.startswith(f"{name}/")]:
            del self.state["resources"][key]
            self.state["policies"].pop(key, None)
        return {}


def is_visible(state: Resource, member: str) -> bool:
    """Whether IAM sees a member: it does not see a new account at once, and a service's own account is not there before
    it was asked for.

    Args:
        state: the project's. Counts the looks at new accounts.
        member: such as user:ada@example.com.
    """
    kind, _, email = member.partition(":")
    if kind != "serviceAccount":
        return True
    if "@gcp-sa-" in email:
        return email in state["agents"]
    if f"projects/{state['project']}/serviceAccounts/{email}" not in state["resources"]:
        return False
    if state["young"].get(email, 0) > 0:
        state["young"][email] -= 1
        return False
    return True
