"""The breaker: what a run does of the provider's statistics, and of a stop."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest

from functions.dispatcher.mail_statistics.all_accounts import AllAccounts
from functions.dispatcher.mail_statistics.provider import StatisticsUnavailable
from functions.dispatcher.mail_statistics.sendgrid.statistics import SendGridStatistics
from functions.shared.records.ids import delivery_id, run_id
from functions.shared.records.mail_breaker import MailFigures
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from local_cloud.clock import Clock
from local_pipeline.inbox.faults import Answer as HttpAnswer
from local_pipeline.inbox.faults import Call
from local_pipeline.inbox.server import STATS_SCOPE, Inbox
from operations.runs.sending import Sending
from tests.functions.dispatcher.integration.conftest import DISPATCHER_URL, HOUR, NOON, TASKS, Answer, Cloud
from tests.functions.dispatcher.integration.faults import failing
from tests.support import free_ports

DAY = 24 * HOUR
TODAY = NOON.date()
KEY = "SG.breaker"


@dataclass(frozen=True)
class Provider:
    """SendGrid, and the dispatcher that asks it."""

    cloud: Cloud
    inbox: Inbox

    def has(self, day: date = TODAY, **metrics: int) -> None:
        """Say what became of a day's emails."""
        self.inbox.webhook.counts[day] = Counter(metrics)

    def call(self, at: datetime = NOON, **variables: str) -> Answer:
        """Have a run made, of a dispatcher that can ask for statistics."""
        return self.cloud.call(at, variables={**self._own, **variables})

    @property
    def _own(self) -> dict[str, str]:
        return {"SENDGRID_API_KEY": KEY, "SENDGRID_HOST": self.inbox.url}

    def log(self, run: str) -> list[dict[str, Any]]:
        """What the dispatcher has logged of a run."""
        return [line for line in self.cloud.log(**self._own) if line.get("run_id") == run]


@pytest.fixture(scope="module")
def inbox(services: Cloud) -> Iterator[Inbox]:
    clock = Clock()
    server = Inbox(host="127.0.0.1", port=0, clock=clock, sendgrid_api_key=KEY)
    services.background.run(server.start())
    # A week after the first run of a test: every day up to then has statistics.
    clock.advance(NOON + 7 * DAY - datetime.now(UTC))
    yield server
    services.background.run(server.stop())


@pytest.fixture
def provider(cloud: Cloud, inbox: Inbox) -> Provider:
    inbox.webhook.counts.clear()
    inbox.fault = None
    inbox.sendgrid_scopes.add(STATS_SCOPE)
    return Provider(cloud, inbox)


def told(cloud: Cloud) -> list[dict[str, Any]]:
    """The system alerts that came since the last look."""
    assert cloud.dead_letters() == []
    alerts = list(cloud.system_alerts)
    cloud.system_alerts.clear()
    return alerts


def kinds(cloud: Cloud) -> list[str]:
    return [alert["alert"] for alert in told(cloud)]


def resume(cloud: Cloud) -> None:
    assert Sending(cloud.door).resume(by="ada", note="the list is mended", now=NOON)


def test_a_run_notes_what_became_of_the_mails(provider: Provider) -> None:
    provider.has(delivered=900, spam_reports=1, bounces=3, blocks=50, bounce_drops=70)
    provider.has(TODAY - 6 * DAY, delivered=100)
    provider.has(TODAY - 7 * DAY, delivered=70_000, spam_reports=70_000)
    cloud = provider.cloud
    cloud.subscribed_user()

    answer = provider.call()

    assert (answer.status, answer.body["dispatched"], answer.body["stopped"]) == (200, 1, False)
    assert cloud.record(run_id(NOON))["statistics"] == {"delivered": 1000, "complaints": 1, "bounces": 3}
    (alert,) = told(cloud)
    assert (alert["alert"], alert["run_id"]) == ("complaints-high", run_id(NOON))
    assert alert["figures"] == {"delivered": 1000, "complaints": 1, "bounces": 3}
    assert "0.10 % (1 of 1,000 delivered emails" in alert["detail"]

    provider.call(NOON + HOUR)
    assert kinds(cloud) == []
    provider.call(NOON + 12 * HOUR)
    assert "complaints-high" not in kinds(cloud)  # the day with 100 emails is out of the week


