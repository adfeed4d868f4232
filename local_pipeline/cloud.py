"""The whole local cloud: its servers, its resources, and the functions that run on it."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from google.api_core.exceptions import AlreadyExists
from google.cloud.tasks_v2 import Queue

from local_cloud.clock import Clock
from local_cloud.errors import LocalCloudError
from local_cloud.firestore.required_indexes import refuse
from local_cloud.firestore.server import FirestoreEmulator
from local_cloud.flags_file import read_flags_file
from local_cloud.identity import IdentityProvider
from local_cloud.index_file import read_index_file
from local_cloud.pubsub.server import PubSubEmulator
from local_cloud.rpc import Middleware, latency
from local_cloud.storage.server import StorageEmulator
from local_cloud.tasks.server import TasksEmulator
from local_cloud.tasks.settings import queue_from_flags
from local_pipeline import clients
from local_pipeline.addresses import HOST
from local_pipeline.brands import brand_domains
from local_pipeline.dead_letters import make_dead_letter_topics
from local_pipeline.environment import SENDGRID_API_KEY, SMTP_PASSWORD, SMTP_USER, Environment
from local_pipeline.function_process import FunctionProcess
from local_pipeline.inbox.event_webhook import EventWebhook
from local_pipeline.inbox.mail_webhook import MailWebhook
from local_pipeline.inbox.resend_webhook import ResendWebhook
from local_pipeline.inbox.server import RESEND_API_KEY, Inbox
from local_pipeline.inbox.smtp import SmtpServer
from local_pipeline.local_destination import BUCKET
from local_pipeline.outcomes import make_outcomes_topic
from local_pipeline.project import Project
from local_pipeline.provider import Provider
from local_pipeline.scheduler import Job, Scheduler
from local_pipeline.shared_time import FILE_VARIABLE, SharedClock

JOB_NAME = "report-dispatch"


class _Part(Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class LocalCloud:
    """The services of Google, email providers and Slack that the pipeline uses, and the functions, on this machine.

    Args:
        repository: the folder that holds `functions/` and `deployment/`.
        project: the kinds, and the files in place of the repository's.
        environment: addresses and names.
        queue_flags: the flags of queue.yaml, or others in their place.
        data_directory: where emails, logs and the environment are written.
        latency_seconds: added to every API call, as a network would.
        on_event: called with one line for each event of a function.
        clock: a time that the functions share, so that it can be moved; None for the machine's.
    """

    def __init__(
        self,
        *,
        repository: Path,
        project: Project,
        environment: Environment,
        queue_flags: dict[str, Any],
        data_directory: Path,
        latency_seconds: float,
        on_event: Callable[[str], None],
        clock: SharedClock | None = None,
    ) -> None:
        self._repository = repository
        self._project = project
        self._environment = environment
        self._variables = environment.variables
        self._queue_flags = queue_flags
        self._data_directory = data_directory
        self._on_event = on_event
        self._time_file = clock.file if clock else None
        self._started: list[_Part] = []
        self.functions: list[FunctionProcess] = []
        """The functions that run."""
        self._missing_indexes: set[str] = set()
        self.clock = clock or Clock()
        ports = environment.ports
        middleware: Sequence[Middleware] = [latency(latency_seconds, self.clock.sleep)] if latency_seconds else []
        self.identity = IdentityProvider(
            host=HOST, port=ports.identity, clock=self.clock, is_clock_shared=clock is not None
        )
        self.firestore = FirestoreEmulator(
            host=HOST,
            port=ports.firestore,
            rest_port=ports.firestore_rest,
            clock=self.clock,
            middleware=middleware,
            declared_indexes=read_index_file(*project.index_files),
            on_missing_index=self._refuse_missing_index,
        )
        self.tasks = TasksEmulator(
            host=HOST,
            port=ports.tasks,
            rest_port=ports.tasks_rest,
            clock=self.clock,
            middleware=middleware,
            mint_token=self.identity.mint,
        )
        self.pubsub = PubSubEmulator(
            host=HOST, port=ports.pubsub, clock=self.clock, middleware=middleware, mint_token=self.identity.mint
        )
        self.storage = StorageEmulator(host=HOST, port=ports.storage, clock=self.clock)
        self.inbox = Inbox(
            host=HOST,
            port=ports.inbox,
            clock=self.clock,
            sendgrid_api_key=SENDGRID_API_KEY,
            directory=data_directory,
            sender_domain=self._variables["MAIL_FROM"].rpartition("@")[2],
            domains=brand_domains(
                project.folder, {Provider.SENDGRID: SENDGRID_API_KEY, Provider.RESEND: RESEND_API_KEY}
            ),
            webhook=EventWebhook(self.clock, url=self._webhook_url(Provider.SENDGRID), key=environment.webhook_key),
            resend_webhook=ResendWebhook(
                self.clock, url=self._webhook_url(Provider.RESEND), secret=environment.webhook_secret
            ),
        )
        self.mail_server = SmtpServer(
            self.inbox, host=HOST, port=ports.smtp, clock=self.clock, user=SMTP_USER, password=SMTP_PASSWORD
        )
        self.job = Job.from_flags_file(
            project.file("scheduler.yaml"),
            name=JOB_NAME,
            uri=self._variables["DISPATCHER_URL"],
            service_account=self._variables["SCHEDULER_INVOKER"],
            audience=self._variables["DISPATCHER_URL"],
        )
        self.scheduler = Scheduler(clock=self.clock, mint_token=self.identity.mint, jobs=[self.job])

    def _webhook_url(self, provider: Provider) -> str | None:
        """Where a provider says what becomes of the emails; None for nowhere."""
        variable = provider.webhook_variable
        # Somebody else's key is for somebody else's events.
        if provider is not self._environment.mail_provider or not variable or not self._environment.is_own(variable):
            return None
        return f"http://{HOST}:{self._environment.ports.mail_events}/{provider}"

    @property
    def webhook(self) -> MailWebhook | None:
        """What says what becomes of the emails; None where nothing does."""
        webhooks: tuple[MailWebhook, ...] = (self.inbox.webhook, self.inbox.resend.webhook)
        return next((each for each in webhooks if each.url is not None), None)

    def received(self) -> list[str]:
        """The deliveries that came to a destination beside email, once for each time."""
        manifests = [name for name in self.storage.buckets[BUCKET] if name.endswith("/manifest.json")]
        return [
            *(each.delivery_id for each in self.inbox.elsewhere.received),
            *(name.split("/")[-2] for name in manifests),
        ]

    @property
    def project(self) -> str:
        """The project's id."""
        return self._variables["GOOGLE_CLOUD_PROJECT"]

    async def start(self) -> None:
        """Start the servers, make the queues and the topics, and start the functions.

        The caller starts the scheduler, perhaps after a first run.

        Raises:
            LocalCloudError: something cannot be started; nothing is left running then.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop everything, the functions first."""
        await self.scheduler.stop()
        while self._started:
            await self._started.pop().stop()

    async def _start(self) -> None:
        self._environment.write(
            self._data_directory / "environment",
            project=self._project.folder,
            with_control=self._time_file is not None,
        )
        if not self._environment.is_own("PUBSUB_EMULATOR_HOST"):
            raise LocalCloudError(
                "PUBSUB_EMULATOR_HOST: unset it. Another Pub/Sub pushes without the tokens that the DLQ handler wants."
            )
        await self._start_part(self.identity)
        await self._start_part(self.pubsub)
        for variable, part in (("FIRESTORE_EMULATOR_HOST", self.firestore), ("CLOUD_TASKS_EMULATOR_HOST", self.tasks)):
            if self._environment.is_own(variable):
                await self._start_part(part)
            else:
                await _check_host(variable, self._variables[variable])
        self.storage.buckets[BUCKET] = {}
        if self._environment.is_own("STORAGE_EMULATOR_HOST"):
            # The bucket of a deployment has this rule, too: each copy says itself when its days are over.
            self.storage.make_bucket(self._variables["ARCHIVE"], days_since_custom_time=0)
            await self._start_part(self.storage)
        await self._start_part(self.inbox)
        await self._start_part(self.mail_server)
        await self._make_queues()
        await make_dead_letter_topics(
            self._variables["PUBSUB_EMULATOR_HOST"],
            project=self.project,
            handler_url=self._variables["DLQ_HANDLER_URL"],
            invoker=self._variables["EVENTS_INVOKER"],
            dead_letters=self._variables["DEAD_LETTER_TOPIC"],
        )
        if topic := self._variables.get("OUTCOMES_TOPIC"):
            await make_outcomes_topic(self._variables["PUBSUB_EMULATOR_HOST"], project=self.project, topic=topic)
        await self._start_functions()

    async def _start_part(self, part: _Part) -> None:
        await part.start()
        self._started.append(part)

    def _refuse_missing_index(self, missing: str) -> None:
        """Refuse a query as the deployed Firestore would, and say so once where the developer looks."""
        if missing not in self._missing_indexes:
            self._missing_indexes.add(missing)
            self._on_event(f"Firestore: {missing} Or add it to firestore.indexes.json in the folder of the kind.")
        refuse(missing)

    @property
    def has_tasks(self) -> bool:
        """Whether a queue of this Cloud Tasks still has something to deliver."""
        return self._environment.is_own("CLOUD_TASKS_EMULATOR_HOST") and any(
            self.tasks.counts(f"{self._location}/queues/{queue}").depth
            for queue in (*self._report_queues, self._variables["CONTINUATION_QUEUE"])
        )

    @property
    def provider(self) -> Provider:
        """Through whom the pipeline sends."""
        return self._environment.mail_provider

    @property
    def _location(self) -> str:
        return f"projects/{self.project}/locations/{self._variables['LOCATION']}"

    @property
    def _report_queues(self) -> list[str]:
        return [name.strip() for name in self._variables["REPORT_QUEUES"].split(",") if name.strip()]

    async def _make_queues(self) -> None:
        continuations = read_flags_file(self._repository / "deployment" / "continuation-queue.yaml")
        flags = dict.fromkeys(self._report_queues, self._queue_flags)
        # In this order: a queue that is both gets the settings of a report queue.
        flags = {self._variables["CONTINUATION_QUEUE"]: continuations, **flags}
        client = clients.tasks(self._variables["CLOUD_TASKS_EMULATOR_HOST"])
        for name, of_queue in flags.items():
            queue = queue_from_flags(of_queue)
            queue.name = f"{self._location}/queues/{name}"
            with contextlib.suppress(AlreadyExists):
                await client.create_queue(parent=self._location, queue=Queue.wrap(queue))

    @property
    def _serves_preferences(self) -> bool:
        """Whether the links of the emails lead to the page of this local cloud."""
        return "PREFERENCES_URL" in self._variables and self._environment.is_own("PREFERENCES_URL")

    async def _start_functions(self) -> None:
        environment = self._environment.for_function(self._repository, self._project.folder)
        if self._time_file:
            environment = {**environment, FILE_VARIABLE: str(self._time_file)}
        ports = self._environment.ports
        # Nobody calls a local cloud that makes one run and ends.
        serves_api = self._time_file is not None and self._environment.is_own("API_URL")
        self.functions = [
            FunctionProcess(
                name=name,
                source=self._repository / "functions" / name / "main.py",
                target=name,
                signature_type=signature_type,
                port=port,
                environment=environment,
                log_directory=self._data_directory / "logs",
                on_event=self._on_event,
            )
            for name, signature_type, port in (
                ("dlq_handler", "cloudevent", ports.dlq_handler),
                ("worker", "http", ports.worker),
                ("dispatcher", "http", ports.dispatcher),
                *([("preferences", "http", ports.preferences)] if self._serves_preferences else []),
                *([("mail_events", "http", ports.mail_events)] if self._environment.has_mail_events else []),
                *([("api", "http", ports.api)] if serves_api else []),
            )
        ]
        self._started += self.functions
        results = await asyncio.gather(*(function.start() for function in self.functions), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result


async def _check_host(variable: str, address: str) -> None:
    """Fail at once if no server answers, instead of after the minutes that a client library tries."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(5):
            _, writer = await asyncio.open_connection(host, int(port))
    except (OSError, ValueError, TimeoutError) as error:
        raise LocalCloudError(
            f"{variable}={address} does not answer: start that emulator, or unset it to use the local cloud's own."
        ) from error
    writer.close()
