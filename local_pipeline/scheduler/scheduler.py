"""Runs jobs: by their schedule, or when told to."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import aiohttp
from multidict import CIMultiDict

from local_cloud.clock import Clock
from local_cloud.identity import MintToken
from local_pipeline.scheduler.job import Job

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Execution:
    """The result of one execution of a job.

    Attributes:
        job: the job's name.
        schedule_time: what it was run for.
        attempts: how many calls it took.
        status: the HTTP status of the last answer, None if there was none.
        body: the last answer's body.
        error: why there was no answer, empty if there was one.
    """

    job: str
    schedule_time: datetime
    attempts: int
    status: int | None
    body: bytes
    error: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the target acknowledged the run, which any status from 200 to 299 does."""
        return self.status is not None and 200 <= self.status < 300


class Scheduler:
    """Calls each job's target when it is due, and again when that failed.

    Two executions of a job never overlap by the schedule: one that falls due while another still runs starts when that
    one has ended, and if several fell due meanwhile, only the last of them runs.
    https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs#Job.FIELDS.schedule

    Args:
        clock: what time it is.
        mint_token: makes the OIDC tokens that are sent.
        jobs: what is run from `start` on.
        run_at_start: run each job at once when started, and by its schedule from then on.
    """

    def __init__(
        self, *, clock: Clock, mint_token: MintToken, jobs: Sequence[Job] = (), run_at_start: bool = False
    ) -> None:
        self._clock = clock
        self._mint_token = mint_token
        self._jobs = tuple(jobs)
        self._run_at_start = run_at_start
        self._session: aiohttp.ClientSession | None = None
        self._followers: list[asyncio.Task[None]] = []
        self.on_execution: Callable[[Execution], None] | None = None
        """Called with each scheduled execution when it ends."""

    async def start(self) -> None:
        """Run the jobs by their schedules from now on."""
        now = self._clock.now()
        for job in self._jobs:
            first = now if self._run_at_start else job.schedule.after(now)
            follower = asyncio.create_task(self._follow_schedule(job, first), name=f"schedule of {job.name}")
            follower.add_done_callback(_report_failure)
            self._followers.append(follower)

    async def stop(self) -> None:
        """Run no more jobs, and cut off the calls under way."""
        for follower in self._followers:
            follower.cancel()
        await asyncio.gather(*self._followers, return_exceptions=True)
        self._followers.clear()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def run_now(self, job: Job, *, schedule_time: datetime | None = None) -> Execution:
        """Run a job beside its schedule, even if it is running, as `gcloud scheduler jobs run` does.

        It needs no `start`. Two calls with one schedule time show the effect of at-least-once delivery; a call with an
        earlier time is a late run.

        Args:
            job: what to run.
            schedule_time: what the target is told that it was due at, the present unless given.

        Returns:
            The result, after the retries that it needed.
        """
        return await self._execute(job, schedule_time or self._clock.now())

    async def _follow_schedule(self, job: Job, first: datetime) -> None:
        due = first
        while True:
            await self._clock.sleep_until(due)
            execution = await self._execute(job, due)
            if self.on_execution is not None:
                self.on_execution(execution)
            if not execution.succeeded:
                _log.warning(
                    "The scheduler gave up on %s after %d attempts: %s",
                    job.name,
                    execution.attempts,
                    execution.error or f"HTTP {execution.status}",
                )
            due = self._next_due(job, due)

    def _next_due(self, job: Job, last: datetime) -> datetime:
        due = job.schedule.after(last)
        now = self._clock.now()
        while (later := job.schedule.after(due)) <= now:
            due = later
        return due

    async def _execute(self, job: Job, schedule_time: datetime) -> Execution:
        began = self._clock.now()
        attempts = 0
        while True:
            attempts += 1
            execution = await self._attempt(job, schedule_time, attempts)
            if execution.succeeded:
                break
            wait = job.retry.wait_before_retry(attempts - 1, self._clock.now() - began)
            if wait is None:
                break
            await self._clock.sleep(wait.total_seconds())
        return execution

    async def _attempt(self, job: Job, schedule_time: datetime, attempts: int) -> Execution:
        call = asyncio.create_task(self._call(job, schedule_time))
        # By this clock and not by aiohttp's, so that a test can make the deadline pass.
        deadline = asyncio.create_task(self._clock.sleep(job.attempt_deadline.total_seconds()))
        status: int | None = None
        body = b""
        error = ""
        try:
            await asyncio.wait((call, deadline), return_when=asyncio.FIRST_COMPLETED)
            if call.done():
                status, body = call.result()
            else:
                error = f"no answer within {job.attempt_deadline.total_seconds():g} s"
        except (aiohttp.ClientError, OSError) as failure:
            error = str(failure) or type(failure).__name__
        finally:
            call.cancel()
            deadline.cancel()
            await asyncio.gather(call, deadline, return_exceptions=True)
        return Execution(
            job=job.name, schedule_time=schedule_time, attempts=attempts, status=status, body=body, error=error
        )

    async def _call(self, job: Job, schedule_time: datetime) -> tuple[int, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        async with self._session.request(
            job.http_method,
            job.uri,
            data=job.body or None,
            headers=self._headers(job, schedule_time),
            allow_redirects=False,
        ) as response:
            return response.status, await response.read()

    def _headers(self, job: Job, schedule_time: datetime) -> CIMultiDict[str]:
        """The job's headers and the service's own.

        https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs#HttpTarget.FIELDS.headers
        """
        headers = CIMultiDict(job.headers)
        if job.body:
            headers.setdefault("Content-Type", "application/octet-stream")
        headers.update(
            {
                "User-Agent": "Google-Cloud-Scheduler",
                "X-CloudScheduler": "true",
                "X-CloudScheduler-JobName": job.name,
                "X-CloudScheduler-ScheduleTime": _rfc3339(schedule_time.astimezone(job.schedule.time_zone)),
            }
        )
        if job.service_account is not None:
            headers["Authorization"] = f"Bearer {self._mint_token(job.service_account, job.audience or job.uri)}"
        return headers


def _report_failure(follower: "asyncio.Task[None]") -> None:
    # The list of followers keeps asyncio from reporting it.
    if not follower.cancelled() and (error := follower.exception()) is not None:
        _log.error("The %s has ended", follower.get_name(), exc_info=error)


def _rfc3339(moment: datetime) -> str:
    """The moment with the offset of the job's own zone, as the service writes it; Z if the offset is zero."""
    text = moment.isoformat()
    return text.removesuffix("+00:00") + "Z" if moment.utcoffset() == timedelta() else text