def test_a_stopped_run_makes_no_task_changes_nothing_and_is_no_failure(provider: Provider) -> None:
    cloud = provider.cloud
    provider.has(delivered=1000, spam_reports=3)
    user = cloud.subscribed_user()
    new, unscheduled = cloud.user(enrolled_at=None), cloud.subscribed_user(next_report_at=None, shard=None)
    before = {each: (cloud.fields_of(each)) for each in (user, new, unscheduled)}

    answer = provider.call()

    assert (answer.status, answer.body["stopped"], answer.body["continued"]) == (200, True, False)
    assert (answer.body["due"], answer.body["errors"]) == (0, 0)
    assert cloud.tasks() == []
    assert {each: (cloud.fields_of(each)) for each in (user, new, unscheduled)} == before
    assert cloud.subscription(user)["next_report_at"] == NOON
    record = cloud.record(run_id(NOON))
    assert (record["state"], record["finished_at"] is None) == ("stopped", False)
    assert "complaints: 0.30 % (3 of 1,000 delivered emails" in record["stopped_because"]
    assert "expire_at" in record
    (alert,) = told(cloud)
    assert (alert["alert"], alert["detail"]) == ("sending-stopped", record["stopped_because"])

    # Whatever the figures are by then, it stays so, and is told once a day.
    provider.has(delivered=100_000)
    for hours, alerts in ((1, []), (2, []), (12, ["sending-stopped"]), (13, [])):
        answer = provider.call(NOON + hours * HOUR)
        assert (answer.status, answer.body["stopped"]) == (200, True)
        assert [kind for kind in kinds(cloud) if kind != "no-run"] == alerts
    # Cloud Monitoring watches for such lines, where there is no other channel.
    assert sum(line.get("alert") == "sending-stopped" for line in provider.log(run_id(NOON + 12 * HOUR))) == 1
    assert sum(line.get("alert") == "sending-stopped" for line in provider.log(run_id(NOON + 13 * HOUR))) == 0
    assert cloud.tasks() == []

    # Nor does a dispatcher go on that has no key, or no limits.
    assert cloud.call(NOON + 14 * HOUR).body["stopped"] is True
    off = dict.fromkeys(("COMPLAINT_STOP_PERCENT", "COMPLAINT_ALERT_PERCENT"), "off")
    assert provider.call(NOON + 15 * HOUR, **off).body["stopped"] is True


def test_an_alert_that_cannot_be_published_comes_with_the_next_run(provider: Provider) -> None:
    cloud = provider.cloud
    provider.has(delivered=1000, spam_reports=3)
    cloud.pubsub_faults.middleware = failing("Publish", "PERMISSION_DENIED")
    assert provider.call().body["stopped"] is True
    cloud.pubsub_faults.middleware = None
    assert kinds(cloud) == []
    provider.call(NOON + HOUR)
    assert kinds(cloud) == ["sending-stopped"]


def test_after_two_days_each_report_gets_one_task_and_none_counts_as_overdue_or_lost(provider: Provider) -> None:
    cloud = provider.cloud
    waiting, tried, daily = (
        cloud.subscribed_user(),
        cloud.subscribed_user(),
        cloud.subscribed_user(next_report_at=NOON + 20 * HOUR, cadence="daily", hour=8),
    )
    assert provider.call().body["dispatched"] == 2
    begun = {"state": "pending", "created_at": NOON, "attempts": 1}
    cloud.database.collection("deliveries").document(delivery_id(tried, DEFAULT_SUBSCRIPTION, NOON)).set(begun)
    provider.has(delivered=1000, bounces=60)
    for hour in range(1, 49):
        answer = provider.call(NOON + hour * HOUR)
        assert (answer.status, answer.body["stopped"]) == (200, True)
    assert len(cloud.tasks()) == 2
    # The tasks from before have died meanwhile, as they may.
    cloud.queues.purge_queue(name=cloud.queue_path())
    cloud.dead_letters()
    cloud.system_alerts.clear()

    resume(cloud)
    for hour in (49, 50, 51):
        answer = provider.call(NOON + hour * HOUR)
        assert (answer.status, answer.body["stopped"], answer.body["lost"], answer.body["errors"]) == (200, False, 0, 0)
        reports = sorted((report.user_id, report.due_at) for report in cloud.reports())
        assert len(reports) == len(set(reports))
    assert reports == sorted([(waiting, NOON), (tried, NOON), (daily, NOON + 20 * HOUR)])
    assert set(kinds(cloud)) <= {"overdue-reports"}
    assert cloud.record(run_id(NOON + 49 * HOUR))["statistics"] == {"delivered": 0, "complaints": 0, "bounces": 0}

    # Of the two days none counts towards the loss of a report, nor do the hours in which its new task waits.
    record = cloud.delivery(delivery_id(tried, DEFAULT_SUBSCRIPTION, NOON))
    assert record is not None
    assert record["rescues"] == 1


