"""`python -m local_pipeline up`: the pipeline on this machine, for one run or by the schedule."""

import asyncio
import contextlib
import fcntl
import json
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from local_cloud.errors import LocalCloudError
from local_cloud.flags_file import read_flags_file
from local_cloud.http import HttpServer
from local_pipeline import clients
from local_pipeline.addresses import HOST
from local_pipeline.cloud import LocalCloud
from local_pipeline.control import Control
from local_pipeline.environment import Environment, Ports
from local_pipeline.inbox.mail_webhook import MailWebhook
from local_pipeline.local_destination import LocalDestination, deliver_of
from local_pipeline.project import Project
from local_pipeline.provider import Provider
from local_pipeline.run_view import RunView, Standing
from local_pipeline.sample_documents import read_documents
from local_pipeline.sample_users import PIPELINES_DEFAULT, SHIPPED, sample_users
from local_pipeline.scheduler import Execution
from local_pipeline.seed import put_in
from local_pipeline.server_process import ServerProcess
from local_pipeline.shared_time import FILE_VARIABLE, WHILE_STDIN_IS_OPEN, SharedClock
from local_pipeline.summary import RunSummary, show
from local_pipeline.verdict import Mailed, problems

REPOSITORY = Path(__file__).resolve().parents[1]

_POLL_SECONDS = 0.2
_STILL_SECONDS = 8.0
"""After this time without a change, the command prints what it waits for."""

_STALLED_SECONDS = 30.0
"""The command gives a run up when the queue has nothing left to deliver and nothing has changed for this long."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of the command line.

    Attributes:
        once: make one run and end.
        users: how many sample users.
        port_base: the first of the ports.
        data_directory: where emails, logs and the environment go.
        project: the folder that holds the kinds of report, and files in place of the repository's.
        documents: a file with what each sample user has beside that; None for nothing.
        latency_ms: milliseconds added to every API call.
        rate: reports a second, in place of what queue.yaml says.
        provider: through whom to send; None for the one that MAIL_PROVIDER names, or else SendGrid.
        deliver: where the sample reports go; None: by email.
    """

    once: bool
    users: int
    port_base: int
    data_directory: Path
    project: Path
    documents: Path | None
    latency_ms: float
    rate: float | None
    provider: Provider | None
    deliver: LocalDestination | None


