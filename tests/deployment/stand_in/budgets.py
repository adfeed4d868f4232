"""Budgets of a billing account. https://cloud.google.com/billing/docs/reference/budget/rest/v1/billingAccounts.budgets"""

import re

from tests.deployment.stand_in.call import DISABLED, Call, Resource
from tests.deployment.stand_in.permissions import BILLING_ACCOUNT

_API = "billingbudgets.googleapis.com"
_MOST_CHANNELS = 5
_LONGEST_TITLE = 60


class Budgets(Call):
    """The commands about them."""

    def _billing_budgets_list(self) -> list[Resource]:
        self._require_account(self.flags["billing-account"])
        return self._children(f"{BILLING_ACCOUNT}/budgets")

    def _billing_budgets_create(self) -> Resource:
        self._require_account(self.flags["billing-account"])
        title = self.flags["display-name"]
        if len(title) > _LONGEST_TITLE:
            raise self.refuse(f"INVALID_ARGUMENT: display_name is longer than {_LONGEST_TITLE} characters: {title}")
        self.state["count"] += 1
        budget = {"displayName": title, **self._fields("threshold-rule")}
        return self._put(f"{BILLING_ACCOUNT}/budgets/{self.state['count']}", budget, new=True)

    def _billing_budgets_update(self) -> Resource:
        name = self.line.positionals[0]
        self._require_account(name)
        budget = self._get(name)
        # Rules are added to those that are there.
        before = [] if "clear-threshold-rules" in self.flags else budget["thresholdRules"]
        changed = self._fields("add-threshold-rule")
        return self._put(
            name, {**budget, **changed, "thresholdRules": [*before, *changed["thresholdRules"]]}, new=False
        )

    def _billing_budgets_delete(self) -> Resource:
        name = self.line.positionals[0]
        self._require_account(name)
        self._get(name)
        del self.state["resources"][name]
        return {}

    def _require_account(self, name: str) -> None:
        if _API not in self.state["enabled"]:
            raise self.refuse(DISABLED.format(title="Cloud Billing Budget API", api=_API, project=self.project))
        if not f"billingAccounts/{name.removeprefix('billingAccounts/')}/".startswith(f"{BILLING_ACCOUNT}/"):
            raise self.refuse("PERMISSION_DENIED: The caller does not have permission")

    def _fields(self, rules: str) -> Resource:
        channels = self.flags.get("notifications-rule-monitoring-notification-channels", "")
        for channel in filter(None, channels.split(",")):
            if self._get(channel)["type"] != "email" or channels.count(",") >= _MOST_CHANNELS:
                raise self.refuse("INVALID_ARGUMENT: notifications_rule.monitoring_notification_channels")
        return {
            "amount": {"specifiedAmount": {"currencyCode": "USD", "units": self.flags["budget-amount"]}},
            "budgetFilter": {
                "projects": [self.flags["filter-projects"]],
                "calendarPeriod": self.flags["calendar-period"].upper(),
                "creditTypesTreatment": "INCLUDE_ALL_CREDITS",
            },
            "thresholdRules": [_rule(text) for text in self.flags[rules]],
            "notificationsRule": {"monitoringNotificationChannels": channels.split(",")} if channels else {},
        }


def _rule(text: str) -> Resource:
    match = re.fullmatch(r"percent=(\d\.\d+),basis=(current-spend|forecasted-spend)", text)
    assert match, text
    return {"thresholdPercent": float(match[1]), "spendBasis": match[2].upper().replace("-", "_")}