def test_a_run_that_was_stopped_is_carried_out_once_it_is_called_again(provider: Provider) -> None:
    cloud = provider.cloud
    provider.has(delivered=1000, spam_reports=3)
    user = cloud.subscribed_user()
    provider.call()
    resume(cloud)

    answer = provider.call()

    assert (answer.body["stopped"], answer.body["dispatched"]) == (False, 1)
    assert [report.user_id for report in cloud.reports()] == [user]
    record = cloud.record(run_id(NOON))
    assert (record["state"], [each["state"] for each in record["earlier_attempts"]]) == ("finished", ["stopped"])
    # A task that dies is overdue by this run, not by the stopped one.
    cloud.queues.purge_queue(name=cloud.queue_path())
    assert provider.call(NOON + HOUR).body["overdue"] == 1


def test_the_sweeps_go_on_after_a_stop_where_they_were(provider: Provider) -> None:
    cloud = provider.cloud
    provider.call()
    sweeps = cloud.record(run_id(NOON))["sweeps"]
    assert sweeps
    provider.has(delivered=1000, spam_reports=3)
    provider.call(NOON + HOUR)
    assert cloud.record(run_id(NOON + HOUR))["sweeps"] == sweeps


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (401, "SendGrid answered 401: it does not know the key"),
        (403, "SendGrid answered 403: the key lacks the permission to read statistics (stats.read)"),
        (500, "SendGrid answered 500"),
        (301, "SendGrid answered 301"),
        (b"<html>", "SendGrid's answer has no statistics in the documented form"),
        (b'{"errors": []}', "SendGrid's answer has no statistics in the documented form"),
        (
            b'[{"date": "2126-11-24", "stats": [{"metrics": {}}]}]',
            "SendGrid's answer has no statistics in the documented form",
        ),
        (b'[{"date": "today", "stats": []}]', "SendGrid's answer has no statistics in the documented form"),
        (
            b'[{"date": "2126-11-24", "stats": [{"metrics": {"delivered": "7", "spam_reports": 0, "bounces": 0}}]}]',
            "SendGrid's answer has no statistics in the documented form",
        ),
        (
            b'[{"date": "2126-11-24", "stats": [{"metrics": {"delivered": 9%s, "spam_reports": 0, "bounces": 0}}]}]'
            % (b"0" * 30),
            "SendGrid's answer has no statistics in the documented form",
        ),
        (b"[" * 100_000, "SendGrid's answer has no statistics in the documented form"),
    ],
)
def test_without_statistics_the_run_goes_on_and_says_why(provider: Provider, answer: int | bytes, reason: str) -> None:
    cloud = provider.cloud
    provider.has(delivered=1000, spam_reports=100)
    cloud.subscribed_user()
    provider.inbox.answer_next(
        "sendgrid-stats", HttpAnswer(status=answer) if isinstance(answer, int) else HttpAnswer(status=200, body=answer)
    )

    run = provider.call()

    assert (run.status, run.body["dispatched"], run.body["stopped"]) == (200, 1, False)
    assert cloud.record(run_id(NOON))["statistics"] == {"unavailable": reason}
    assert kinds(cloud) == []


