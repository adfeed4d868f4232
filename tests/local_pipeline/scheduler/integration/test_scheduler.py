"""The scheduler calls real targets, by a clock that the tests move."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest

from functions.shared.serving.identity import TokenVerifier
from local_cloud.clock import Clock
from local_cloud.identity import IdentityProvider
from local_pipeline.scheduler import Execution, Job, Scheduler
from local_pipeline.scheduler.cron import CronSchedule
from local_pipeline.scheduler.retry import RetryConfig
from tests.local_pipeline.scheduler.integration.target import Target
from tests.support import Background, free_ports, now

Result = TypeVar("Result")

SECONDS = 100
"""Far more than anything here takes, also on a busy machine."""

ACCOUNT = "scheduler@project.iam.gserviceaccount.com"
HOURLY = CronSchedule("0 * * * *", ZoneInfo("Etc/UTC"))
RETRIES = RetryConfig(retry_count=3, min_backoff=timedelta(seconds=30), max_backoff=timedelta(seconds=300))


class Bench:
    """A scheduler, its target and its clock, worked from a synchronous test."""

    def __init__(self, background: Background) -> None:
        self.background = background
        self.clock = Clock(still=True)
        # Ten minutes past, so that no hour and no minute strikes in the middle of a test.
        self.clock.advance(HOURLY.after(self.clock.now()) + timedelta(minutes=10) - self.clock.now())
        self.target = Target()
        self.identity = IdentityProvider(host="127.0.0.1", port=0, clock=self.clock)
        self._schedulers: list[Scheduler] = []
        self.run(self.target.start())
        self.run(self.identity.start())

    def close(self) -> None:
        for scheduler in self._schedulers:
            self.run(scheduler.stop())
        self.run(self.target.stop())
        self.run(self.identity.stop())

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return self.background.run(coroutine)

    def begin(self, coroutine: Coroutine[Any, Any, Result]) -> "Future[Result]":
        return asyncio.run_coroutine_threadsafe(coroutine, self.background.loop)

    def job(self, **changes: object) -> Job:
        job = Job(name="dispatch", schedule=HOURLY, uri=f"{self.target.url}/dispatch", service_account=ACCOUNT)
        return replace(job, **changes)  # type: ignore[arg-type]  # a test's own keywords

    def scheduler(self, *jobs: Job, run_at_start: bool = False) -> Scheduler:
        async def make() -> Scheduler:
            scheduler = Scheduler(clock=self.clock, mint_token=self.identity.mint, jobs=jobs, run_at_start=run_at_start)
            await scheduler.start()
            return scheduler

        scheduler = self.run(make())
        self._schedulers.append(scheduler)
        return scheduler

    def advance(self, **by: float) -> None:
        async def advance() -> None:
            self.clock.advance(timedelta(**by))

        self.run(advance())

    def to_the_next_hour(self) -> datetime:
        due = HOURLY.after(self.clock.now())
        self.advance(seconds=(due - self.clock.now()).total_seconds())
        return due

    def eventually(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"it did not come to that within {SECONDS} s"
            time.sleep(0.005)

    def advance_until(self, condition: Callable[[], bool], **step: float) -> None:
        """Move the clock by steps, each as soon as what the one before led to has had its turn."""
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"it did not come to that within {SECONDS} s"
            self.advance(**step)
            time.sleep(0.005)


@pytest.fixture
def bench(background: Background) -> Iterator[Bench]:
    bench = Bench(background)
    yield bench
    bench.close()


def schedule_times(bench: Bench) -> list[str]:
    return [call.headers["X-CloudScheduler-ScheduleTime"] for call in bench.target.calls]


def test_a_run_told_to(bench: Bench) -> None:
    job = bench.job(body=b"{}", headers={"Content-Type": "application/json", "X-Team": "reports"})
    execution = bench.run(bench.scheduler().run_now(job))
    assert (execution.status, execution.body, execution.attempts) == (200, b'{"call": 1}', 1)
    assert execution.succeeded

    [call] = bench.target.calls
    assert (call.method, call.path, call.body) == ("POST", "/dispatch", b"{}")
    assert call.headers["User-Agent"] == "Google-Cloud-Scheduler"
    assert call.headers["X-CloudScheduler"] == "true"
    assert call.headers["X-CloudScheduler-JobName"] == "dispatch"
    assert call.headers["Content-Type"] == "application/json"
    assert call.headers["X-Team"] == "reports"
    assert datetime.fromisoformat(call.headers["X-CloudScheduler-ScheduleTime"]) == execution.schedule_time


def test_the_token_is_for_the_target(bench: Bench) -> None:
    scheduler = bench.scheduler()
    bench.run(scheduler.run_now(bench.job()))
    bench.run(scheduler.run_now(bench.job(audience="https://dispatcher.run.app")))
    bench.run(scheduler.run_now(bench.job(service_account=None)))
    for call, audience in zip(bench.target.calls, [bench.job().uri, "https://dispatcher.run.app"], strict=False):
        TokenVerifier(
            certs_url=bench.identity.certs_url, issuer=bench.identity.issuer, audience=audience, invokers=[ACCOUNT]
        ).verify(call.headers, now=now())
    assert "Authorization" not in bench.target.calls[2].headers


def test_a_body_is_bytes_unless_the_job_says_what_it_is(bench: Bench) -> None:
    scheduler = bench.scheduler()
    bench.run(scheduler.run_now(bench.job(body=b"x")))
    bench.run(scheduler.run_now(bench.job()))
    assert bench.target.calls[0].headers["Content-Type"] == "application/octet-stream"
    assert bench.target.calls[1].body == b""


def test_the_services_own_headers_cannot_be_set(bench: Bench) -> None:
    headers = {"user-agent": "me", "x-cloudscheduler-jobname": "other", "authorization": "Bearer mine"}
    bench.run(bench.scheduler().run_now(bench.job(headers=headers)))
    [call] = bench.target.calls
    assert call.headers["User-Agent"] == "Google-Cloud-Scheduler"
    assert call.headers["X-CloudScheduler-JobName"] == "dispatch"
    assert call.headers["Authorization"] != "Bearer mine"


def test_the_schedule_time_is_in_the_jobs_own_zone(bench: Bench) -> None:
    job = bench.job(schedule=CronSchedule("0 8 * * *", ZoneInfo("Asia/Tokyo")))
    moment = datetime(2026, 11, 24, 23, tzinfo=UTC)
    bench.run(bench.scheduler().run_now(job, schedule_time=moment))
    bench.run(bench.scheduler().run_now(bench.job(), schedule_time=moment))
    assert schedule_times(bench) == ["2026-11-25T08:00:00+09:00", "2026-11-24T23:00:00Z"]


def test_every_hour(bench: Bench) -> None:
    bench.scheduler(bench.job())
    due = [bench.to_the_next_hour()]
    bench.eventually(lambda: len(bench.target.calls) == 1)
    due.append(bench.to_the_next_hour())
    bench.eventually(lambda: len(bench.target.calls) == 2)
    assert [datetime.fromisoformat(each) for each in schedule_times(bench)] == due


def test_nothing_runs_before_it_is_due(bench: Bench) -> None:
    bench.scheduler(bench.job())
    seconds = (HOURLY.after(bench.clock.now()) - bench.clock.now()).total_seconds()
    bench.advance(seconds=max(seconds - 60, 0))
    # A job that ran would have called by the time that another job's call, begun later, is answered.
    bench.run(bench.scheduler().run_now(bench.job(name="other", uri=f"{bench.target.url}/other")))
    assert [call.path for call in bench.target.calls] == ["/other"]


def test_the_first_run_at_start(bench: Bench) -> None:
    bench.scheduler(bench.job(), run_at_start=True)
    bench.eventually(lambda: len(bench.target.calls) == 1)
    due = bench.to_the_next_hour()
    bench.eventually(lambda: len(bench.target.calls) == 2)
    assert datetime.fromisoformat(schedule_times(bench)[1]) == due


def test_retries_keep_the_schedule_time(bench: Bench) -> None:
    seen: list[Execution] = []
    scheduler = bench.scheduler(bench.job(retry=RETRIES))
    scheduler.on_execution = seen.append
    bench.target.statuses = [500, 429, 404, 503, 200]
    due = bench.to_the_next_hour()
    bench.advance_until(lambda: len(seen) == 1, seconds=10)
    # The first attempt and three retries, every status but 2xx being a failure.
    assert (seen[0].attempts, seen[0].status, seen[0].succeeded) == (4, 503, False)
    assert [datetime.fromisoformat(each) for each in schedule_times(bench)] == [due] * 4


def test_retries_end_with_the_first_success(bench: Bench) -> None:
    bench.target.statuses = [500, 204]
    scheduler = bench.scheduler()
    pending = bench.begin(scheduler.run_now(bench.job(retry=RETRIES)))
    bench.advance_until(pending.done, seconds=10)
    assert (pending.result().attempts, pending.result().status) == (2, 204)


def test_a_redirect_is_a_failure(bench: Bench) -> None:
    bench.target.statuses = [302]
    execution = bench.run(bench.scheduler().run_now(bench.job()))
    assert (execution.status, execution.succeeded) == (302, False)
    assert [call.path for call in bench.target.calls] == ["/dispatch"]


def test_no_answer_in_time(bench: Bench) -> None:
    bench.run(bench.target.hold())
    pending = bench.begin(bench.scheduler().run_now(bench.job()))
    bench.eventually(lambda: bench.target.running == 1)
    bench.advance(minutes=3)
    bench.eventually(pending.done)
    execution = pending.result()
    assert (execution.status, execution.error) == (None, "no answer within 180 s")
    # The call was cut, not left behind.
    bench.eventually(lambda: bench.target.running == 0)


def test_no_server_answers(bench: Bench) -> None:
    no_server = f"127.0.0.1:{free_ports(1)}"
    execution = bench.run(bench.scheduler().run_now(bench.job(uri=f"http://{no_server}/")))
    assert execution.status is None
    assert no_server in execution.error


def test_a_job_does_not_overlap_with_itself(bench: Bench) -> None:
    bench.scheduler(bench.job(attempt_deadline=timedelta(minutes=30), schedule=_every_minute()))
    bench.run(bench.target.hold())
    bench.advance(minutes=1)
    bench.eventually(lambda: bench.target.running == 1)
    bench.advance(minutes=5)
    bench.run(bench.target.release())
    # What fell due meanwhile is one run, the last of them, as soon as the other has ended.
    bench.eventually(lambda: len(bench.target.calls) == 2)
    assert bench.target.most_running == 1
    first, second = (datetime.fromisoformat(each) for each in schedule_times(bench))
    assert second - first == timedelta(minutes=5)


def test_a_run_told_to_runs_beside_the_schedule(bench: Bench) -> None:
    job = bench.job(attempt_deadline=timedelta(minutes=30))
    scheduler = bench.scheduler(job, run_at_start=True)
    bench.run(bench.target.hold())
    bench.eventually(lambda: len(bench.target.calls) == 1)
    late = datetime(2026, 11, 24, 13, tzinfo=UTC)
    twice = [bench.begin(scheduler.run_now(job, schedule_time=late)) for _ in range(2)]
    bench.eventually(lambda: len(bench.target.calls) == 3)
    bench.run(bench.target.release())
    bench.eventually(lambda: all(each.done() for each in twice))
    assert schedule_times(bench)[1:] == ["2026-11-24T13:00:00Z"] * 2


def test_stopping_cuts_what_runs(bench: Bench) -> None:
    scheduler = bench.scheduler(bench.job(), run_at_start=True)
    bench.run(bench.target.hold())
    bench.eventually(lambda: len(bench.target.calls) == 1)
    bench.run(scheduler.stop())
    bench.eventually(lambda: bench.target.running == 0)


def _every_minute() -> CronSchedule:
    return CronSchedule("* * * * *", ZoneInfo("Etc/UTC"))
