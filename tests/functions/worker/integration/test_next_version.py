"""The next version of a kind, for some of its subscriptions."""

import pytest

from functions.shared.firestore.delivery_store import DeliveryStore
from functions.shared.records.report_task import ReportTask
from functions.worker.report_builder import ReportBuilder
from functions.worker.time_limit import TimeLimit
from report_kit import kinds
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.next_version import Variant, variant_of
from report_kit.report import Report, Skip
from report_kit.request import ReportRequest
from tests.functions.worker.integration.conftest import (
    DEFAULTS,
    MAX_ATTEMPTS,
    Cloud,
    Letters,
    an_attempt,
    in_this_process,
    task,
)
from tests.functions.worker.unit.samples import COMPLIANCE

NEXT_PERCENTS = {"activity": 50}


def chosen(task: ReportTask) -> str:
    return (variant_of(task.kind, task.user_id, task.subscription_id, NEXT_PERCENTS) or Variant.CURRENT).value


def find(kind: str, variant: Variant | None = None) -> kinds.Build:
    """The kind as it is, and a next version of it that fails."""

    def fail(_request: ReportRequest) -> Report | Skip:
        raise KeyError("new")

    return fail if variant is Variant.NEXT else kinds.find(kind)


def user_with(cloud: Cloud, variant: Variant) -> str:
    """A new user whose subscription gets this version."""
    while True:
        user = cloud.user()
        if variant_of("activity", user, "default", NEXT_PERCENTS) is variant:
            return user


@pytest.mark.parametrize(("variant", "state"), [(Variant.CURRENT, "sent"), (Variant.NEXT, "dead")])
def test_a_delivery_says_which_version_made_it_and_what_became_of_it(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, variant: Variant, state: str
) -> None:
    monkeypatch.setattr("functions.worker.compose.find", find)
    send = in_this_process(
        cloud,
        Letters(),
        deliveries=DeliveryStore(cloud.door, DEFAULTS, variant_of=chosen),
        builder=ReportBuilder(
            user_data=lambda _user, _seconds: InMemoryUserData({}),
            compliance=COMPLIANCE,
            time_limit=TimeLimit(lambda: pytest.fail("nothing hangs for good")),
            next_percents=NEXT_PERCENTS,
        ),
    )
    user = user_with(cloud, variant)
    cloud.subscription(user).update({"skip_empty": False})
    send(task(user), an_attempt(MAX_ATTEMPTS, last=True))
    delivery = cloud.delivery_of(user)
    assert (delivery["state"], delivery["variant"]) == (state, variant.value)


def test_a_kind_with_one_version_has_no_variant(cloud: Cloud) -> None:
    user = cloud.user()
    cloud.deliver(user)
    assert "variant" not in cloud.delivery_of(user)