def test_a_provider_that_cannot_be_reached(provider: Provider) -> None:
    provider.cloud.subscribed_user()
    answer = provider.call(SENDGRID_HOST=f"http://127.0.0.1:{free_ports(1)}")
    assert (answer.status, answer.body["dispatched"]) == (200, 1)
    unavailable = provider.cloud.record(run_id(NOON))["statistics"]["unavailable"]
    assert unavailable == "SendGrid could not be asked (ConnectionError)"


def test_the_figures_of_all_accounts_count_or_none(provider: Provider) -> None:
    provider.has(delivered=900, spam_reports=1)

    def account(key: str) -> SendGridStatistics:
        return SendGridStatistics(api_key=key, host=provider.inbox.url)

    both = AllAccounts({"": account(KEY), "acme": account(KEY)}).days(TODAY)
    assert both[TODAY] == MailFigures(delivered=1800, complaints=2, bounces=0)
    with pytest.raises(StatisticsUnavailable, match="account acme: SendGrid answered 401: it does not know the key"):
        AllAccounts({"": account(KEY), "acme": account("SG.gone")}).days(TODAY)


def test_a_provider_that_never_answers(provider: Provider) -> None:
    async def never_answer(_call: Call, _carry_out: Callable[[], Awaitable[HttpAnswer]]) -> HttpAnswer:
        await asyncio.Event().wait()
        raise AssertionError

    provider.inbox.fault = never_answer
    statistics = SendGridStatistics(api_key=KEY, host=provider.inbox.url, seconds=0.5)
    with pytest.raises(StatisticsUnavailable, match=r"did not answer within 0\.5 s"):
        statistics.days(TODAY)


def test_without_a_key_the_run_says_so_and_without_limits_it_asks_nothing(provider: Provider) -> None:
    cloud = provider.cloud
    assert cloud.call().status == 200
    assert cloud.record(run_id(NOON))["statistics"] == {"unavailable": "SENDGRID_API_KEY is not set"}
    provider.has(delivered=1000, spam_reports=100, bounces=1000)
    names = [f"{what}_{then}_PERCENT" for what in ("COMPLAINT", "BOUNCE") for then in ("ALERT", "STOP")]
    assert provider.call(NOON + HOUR, **dict.fromkeys(names, "0")).body["stopped"] is False
    assert "statistics" not in cloud.record(run_id(NOON + HOUR))


def test_a_breaker_that_holds_anything_stops_no_run(provider: Provider) -> None:
    cloud = provider.cloud
    odd = {"stopped_at": "now", "figures": 7, "told": [1], "baseline": {"no day": 1, "2126-11-24": "x"}, "note": {}}
    cloud.database.collection("mail_breaker").document("state").set(odd)
    provider.has(delivered=1000, spam_reports=1)
    assert (provider.call().status, kinds(cloud)) == (200, ["complaints-high"])


def test_a_run_that_cannot_read_the_breaker_sends_nothing_and_fails(provider: Provider) -> None:
    cloud = provider.cloud
    cloud.subscribed_user()
    cloud.firestore_faults.middleware = failing("GetDocument", "PERMISSION_DENIED")
    answer = provider.call()
    cloud.firestore_faults.middleware = None
    assert (answer.status, cloud.tasks()) == (500, [])


def test_the_shares_of_a_run_go_on_as_it_has_begun(provider: Provider) -> None:
    """A stop is decided at the beginning of a run, and the rest of one that sends is still sent."""
    cloud = provider.cloud
    cloud.subscribed_user()
    cloud.database.collection("mail_breaker").document("state").set({"stopped_at": NOON, "because": "complaints"})
    part = {"run_id": run_id(NOON), "scheduled_for": f"{NOON:%Y-%m-%dT%H:%M:%SZ}", "attempt": "a", "part": 2}
    answer = cloud.call(
        token=cloud.identity.mint(TASKS, DISPATCHER_URL),
        path="/dispatch",
        headers={"X-CloudTasks-QueueName": "reports", "X-CloudTasks-TaskName": "part"},
        body=json.dumps(part).encode(),
    )
    assert (answer.status, answer.body["stopped"], answer.body["dispatched"]) == (200, False, 1)
