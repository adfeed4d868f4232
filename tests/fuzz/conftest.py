"""The whole pipeline: the three functions as processes, and everything that they talk to."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from google.cloud.tasks_v2 import (
    HttpRequest,
    HttpTarget,
    OidcToken,
    Queue,
    RateLimits,
    RetryConfig,
    Task,
    UriOverride,
)

from local_pipeline.function_process import FunctionProcess
from tests.function_process import running_function
from tests.functions.dlq_handler.integration.conftest import INVOKER, URL, Handler
from tests.local_services import (
    DISPATCHER_URL,
    MAX_ATTEMPTS,
    PARENT,
    QUEUE,
    SCHEDULER_INVOKER,
    TASKS_INVOKER,
    WORKER_URL,
    LocalServices,
    local_services,
)

TOLD_OF = 10
"""One of so many dead letters is told of."""


@dataclass(kw_only=True)
class Pipeline:
    """The functions, and what a test does with them."""

    services: LocalServices
    dispatcher: FunctionProcess
    telling: Handler
    storing: Handler
    """The DLQ handler with Slack, and without: each message in Slack takes more than a second."""

    @property
    def database(self) -> Any:
        """A google.cloud.firestore.Client."""
        return self.services.database

    def deliver(self, body: bytes) -> None:
        """Put a task into the queue, have it tried until it ends, and have what came of it kept."""
        request = HttpRequest(
            url=f"{WORKER_URL}/tasks/send-report",
            body=body,
            oidc_token=OidcToken(service_account_email=TASKS_INVOKER, audience=WORKER_URL),
        )
        self.services.queues.create_task(parent=QUEUE, task=Task(http_request=request))
        self._settle()

    def run(self, scheduled_for: datetime) -> dict[str, Any]:
        """Make a run, have its tasks tried until they end, and have what came of them kept.

        Returns:
            what the dispatcher answered, and its status in `http_status`.
        """

        async def mint() -> str:
            return self.services.identity.mint(SCHEDULER_INVOKER, DISPATCHER_URL, timedelta(hours=1))

        answer = requests.post(
            f"http://127.0.0.1:{self.dispatcher.port}/dispatch",
            headers={
                "Authorization": f"Bearer {self.services.background.run(mint())}",
                "X-CloudScheduler-ScheduleTime": scheduled_for.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
            timeout=120,
        )
        self._settle()
        return {**answer.json(), "http_status": answer.status_code}

    def _settle(self) -> None:
        """Wait until no task is left, and have what came on the topic kept."""
        self.services.background.run(self.services.tasks.idle())
        while messages := self.services.take_published():
            for number, message in enumerate(messages):
                handler = self.storing if number % TOLD_OF else self.telling
                kept = handler.receives(message.data, attributes=dict(message.attributes))
                # 409: stored, and to be delivered again for the sake of an alert.
                assert kept.status_code in {200, 409}, (kept.status_code, message.data[:1000])

    def documents(self, collection: str) -> dict[str, dict[str, Any]]:
        """A collection, by the documents' ids."""
        return {each.id: each.to_dict() for each in self.database.collection(collection).stream()}

    def mailed(self) -> list[str]:
        """The delivery of each email that SendGrid took."""

        async def read() -> list[str]:
            return [envelope.custom_args["delivery_id"] for envelope in self.services.inbox.mails]

        return self.services.background.run(read())

    def clear(self) -> None:
        """Forget everything but the names of tasks."""
        self.services.background.run(self.services.firestore.clear())
        self.services.inbox.slack_messages.clear()


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """Everything, started once."""
    logs = tmp_path_factory.mktemp("fuzz")
    with ExitStack() as stack:
        services = stack.enter_context(local_services(sendgrid_api_key="SG.fuzz", slack_rate_limit=False))

        dlq_handler = {"DLQ_HANDLER_URL": URL, "EVENTS_INVOKER": INVOKER}

        def start(name: str, log: str, signature_type: str = "http", **variables: str) -> FunctionProcess:
            return stack.enter_context(
                running_function(
                    services.background,
                    name=name,
                    environment={**services.environment, **dlq_handler, "THREADS": "8", **variables},
                    log_directory=logs / log,
                    signature_type=signature_type,
                )
            )

        worker, dispatcher = start("worker", "worker"), start("dispatcher", "dispatcher")
        storing = start("dlq_handler", "storing", "cloudevent")
        telling = start("dlq_handler", "telling", "cloudevent", SLACK_WEBHOOK_URL=services.inbox.slack_webhook_url)
        a_moment = timedelta(milliseconds=100)
        queue = Queue(
            name=QUEUE,
            rate_limits=RateLimits(max_dispatches_per_second=500, max_concurrent_dispatches=8),
            retry_config=RetryConfig(max_attempts=MAX_ATTEMPTS, min_backoff=a_moment, max_backoff=a_moment),
            http_target=HttpTarget(
                uri_override=UriOverride(scheme=UriOverride.Scheme.HTTP, host="127.0.0.1", port=worker.port)
            ),
        )
        services.queues.create_queue(parent=PARENT, queue=queue)
        handlers = {"telling": Handler(telling, services.identity), "storing": Handler(storing, services.identity)}
        yield Pipeline(services=services, dispatcher=dispatcher, **handlers)
