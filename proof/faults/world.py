"""The local cloud with the real functions on it, started once for all scenarios, and its time."""

import asyncio
import gzip
import json
import logging
import os
import re
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore_v1.async_client import AsyncClient
from google.cloud.tasks_v2 import Queue, RateLimits
from google.protobuf.field_mask_pb2 import FieldMask

from functions.shared.queues.ramp import Ramp
from functions.shared.records.archived_copy import ArchivedCopy
from functions.shared.records.subscription import SUBSCRIPTIONS
from functions.shared.records.system_alert import AlertKind
from functions.shared.settings import MailProviderName, OnUnknownOutcome
from local_cloud.identity import IdentityProvider
from local_cloud.pubsub.server import PubSubEmulator
from local_cloud.rpc import current_request
from local_cloud.storage.server import StorageEmulator
from local_cloud.tasks.server import TasksEmulator
from local_cloud.tasks.settings import queue_from_flags
from local_pipeline import clients
from local_pipeline.dead_letters import DEAD_LETTERS, make_dead_letter_topics
from local_pipeline.function_process import FunctionProcess
from local_pipeline.inbox.elsewhere import SLACK_PATH, secrets_at
from local_pipeline.inbox.email_logs import REQUESTS_A_MINUTE, LogsDelay
from local_pipeline.inbox.event_webhook import EventWebhook, WebhookKey
from local_pipeline.inbox.faults import Answer, Call, CutConnection
from local_pipeline.inbox.server import EMAIL_LOGS_SCOPE, RESEND_API_KEY, SLACK_WEBHOOK_PATH, Inbox
from local_pipeline.inbox.smtp import SmtpServer
from local_pipeline.local_destination import BUCKET, LocalDestination
from local_pipeline.machine_variables import machine_variables
from local_pipeline.scheduler import Execution, Job, Scheduler
from local_pipeline.scheduler.retry import RetryConfig
from local_pipeline.shared_time import FILE_VARIABLE, SharedClock
from proof.faults.application import TOPIC, Application
from proof.faults.disturbances import CarryOut, Disturbances
from proof.faults.injection_points import InjectionPoint, InterceptedCall, inbox_call, rpc_call, storage_call
from proof.faults.instances import FrontEnd, Instance
from proof.faults.mailbox import PAGE_KEY, PAGE_URL, without_links
from proof.faults.moves import APPLICATION, Moves
from proof.faults.older_version import lay_out_older_version
from proof.faults.subscription_key import SubscriptionKey
from proof.faults.tcp_gate import TcpGate
from proof.faults.two_versions import SplitAddress, TwoVersions, Version
from proof.faults.webhook_gate import WebhookGate
from tests.certificates import Authority
from tests.deployed_firestore import deployed_firestore
from tests.function_process import REPOSITORY
from tests.support import free_ports

Result = TypeVar("Result")

DatabaseCopy = dict[str, dict[str, Any]]
"""The fields of documents, by their paths."""

PROJECT = "local-project"
LOCATION = "us-central1"
QUEUE = f"projects/{PROJECT}/locations/{LOCATION}/queues/reports"
WORKER_URL = "https://worker.example.com"
SCHEDULER = f"scheduler@{PROJECT}.iam.gserviceaccount.com"
TASKS = f"tasks@{PROJECT}.iam.gserviceaccount.com"
EVENTS = f"events@{PROJECT}.iam.gserviceaccount.com"
API_KEY = "SG.faults.not-a-secret"
MAX_ATTEMPTS = 8

THREADS = 12
INSTANCES = 2
CONCURRENCY = INSTANCES * THREADS

ACCOUNT_BRAND = "acme"
"""The brand with an account of its own at the email provider."""

_ACCOUNT_KEYS = {MailProviderName.SENDGRID: "SG.acme.not-a-secret", MailProviderName.RESEND: "re_acme"}
_ACCOUNT_DOMAIN = "acme.example"
_BRANDS = json.dumps({ACCOUNT_BRAND: {"account": ACCOUNT_BRAND, "from": f"reports@{_ACCOUNT_DOMAIN}"}})

