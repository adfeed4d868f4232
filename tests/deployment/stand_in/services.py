"""The services but Cloud Run: what each command does to the state, and with which errors it refuses."""

import base64

from tests.deployment.stand_in.call import COLLECTION_OF, NUMBER, Resource
from tests.deployment.stand_in.cloud_run import CloudRun
from tests.deployment.stand_in.permissions import BILLING_ACCOUNT


class Cloud(CloudRun):
    """One call of gcloud, whatever it is about."""

    # The project.

    def _version(self) -> Resource:
        return {"Google Cloud SDK": self.state["version"]}

    def _config_get(self) -> Resource:
        return {}

    def _auth_login(self) -> Resource:
        self.state["logged_in"] = True
        return {}

    def _components_install(self) -> Resource:
        return {}

    def _config_set(self) -> Resource:
        return {}

    def _projects_create(self) -> Resource:
        (self.state["project"],) = self.line.positionals
        return {}

    def _billing_accounts_list(self) -> bytes:
        number = BILLING_ACCOUNT.removeprefix("billingAccounts/")
        return f"ACCOUNT_ID            NAME                OPEN\n{number}  My Billing Account  True\n".encode()

    def _billing_projects_link(self) -> Resource:
        account = BILLING_ACCOUNT.removeprefix("billingAccounts/")
        self.state["billing"] = (self.line.positionals, self.flags["billing-account"]) == (
            [self.state["project"]],
            account,
        )
        return {}

    def _auth_print_access_token(self) -> bytes:
        if not self.state["logged_in"]:
            raise self.refuse("You do not currently have an active account selected.\nPlease run: gcloud auth login")
        return b"ya29.stand-in\n"

    def _projects_describe(self) -> Resource:
        return {"projectNumber": NUMBER, "lifecycleState": "ACTIVE", "createTime": self.state["created"]}

    def _billing_projects_describe(self) -> Resource:
        return {"billingEnabled": self.state["billing"], "billingAccountName": BILLING_ACCOUNT}

    def _services_list(self) -> list[Resource]:
        return [{"config": {"name": name}} for name in self.state["enabled"]]

    def _services_enable(self) -> Resource:
        if not self.state["billing"]:
            raise self.refuse("FAILED_PRECONDITION: Billing account for project is not found.")
        for name in self.line.positionals:
            if name not in self.state["enabled"]:
                self.state["enabled"].append(name)
                self.state["warming"][name] = self.state["warm_up"]
        return {}

    def _beta_quotas_info_describe(self) -> Resource:
        value = {"value": str(self.state["cpu_quota"])}
        return {
            "quotaId": self.line.positionals[0],
            "dimensions": ["region"],
            "dimensionsInfos": [
                {"applicableLocations": ["europe-west10"], "details": {"value": "200000"}},
                {"applicableLocations": ["us-central1"], "details": value, "dimensions": {"region": "us-central1"}},
            ],
        }

    # Secrets.

    def _secrets_create(self) -> Resource:
        return self._put(self._name(), {}, new=True)

    def _secrets_versions_add(self) -> Resource:
        self.group = "secrets"
        secret = self._get()["name"]
        if self.flags["data-file"] != "-":
            raise self.refuse("a secret came by something other than standard input")
        number = len(self._children(f"{secret}/versions")) + 1
        data = base64.b64encode(self.given).decode()
        version = {"state": "ENABLED", "createTime": f"{number:05d}", "data": data}
        return self._put(f"{secret}/versions/{number}", version, new=True)

    def _secrets_versions_list(self) -> list[Resource]:
        self.group = "secrets"
        self._get()
        COLLECTION_OF["secrets versions"] = f"secrets/{self.line.positionals[0]}/versions"
        self.group = "secrets versions"
        return self._any_list()

    def _secrets_versions_access(self) -> bytes:
        versions = self._children(f"projects/{self.project}/secrets/{self.flags['secret']}/versions")
        if not versions:
            raise self.refuse("NOT_FOUND: Secret Version [latest] not found.")
        latest = max(versions, key=lambda one: one["createTime"])
        return base64.b64decode(latest["data"])

    # Topics.

    def _pubsub_topics_list_subscriptions(self) -> list[str]:
        topic = self._get()["name"]
        subscriptions = self._children(f"projects/{self.project}/subscriptions")
        return [subscription["name"] for subscription in subscriptions if subscription["topic"] == topic]