class Up:
    """Brings the local cloud up and shows what happens on it.

    Args:
        options: of the command line.
        console: where to write.
    """

    def __init__(self, options: Options, console: Console) -> None:
        self._options = options
        self._console = console
        self._project = Project(folder=options.project.resolve(), repository=REPOSITORY)
        queue_flags = read_flags_file(self._project.file("queue.yaml"))
        if options.rate is not None:
            queue_flags["--max-dispatches-per-second"] = options.rate
        self._parts: list[HttpServer | ServerProcess] = []
        self._environment = Environment(
            ports=Ports(base=options.port_base),
            max_attempts=int(queue_flags.get("--max-attempts", 100)),
            queue_rate=float(queue_flags.get("--max-dispatches-per-second", 500)),
            provider=options.provider,
            default_kind=self._default_kind(),
        )
        self._cloud = LocalCloud(
            repository=REPOSITORY,
            project=self._project,
            environment=self._environment,
            queue_flags=queue_flags,
            data_directory=options.data_directory,
            latency_seconds=options.latency_ms / 1000,
            on_event=self._say_event,
            clock=None if options.once else self._shared_clock(),
        )

    def _default_kind(self) -> str:
        """The kind that the sample data is for, where the project has it, or else the first that it has.

        Raises:
            LocalCloudError: it has none.
        """
        kinds = self._project.kinds
        if not kinds:
            raise LocalCloudError(
                f"{self._project.folder / 'kinds'} has no kind of report: reports new sales --sql makes one."
            )
        return PIPELINES_DEFAULT if PIPELINES_DEFAULT in kinds else kinds[0]

    def _say_event(self, line: str) -> None:
        self._console.print(f"[yellow]{escape(line)}")

    def _shared_clock(self) -> SharedClock:
        """A clock that can be moved: the functions of a local cloud that keeps running follow it."""
        self._options.data_directory.mkdir(parents=True, exist_ok=True)
        return SharedClock(self._options.data_directory / "time")

    async def run(self) -> int:
        """Start, make a run, and with `--once` end; otherwise go on by the schedule until it is interrupted.

        Returns:
            The exit status: 0 if every report of the run is as it should be.

        Raises:
            LocalCloudError: something cannot be started.
        """
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop.set)
        work = asyncio.create_task(self._work())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            self._console.print("Stopping.")
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            return 130 if self._options.once else 0
        finally:
            stopped.cancel()
            while self._parts:
                await self._parts.pop().stop()
            await self._cloud.stop()

    async def _work(self) -> int:
        self._lock_data_directory()
        self._clear_data_directory()
        with self._console.status("Starting the local cloud and the functions"):
            await self._cloud.start()
        variables = self._environment.variables
        client = clients.firestore(
            self._cloud.project, variables["FIRESTORE_DATABASE"], variables["FIRESTORE_EMULATOR_HOST"]
        )
        summary = await self._first_run(RunView(client))
        show(summary, self._console)
        if self._options.once:
            return 1 if summary.problems else 0
        await self._start_console()
        self._show_addresses()
        self._cloud.scheduler.on_execution = self._show_execution
        await self._cloud.scheduler.start()
        forever: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        return await forever

    async def _start_console(self) -> None:
        """Start the web console, and what its page of the local cloud calls."""
        ports, directory = self._environment.ports, self._options.data_directory
        control = Control(
            self._cloud, logs=directory / "logs", on_execution=self._show_execution, host=HOST, port=ports.control
        )
        console = ServerProcess(
            name="console",
            port=ports.console,
            log_file=directory / "logs" / "console.log",
            spawn=self._spawn_console,
            on_event=self._say_event,
        )
        for part in (control, console):
            await part.start()
            self._parts.append(part)

    async def _spawn_console(self) -> asyncio.subprocess.Process:
        directory = self._options.data_directory.absolute()
        with (directory / "logs" / "console.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "local_pipeline.shared_time", WHILE_STDIN_IS_OPEN, "operations"),
                *("--local-cloud", str(directory)),
                *("console", "--port", str(self._environment.ports.console)),
                env={
                    **self._environment.for_function(REPOSITORY, self._project.folder),
                    FILE_VARIABLE: str(directory / "time"),
                },
                # It ends when this closes, however this process comes to its end.
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                # A group of its own: Ctrl-C reaches the local cloud alone, which then stops things in their order.
                start_new_session=True,
            )

    def _lock_data_directory(self) -> None:
        """Have the data directory alone: another local cloud would remove the emails and logs of the one that runs.

        Raises:
            LocalCloudError: one runs there.
        """
        directory = self._options.data_directory
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = (directory / "lock").open("w")
        try:
            # A lock of this process: the servers that it forks do not hold it, and it ends with the process.
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LocalCloudError(
                f"A local cloud is running in {directory}: stop it, or give this one another place, as in "
                f"--data-dir {directory}-2 --port-base {self._options.port_base + 20}."
            ) from error

    def _clear_data_directory(self) -> None:
        """Remove the files of an earlier run: its emails would seem to be this run's."""
        for name in ("mails", "logs"):
            shutil.rmtree(self._options.data_directory / name, ignore_errors=True)

    async def _first_run(self, view: RunView) -> RunSummary:
        columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console) as progress:
            now = self._cloud.clock.now()
            seeding = progress.add_task("Putting in sample users", total=self._options.users)
            webhook = self._cloud.webhook if self._takes_mails else None
            users = sample_users(
                self._options.users,
                now=now,
                kinds=self._project.kinds,
                known=SHIPPED if self._project.folder == REPOSITORY else (),
                documents=read_documents(self._options.documents) if self._options.documents else {},
                mails_end=webhook is not None,
                deliver=deliver_of(self._options.deliver, self._cloud.inbox.url) if self._options.deliver else None,
            )
            variables = self._environment.variables
            seeded = await put_in(
                clients.firestore_calls(variables["FIRESTORE_EMULATOR_HOST"]),
                f"projects/{self._cloud.project}/databases/{variables['FIRESTORE_DATABASE']}",
                users,
                on_user=lambda: progress.advance(seeding),
            )

            sending = progress.add_task("Sending reports", total=seeded.due)
            began = time.monotonic()
            execution = await self._cloud.scheduler.run_now(
                self._cloud.job, schedule_time=now.replace(second=0, microsecond=0)
            )
            counters = _counters(execution)
            due = int(counters["due"])
            progress.update(sending, total=due)
            run_id = str(counters["run_id"])
            await self._wait_until_final(
                view, run_id, due, lambda standing: progress.update(sending, completed=min(standing.final, due))
            )
            seconds = time.monotonic() - began
            if webhook is not None:
                events = webhook.unsent
                waiting = progress.add_task("Waiting for the emails' events", total=events)
                await _wait_for_events(
                    webhook, lambda unsent: progress.update(waiting, completed=max(0, events - unsent))
                )
                progress.update(waiting, completed=max(0, events - webhook.unsent))
        deliveries = await view.deliveries(run_id)
        dead_letters = await view.dead_letters()
        paused = await view.paused()
        became = await view.mails(deliveries) if webhook is not None else None
        return RunSummary(
            run_id=run_id,
            counters=counters,
            deliveries=deliveries,
            became=became,
            paused=paused,
            dead_letters=dead_letters,
            alerts=len(self._cloud.inbox.slack_messages) if self._environment.is_own("SLACK_WEBHOOK_URL") else None,
            mails=self._options.data_directory / "mails" if self._takes_mails else None,
            mails_went_to=self._cloud.provider.address_variable,
            logs=self._options.data_directory / "logs",
            seconds=seconds,
            problems=problems(
                seeded=seeded,
                counters=counters,
                deliveries=deliveries,
                paused=paused,
                dead_letters=dead_letters,
                mailed=self._mailed() if self._takes_mails else None,
                received=self._cloud.received(),
                became=became,
            ),
        )

    def _mailed(self) -> list[Mailed]:
        return [
            Mailed(mail.custom_args.get("delivery_id", ""), address.email)
            for mail in self._cloud.inbox.mails
            for address in (*mail.to, *mail.cc, *mail.bcc)
        ]

    @property
    def _takes_mails(self) -> bool:
        sandboxed = self._environment.variables.get("MAIL_SANDBOX", "").lower() in {"1", "true", "t", "on", "yes", "y"}
        return self._environment.is_own(self._cloud.provider.address_variable) and not sandboxed

    async def _wait_until_final(
        self, view: RunView, run_id: str, due: int, on_progress: Callable[[Standing], None]
    ) -> None:
        """Return when every due report is final and every dead letter has its alert, or when nothing changes any
        more."""
        last: Standing | None = None
        told = False
        changed_at = time.monotonic()
        while True:
            standing = await view.standing(run_id)
            on_progress(standing)
            if standing.final >= due and standing.alerted >= standing.dead:
                return
            if standing != last:
                last, changed_at = standing, time.monotonic()
            elif (still := time.monotonic() - changed_at) > _STALLED_SECONDS and not self._cloud.has_tasks:
                return
            elif still > _STILL_SECONDS and not told:
                told = True
                self._say_what_is_waited_for(standing, due)
            await asyncio.sleep(_POLL_SECONDS)

    def _say_what_is_waited_for(self, standing: Standing, due: int) -> None:
        log = self._options.data_directory / "logs" / "worker.log"
        if standing.final < due:
            what = f"{due - standing.final} reports wait, most likely for their next attempt: {log} says why"
        else:
            what = f"{standing.dead - standing.alerted} dead letters wait for their alert, at most a minute each cause"
        self._console.print(f"[yellow]{what}. Ctrl-C ends the wait.", highlight=False)

    def _show_addresses(self) -> None:
        ports = self._environment.ports
        self._console.print(
            f"\nConsole   [link]http://{HOST}:{ports.console}/[/link]\n"
            f"Inbox     [link]http://{HOST}:{ports.console}/local/mails[/link]\n"
            f"API       http://{HOST}:{ports.api}/openapi.json\n"
            f"Firestore {HOST}:{ports.firestore}   Cloud Tasks {HOST}:{ports.tasks} (REST {HOST}:{ports.tasks_rest})   "
            f"Pub/Sub {HOST}:{ports.pubsub}\n"
            f"Logs      {self._options.data_directory / 'logs'}\n"
            f"The scheduler calls the dispatcher by scheduler.yaml ({self._cloud.job.schedule}). Ctrl-C ends it all.",
            highlight=False,
        )

    def _show_execution(self, execution: Execution) -> None:
        when = f"{execution.schedule_time:%Y-%m-%dT%H:%MZ}"
        if not execution.succeeded:
            reason = execution.error or f"HTTP {execution.status}"
            self._console.print(f"[red]Run of {when}: the dispatcher failed ({escape(reason)})")
            return
        counters = json.loads(execution.body)
        line = f"{counters['due']} due, {counters['dispatched']} dispatched"
        self._console.print(f"Run of {when}: {line}", highlight=False)


async def _wait_for_events(webhook: MailWebhook, on_progress: Callable[[int], None]) -> None:
    """Return when the function has taken every event of the emails, or takes none any more."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_STALLED_SECONDS) as limit:

            def go_on(unsent: int) -> None:
                limit.reschedule(asyncio.get_running_loop().time() + _STALLED_SECONDS)
                on_progress(unsent)

            await webhook.all_taken(go_on)


def _counters(execution: Execution) -> dict[str, Any]:
    """The dispatcher's answer."""
    try:
        counters = json.loads(execution.body)
        if {"run_id", "due", "enrolled", "scheduled", "errors"} <= counters.keys():
            return dict(counters)
    except (ValueError, AttributeError):
        pass
    reason = execution.error or f"HTTP {execution.status}: {execution.body[:300].decode(errors='replace')}"
    raise LocalCloudError(f"The dispatcher did not make a run ({reason}); its log says why.")