WORKER_TIMEOUT_SECONDS = 2
"""Cloud Run's timeout as the instances of the worker know it. Here the queue itself keeps the time of an attempt."""

QUEUE_FLAGS = {
    "--max-dispatches-per-second": 500,
    "--max-concurrent-dispatches": CONCURRENCY,
    "--max-attempts": MAX_ATTEMPTS,
    "--min-backoff": "10s",
    "--max-backoff": "300s",
    "--max-doublings": 3,
}
"""Those of queue.yaml, but as fast as a queue can be, with as many dispatches at once as the instances have threads."""

_QUIET_TURNS = 10
"""For how many turns of this process's event loop nothing must be under way before the world's time moves on. What is
under way is known at every moment, but for what the event loop is about to begin. Turns and not seconds: on a busy
machine this process may stand still for longer than any time, and nothing begins meanwhile."""

_SHORTEST_STEP = timedelta(seconds=10)
_LONGEST_STEP = timedelta(seconds=320)
_COLLECTIONS = (
    *("users", "deliveries", "mail_events", "dead_letters", "runs", "alerts", "system_alerts"),
    *("mail_breaker", "kind_pauses", "untold_outcomes"),
)
"""Beside the collections of subscriptions."""

_VERSIONS = REPOSITORY / "proof" / "faults" / "versions"

_COPIES = "report-copies"
_INQUIRED = "unknown_outcome_inquired"
_NOT_PUBLISHED = "alert_not_published"
_DELIVERY_ID = re.compile(r'"delivery_id": ?"([^"]+)"')

_REAL_FAILURES = (
    exceptions.Aborted,
    exceptions.DeadlineExceeded,
    exceptions.InternalServerError,
    exceptions.ServiceUnavailable,
)


class World:
    """Everything that there is.

    Its time is one clock, that of the local cloud and of the functions, which only `pass_time` moves on beyond the
    machine's: see local_pipeline.shared_time.

    Args:
        directory: where the functions' logs go.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._time_file = directory / "time"
        self.audience_kinds = directory.resolve() / "kinds"
        """Where a scenario has kinds of its own."""
        self.clock = SharedClock(self._time_file)
        self.moves = Moves()
        self.runs: list[datetime] = []
        """The times of the dispatcher's runs."""
        self.disturbances = Disturbances(self._disturbed)
        self.on_disturbed: Callable[[str], None] = lambda subject: None
        """Told of the subject of each call that is disturbed, and of each delivery whose instance ended under it."""
        self.identity = IdentityProvider(host="127.0.0.1", port=0, clock=self.clock, is_clock_shared=True)
        at: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "clock": self.clock, "middleware": [self._rpc]}
        self.firestore = deployed_firestore(**at)
        self.push_account: Callable[[str], str] = lambda account: account
        """Which account the token of a push is, given the one that its subscription names."""
        self.pubsub = PubSubEmulator(
            **at, mint_token=lambda account, audience: self.identity.mint(self.push_account(account), audience)
        )
        self.front_end = FrontEnd(worker_url=WORKER_URL, on_cut_off=lambda subject: self.on_disturbed(subject))
        self.tasks = TasksEmulator(**at, mint_token=self.identity.mint, delivery_middleware=[self.front_end])
        self.inbox = Inbox(
            host="127.0.0.1",
            port=0,
            clock=self.clock,
            sendgrid_api_key=API_KEY,
            slack_rate_limit=False,
            domains={key: [_ACCOUNT_DOMAIN] for key in _ACCOUNT_KEYS.values()},
        )
        self.inbox.fault = self._inbox_called
        self.storage = StorageEmulator(host="127.0.0.1", port=0, clock=self.clock, middlewares=[self._storage_called])
        self.storage.buckets |= {BUCKET: {}, _COPIES: {}}
        self._authority = Authority.make(directory)
        self.smtp = SmtpServer(
            self.inbox,
            host="127.0.0.1",
            port=0,
            clock=self.clock,
            user="reports",
            password="not-a-secret",
            tls=self._authority.server("127.0.0.1"),
        )
        self._webhook_key = WebhookKey()
        self.webhook_gate = WebhookGate(self.clock, self._webhook_key)
        self.claims: defaultdict[str, list[datetime]] = defaultdict(list)
        """When the claims of each delivery came to Firestore that were carried out."""
        self.written: list[str] = []
        """The documents that were written, the oldest write first."""
        self._workers: dict[tuple[str, ...], list[Instance]] = {}
        self._functions: list[FunctionProcess] = []
        self._older = tempfile.TemporaryDirectory()
        self._restored: list[FunctionProcess] = []
        """Those that take over after a restore, until the scenario ends."""
        self._mail_events: Instance | None = None
        self._preferences: Instance | None = None

    async def start(self) -> None:
        """Start the servers and the functions. The workers, mail_events and the recipient's page start with the first
        scenario that needs them."""
        for part in (self.identity, self.firestore, self.pubsub, self.tasks, self.inbox, self.storage, self.smtp):
            await part.start()
        await self.webhook_gate.start()
        self.mail_gate = TcpGate(self.inbox.port)
        self.smtp_gate = TcpGate(self.smtp.port)
        await self.mail_gate.open()
        await self.smtp_gate.open()
        self.tasks.create_queue(QUEUE, queue_from_flags(QUEUE_FLAGS))
        self.dispatcher_url = f"http://127.0.0.1:{free_ports(1)}"
        self.dlq_handler_url = f"http://127.0.0.1:{free_ports(1)}"
        self.database = self._client()
        self.queues = clients.tasks(f"127.0.0.1:{self.tasks.port}")
        dispatcher, dlq_handler = await asyncio.gather(
            self._function("dispatcher", port=int(self.dispatcher_url.rpartition(":")[2])),
            self._function(
                "dlq_handler", signature_type="cloudevent", port=int(self.dlq_handler_url.rpartition(":")[2])
            ),
        )
        self.dispatcher, self.dlq_handler = Instance(dispatcher), Instance(dlq_handler)
        await make_dead_letter_topics(
            f"127.0.0.1:{self.pubsub.port}", project=PROJECT, handler_url=self.dlq_handler_url, invoker=EVENTS
        )
        self.application = await Application.make(f"127.0.0.1:{self.pubsub.port}", PROJECT)
        job = Job.from_flags_file(
            REPOSITORY / "scheduler.yaml",
            name="report-dispatch",
            uri=self.dispatcher_url,
            service_account=SCHEDULER,
            audience=self.dispatcher_url,
        )
        # The harness makes the retries itself, and lets time pass between them.
        self.job = self._usual_job = Job(**{**vars(job), "retry": RetryConfig(retry_count=0)})
        # The servers report each caller that is no longer there when it is answered, which here is the purpose.
        for server in ("grpc._cython.cygrpc", "aiohttp.server", "mail.log"):
            logging.getLogger(server).setLevel(logging.CRITICAL)
        self.scheduler = Scheduler(clock=self.clock, mint_token=self.identity.mint)

    async def stop(self) -> None:
        """Stop everything, the functions first."""
        await asyncio.gather(*(function.stop() for function in self._functions))
        await self.scheduler.stop()
        await self.front_end.stop()
        await self.mail_gate.shut()
        await self.smtp_gate.shut()
        await self.webhook_gate.stop()
        for part in (self.tasks, self.pubsub, self.smtp, self.inbox, self.storage, self.firestore, self.identity):
            await part.stop()
        self._older.cleanup()

    async def worker(
        self,
        provider: MailProviderName,
        on_unknown_outcome: OnUnknownOutcome = OnUnknownOutcome.DEAD_LETTER,
        *,
        version: str = "warm",
    ) -> None:
        """Have the instances of the worker with these settings get the tasks from now on.

        Args:
            provider: through whom they send.
            on_unknown_outcome: what they do about an unknown outcome.
            version: which version of the worker, by the name of its file in proof/faults/versions.
        """
        settings = (provider.value, on_unknown_outcome.value, version)
        if settings not in self._workers:
            self._workers[settings] = [
                Instance(process)
                for process in await asyncio.gather(
                    *(
                        self._function(
                            "worker",
                            source=_VERSIONS / f"{version}.py",
                            log=f"{'-'.join(settings)}-{number}",
                            MAIL_PROVIDER=provider.value,
                            BRANDS=_BRANDS,
                            MAIL_ACCOUNTS=self._accounts(provider),
                            ON_UNKNOWN_OUTCOME=on_unknown_outcome,
                            # Trials would use up what a scenario has in store for a delivery. An outage is played by
                            # tests/functions/worker/integration/test_outage.py.
                            PROVIDER_PAUSE="0",
                            CLOUD_RUN_TIMEOUT_SECONDS=str(WORKER_TIMEOUT_SECONDS),
                        )
                        for number in range(INSTANCES)
                    )
                )
            ]
        self.front_end.instances = self._workers[settings]

    async def send_mail_events(self) -> None:
        """Have SendGrid call mail_events with what becomes of the emails, until the scenario ends."""
        if self._mail_events is None:
            process = await self._function("mail_events")
            self._mail_events = Instance(process)
            self.webhook_gate.port_behind = process.port
        self.inbox.webhook = EventWebhook(self.clock, url=f"{self.webhook_gate.url}/", key=self._webhook_key)
        await self.inbox.webhook.start()

    async def offer_pages(self) -> None:
        """Have the recipient's page answer from now on."""
        if self._preferences is None:
            self._preferences = Instance(await self._function("preferences"))

    @property
    def mail_events(self) -> Instance:
        """The function, once `send_mail_events` has started it."""
        assert self._mail_events is not None
        return self._mail_events

    @property
    def preferences(self) -> Instance:
        """The function, once `offer_pages` has started it."""
        assert self._preferences is not None
        return self._preferences

    def no_worker(self) -> None:
        """Give no instance of the worker a request from now on."""
        for instance in self.front_end.instances:
            instance.available = False

    async def clear(self) -> None:
        """Forget what a scenario has left."""
        await self.inbox.webhook.stop()
        self.inbox.webhook = EventWebhook(self.clock)
        await self.firestore.clear()
        await self.queues.purge_queue(name=QUEUE)
        await self.dispatch_at_most(CONCURRENCY)
        self.job = self._usual_job
        await self._stop(self._restored)
        self.front_end.clear()
        self.webhook_gate.clear()
        self.inbox.dropped.clear()
        self.inbox.slack_messages.clear()
        self.inbox.elsewhere.received.clear()
        for bucket in self.storage.buckets.values():
            bucket.clear()
        self.inbox.webhook.counts.clear()
        self.inbox.logs_delay, self.inbox.logs_limit.requests = LogsDelay(), REQUESTS_A_MINUTE
        self.inbox.sendgrid_scopes.add(EMAIL_LOGS_SCOPE)
        self.inbox.resend.takes = timedelta()
        self.inbox.resend.other_requests.clear()
        await self.application.listen()
        self.application.heard.clear()
        self.moves.clear()
        self.claims.clear()
        self.written.clear()
        self.runs.clear()

    async def pause(self) -> None:
        """Let the queue stand still."""
        await self.queues.pause_queue(name=QUEUE)

    async def resume(self) -> None:
        """Let the queue continue."""
        await self.queues.resume_queue(name=QUEUE)

    async def copy(self) -> DatabaseCopy:
        """Everything that is in Firestore."""
        copied: DatabaseCopy = {}
        for collection in self._collections:
            async for snapshot in collection.stream():
                copied[snapshot.reference.path] = snapshot.to_dict() or {}
        return copied

    async def restore(self, copied: DatabaseCopy, *, restored_at: datetime | None, provider: MailProviderName) -> None:
        """Put Firestore back to a copy, and have functions that know of it take over until the scenario ends.

        Args:
            copied: what is in Firestore from now on.
            restored_at: RESTORED_AT of these functions; None: those go on that there are, and know of nothing.
            provider: through whom their worker sends.
        """
        for path in (await self.copy()).keys() - copied.keys():
            await self.database.document(path).delete()
        for path, fields in copied.items():
            await self.database.document(path).set({**fields, APPLICATION: True})
        if restored_at is None:
            return
        known = restored_at.isoformat()
        dispatcher, worker = await asyncio.gather(
            self._function("dispatcher", log="dispatcher-restored", RESTORED_AT=known),
            self._function(
                "worker",
                log="worker-restored",
                RESTORED_AT=known,
                PROVIDER_PAUSE="0",
                MAIL_PROVIDER=provider.value,
                BRANDS=_BRANDS,
                MAIL_ACCOUNTS=self._accounts(provider),
            ),
        )
        self._restored = [dispatcher, worker]
        self.front_end.instances = [Instance(worker)]
        self.job = replace(self.job, uri=f"http://127.0.0.1:{dispatcher.port}")

    @asynccontextmanager
    async def ramped(self, ramp: Ramp) -> AsyncIterator[None]:
        """Have the scheduler call a dispatcher that ramps the queue up; then the queue is as fast as before."""
        try:
            variables = {
                "RAMP_START": ramp.start.isoformat(),
                "RAMP_FIRST_DAY": str(ramp.first_day),
                "RAMP_GROWTH": str(ramp.growth),
                "QUEUE_RATE": str(ramp.full_rate),
            }
            async with self._dispatcher("dispatcher-ramp", variables):
                yield
        finally:
            limits = RateLimits(max_dispatches_per_second=QUEUE_FLAGS["--max-dispatches-per-second"])
            mask = FieldMask(paths=["rate_limits.max_dispatches_per_second"])
            await self.queues.update_queue(queue=Queue(name=QUEUE, rate_limits=limits), update_mask=mask)

    @asynccontextmanager
    async def audiences(self, *kinds: str) -> AsyncIterator[None]:
        """Have the scheduler call a dispatcher that has the queries of these kinds read."""
        async with self._dispatcher("dispatcher-audiences", {"AUDIENCES": ",".join(kinds)}):
            yield

    @asynccontextmanager
    async def _dispatcher(self, log: str, variables: Mapping[str, str]) -> AsyncIterator[None]:
        """Have the scheduler call a dispatcher with these variables."""
        dispatcher = await self._function("dispatcher", log=log, **dict[str, Any](variables))
        self.job = replace(self.job, uri=f"http://127.0.0.1:{dispatcher.port}")
        try:
            yield
        finally:
            self.job = self._usual_job
            await self._stop([dispatcher])

    @asynccontextmanager
    async def two_versions(self, provider: MailProviderName) -> AsyncIterator[TwoVersions]:
        """Have the released version of worker and dispatcher run beside this one, an instance of each, and get requests
        at the same addresses. The DLQ handler is this version's.

        Args:
            provider: through whom they send.

        Raises:
            OlderVersionMissing: the released version is not in this copy of the repository.
        """
        older = Path(self._older.name)
        if not (older / "functions").exists():
            lay_out_older_version(older)
        port = free_ports(1)
        roots = {Version.OLDER: older, Version.NEWER: REPOSITORY}
        sources = {Version.OLDER: None, Version.NEWER: _VERSIONS / "warm.py"}
        processes = await asyncio.gather(
            *(
                self._function(
                    "worker",
                    root=root,
                    source=sources[version],
                    log=f"worker-{provider}-{version}",
                    MAIL_PROVIDER=provider.value,
                    PROVIDER_PAUSE="0",
                )
                for version, root in roots.items()
            ),
            *(
                self._function(
                    "dispatcher",
                    root=root,
                    log=f"dispatcher-{provider}-{version}",
                    DISPATCHER_URL=f"http://127.0.0.1:{port}",
                    # Only the released version can divide a run; this one takes its shares over.
                    DISPATCH_SHARES="2",
                    # A request is over with its first report, and hands on the rest.
                    DISPATCH_TIME_LIMIT="0.000001",
                )
                for version, root in roots.items()
            ),
        )
        instances = [Instance(process) for process in processes]
        versions = TwoVersions(
            workers=dict(zip(roots, instances[:2], strict=True)),
            dispatchers=dict(zip(roots, instances[2:], strict=True)),
        )
        address = SplitAddress(versions, port=port)
        await address.start()
        usual_job, usual_instances = self.job, self.front_end.instances
        self.job = replace(self.job, uri=address.url, audience=address.url)
        self.front_end.instances, self.front_end.choose = instances[:2], versions.worker_for
        try:
            yield versions
        finally:
            self.job, self.front_end.instances, self.front_end.choose = usual_job, usual_instances, None
            for process in processes:
                self._functions.remove(process)
            await asyncio.gather(*(process.stop() for process in processes), address.stop())

    async def dispatch_at_most(self, number: int) -> None:
        """Let the queue have so many tasks under way at once."""
        queue = Queue(name=QUEUE, rate_limits=RateLimits(max_concurrent_dispatches=number))
        mask = FieldMask(paths=["rate_limits.max_concurrent_dispatches"])
        await self.queues.update_queue(queue=queue, update_mask=mask)

    def next_hour(self, *, missed: int = 0) -> datetime:
        """Let time pass until the next full hour, or by so many hours more, and return it."""
        now = self.clock.now()
        hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1 + missed)
        self.pass_time(hour - now + timedelta(seconds=1))
        return hour

    async def run(self, hour: datetime) -> Execution:
        """Have the dispatcher called for an hour, once."""
        self.runs.append(hour)
        return await self.scheduler.run_now(self.job, schedule_time=hour)

    async def run_with_retries(self, hour: datetime) -> Execution:
        """Call the dispatcher for an hour, with the retries of scheduler.yaml: up to five, half a minute or more
        apart."""
        execution = await self.run(hour)
        for attempt in range(5):
            if execution.succeeded:
                break
            await self.quiet()
            self.pass_time(timedelta(seconds=30 * 2**attempt))
            execution = await self.run(hour)
        return execution

    async def drain(self) -> None:
        """Let time pass until neither queue nor topic nor SendGrid has anything left to deliver."""
        step = _SHORTEST_STEP
        while True:
            await self.quiet()
            if not self.tasks.counts(QUEUE).depth and self.pubsub.idle() and not self.inbox.webhook.unsent:
                return
            self.pass_time(step)
            step = min(step * 2, _LONGEST_STEP)

    async def quiet(self) -> None:
        """Return when nothing is under way: what is left waits for its time."""
        turns = 0
        while turns < _QUIET_TURNS:
            outstanding = sum(counts.outstanding for counts in self.pubsub.counts().values())
            is_idle = self.front_end.is_idle and self.webhook_gate.is_idle
            is_quiet = is_idle and not self.tasks.counts(QUEUE).running and not outstanding
            turns = turns + 1 if is_quiet else 0
            await asyncio.sleep(0.003 if is_quiet else 0.01)

    def pass_time(self, by: timedelta) -> None:
        """Let time pass for all processes."""
        self.clock.advance(by)

    async def documents(self, collection: str) -> dict[str, dict[str, Any]]:
        """A whole collection, by the documents' ids."""

        async def read() -> dict[str, dict[str, Any]]:
            found = self.database.collection(collection)
            return {each.id: each.to_dict() or {} async for each in found.stream()}

        return await self.patiently(read)

    async def subscriptions(self) -> dict[SubscriptionKey, dict[str, Any]]:
        """All subscriptions of all users."""

        async def read() -> dict[SubscriptionKey, dict[str, Any]]:
            return {
                SubscriptionKey(each.reference.parent.parent.id, each.id): each.to_dict() or {}
                async for each in self.database.collection_group(SUBSCRIPTIONS).stream()
            }

        return await self.patiently(read)

    async def patiently(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do the harness's own work with retries, since its calls may be disturbed like all others."""
        while True:
            try:
                return await work()
            except _REAL_FAILURES:
                await asyncio.sleep(0.01)

    def inquired(self) -> set[str]:
        """The deliveries whose outcome a worker did not know and has asked about, by the workers' logs."""
        return self._logged(_INQUIRED)

    def told_by_log(self) -> set[str]:
        """The deliveries whose dead letter closed by itself when Pub/Sub did not take the alert about that. The log
        says so, and Cloud Monitoring tells people what it says."""
        return self._logged(_NOT_PUBLISHED, AlertKind.OUTCOME_SETTLED.value)

    def _logged(self, *words: str) -> set[str]:
        """The deliveries that lines of the functions' logs name that have all of these words."""
        lines = (line for file in self._directory.rglob("*.log") for line in file.open(encoding="utf-8"))
        return {
            found[1] for line in lines if all(word in line for word in words) and (found := _DELIVERY_ID.search(line))
        }

    async def _rpc(self, method: str, carry_out: CarryOut) -> Any:
        request = current_request()
        call = rpc_call(method, request, in_flight=self.front_end.in_flight)

        async def observed() -> Any:
            came_at = self.clock.now()
            response = await carry_out()
            if method.endswith(("/Commit", "/BatchWrite")):
                self.written += (write.update.name or write.delete for write in request.writes)
            if call.point is InjectionPoint.CLAIM:
                self.claims[call.subject].append(came_at)
            if method.endswith("/Commit"):
                self.moves.note(request, response)
            return response

        return await self.disturbances.pass_through(call, observed)

    async def _inbox_called(self, call: Call, carry_out: Callable[[], Awaitable[Answer]]) -> Answer:
        intercepted = inbox_call(call, in_flight=self.front_end.in_flight)
        answer: Answer = await self.disturbances.pass_through(intercepted, carry_out)
        return answer

    def received(self) -> Iterator[tuple[str, str, str, str]]:
        """What came to the destinations beside email: which, of which delivery, its JSON, and its text if it has one
        as an email would."""
        for each in self.inbox.elsewhere.received:
            yield each.destination, each.delivery_id, json.dumps(each.payload), ""
        bucket = self.storage.buckets[BUCKET]
        for name, stored in bucket.items():
            if name.endswith("/manifest.json"):
                files = {each["filename"]: each["name"] for each in json.loads(stored.content)["files"]}
                text = bucket[files["report.txt"]].content.decode()
                yield LocalDestination.GCS.value, name.split("/")[-2], stored.content.decode(), text

    @property
    def copies(self) -> Mapping[str, str]:
        """What the copies in the archive say, without links, by their names."""
        kept = {name: stored.content for name, stored in self.storage.buckets[_COPIES].items()}
        read = {name: ArchivedCopy.from_bytes(gzip.decompress(content)) for name, content in kept.items()}
        return {name: without_links(copy.text, copy.text_tag) for name, copy in read.items()}

    @web.middleware
    async def _storage_called(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        intercepted = storage_call(await request.read())
        try:
            answer = await self.disturbances.pass_through(intercepted, lambda: handler(request))
        except CutConnection:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if isinstance(answer, Answer):
            return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        found: web.StreamResponse = answer
        return found

    def _disturbed(self, call: InterceptedCall) -> None:
        self.on_disturbed(call.subject)

    def _client(self) -> AsyncClient:
        with _environment("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{self.firestore.port}"):
            credentials = AnonymousCredentials()  # type: ignore[no-untyped-call]  # google-auth is untyped here
            return AsyncClient(project=PROJECT, credentials=credentials)

    @property
    def _collections(self) -> list[Any]:
        """All of them, those of subscriptions as one."""
        top = [self.database.collection(name) for name in _COLLECTIONS]
        return [*top, self.database.collection_group(SUBSCRIPTIONS)]

    async def _function(
        self,
        name: str,
        *,
        root: Path = REPOSITORY,
        source: Path | None = None,
        signature_type: str = "http",
        port: int = 0,
        log: str = "",
        **variables: str,
    ) -> FunctionProcess:
        function = FunctionProcess(
            name=name,
            source=source or root / "functions" / name / "main.py",
            target=name,
            signature_type=signature_type,
            port=port or free_ports(1),
            environment={**machine_variables(), **self.variables, "PYTHONPATH": str(root), **variables},
            log_directory=self._directory / (log or name),
            on_event=lambda line: None,
        )
        await function.start()
        self._functions.append(function)
        return function

    def _accounts(self, provider: MailProviderName) -> str:
        """MAIL_ACCOUNTS of a worker."""
        return json.dumps({ACCOUNT_BRAND: _ACCOUNT_KEYS.get(provider, self.variables["SMTP_URL"])})

    async def _stop(self, functions: list[FunctionProcess]) -> None:
        while functions:
            function = functions.pop()
            self._functions.remove(function)
            await function.stop()

    @property
    def variables(self) -> dict[str, str]:
        """The variables by which functions and commands find the services."""
        return {
            "PYTHONPATH": str(REPOSITORY),
            FILE_VARIABLE: str(self._time_file),
            "THREADS": str(THREADS),
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "LOCATION": LOCATION,
            "REPORT_QUEUES": "reports",
            "WORKER_URL": WORKER_URL,
            "DISPATCHER_URL": self.dispatcher_url,
            "TASKS_INVOKER": TASKS,
            "SCHEDULER_INVOKER": SCHEDULER,
            "DLQ_HANDLER_URL": self.dlq_handler_url,
            "EVENTS_INVOKER": EVENTS,
            "DEAD_LETTER_TOPIC": DEAD_LETTERS,
            "OUTCOMES_TOPIC": TOPIC,
            "DEFAULT_KIND": "activity",
            "AUDIENCE_KINDS": str(self.audience_kinds),
            "MAX_ATTEMPTS": str(MAX_ATTEMPTS),
            "SENDGRID_API_KEY": API_KEY,
            "SENDGRID_HOST": f"http://127.0.0.1:{self.mail_gate.port}",
            "RESEND_API_KEY": RESEND_API_KEY,
            "RESEND_HOST": f"http://127.0.0.1:{self.mail_gate.port}",
            "SSL_CERT_FILE": str(self._authority.file),
            "SMTP_URL": self.smtp.url.replace(f":{self.smtp.port}", f":{self.smtp_gate.port}"),
            "MAIL_FROM": "reports@example.com",
            "PREFERENCES_URL": PAGE_URL,
            "PREFERENCES_KEY": PAGE_KEY,
            "SENDGRID_WEBHOOK_KEY": self._webhook_key.public,
            "SLACK_WEBHOOK_URL": f"http://127.0.0.1:{self.inbox.port}{SLACK_WEBHOOK_PATH}",
            "DESTINATION_SECRETS": json.dumps(secrets_at(f"http://127.0.0.1:{self.inbox.port}")),
            "WEBHOOK_PRIVATE_ADDRESSES": "true",
            "SLACK_API_URL": f"http://127.0.0.1:{self.inbox.port}{SLACK_PATH}",
            "STORAGE_EMULATOR_HOST": self.storage.url,
            "ARCHIVE": _COPIES,
            "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{self.firestore.port}",
            "FIRESTORE_REST_EMULATOR_HOST": f"127.0.0.1:{self.firestore.rest_port}",
            "PUBSUB_EMULATOR_HOST": f"127.0.0.1:{self.pubsub.port}",
            "CLOUD_TASKS_EMULATOR_HOST": f"127.0.0.1:{self.tasks.port}",
            "OIDC_CERTS_URL": self.identity.certs_url,
            "OIDC_ISSUER": self.identity.issuer,
        }


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Set a variable for as long as a client is made that reads it."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
