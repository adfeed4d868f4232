"""Worker and dispatcher as processes with secrets that can be told apart, and everything that they talk to."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from google.cloud.tasks_v2 import Queue

from functions.shared.records.ids import delivery_id, run_id
from functions.shared.records.report_task import ReportTask
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from local_cloud.identity import IdentityProvider
from local_pipeline.function_process import FunctionProcess
from local_pipeline.inbox.server import Inbox
from tests.function_process import running_function
from tests.local_services import PARENT, QUEUE, TASKS_INVOKER, WORKER_URL, LocalServices, local_services
from tests.seeding import seed
from tests.support import Background, Faults

DUE = datetime(2026, 11, 24, 13, tzinfo=UTC)
HOUR = timedelta(hours=1)

SENDGRID_KEY = "SG.very-secret-sendgrid-key"
UNSUBSCRIBE_KEY = "very-secret-unsubscribe-key"
SECRETS = (SENDGRID_KEY, UNSUBSCRIBE_KEY)
DOMAIN = "@private.example"
"""Of every recipient: nothing that ends in it may be read where it does not belong."""


@dataclass(kw_only=True)
class House:
    """The functions, what is around them, and what they left there."""

    services: LocalServices
    faults: Faults
    worker: FunctionProcess
    dispatcher: FunctionProcess
    logs: Path
    answers: list[str] = field(default_factory=list)
    published: list[str] = field(default_factory=list)

    @property
    def background(self) -> Background:
        """Where the servers run."""
        return self.services.background

    @property
    def identity(self) -> IdentityProvider:
        """Who signs tokens."""
        return self.services.identity

    @property
    def inbox(self) -> Inbox:
        """Where the emails are."""
        return self.services.inbox

    @property
    def database(self) -> Any:
        """A google.cloud.firestore.Client."""
        return self.services.database

    def token(self, email: str = TASKS_INVOKER, audience: str = WORKER_URL, lifetime: timedelta = HOUR) -> str:
        """A token as Google signs it."""

        async def mint() -> str:
            return self.identity.mint(email, audience, lifetime)

        return self.background.run(mint())

    def post(self, body: Any, *, token: str, path: str = "/tasks/send-report", **headers: str) -> requests.Response:
        """Call the worker, and keep what it answers."""
        return self.keep(
            requests.post(
                f"http://127.0.0.1:{self.worker.port}{path}",
                data=body,
                headers={"Authorization": f"Bearer {token}", "X-CloudTasks-TaskRetryCount": "0", **headers},
                timeout=60,
            )
        )

    def dispatch(self, *, token: str, path: str = "/dispatch", body: Any = b"", **headers: str) -> requests.Response:
        """Call the dispatcher, and keep what it answers."""
        return self.keep(
            requests.post(
                f"http://127.0.0.1:{self.dispatcher.port}{path}",
                data=body,
                headers={"Authorization": f"Bearer {token}", **headers},
                timeout=60,
            )
        )

    def keep(self, answer: requests.Response) -> requests.Response:
        self.answers.append(f"{answer.headers}\n{answer.text}")
        return answer

    def user(self, user_id: str, *, subscription: dict[str, Any] | None = None, **fields: Any) -> None:
        """A user with a subscription whose report is due.

        Args:
            user_id: the user's id.
            subscription: fields of the subscription, and its id in `subscription_id` unless it is the default one.
            fields: of the user.
        """
        seed(
            self.database,
            user_id,
            user={"email": f"ada{DOMAIN}", **fields},
            **{"next_report_at": DUE, "reported_until": DUE - HOUR, **(subscription or {})},
        )

    def event(self, user_id: str, **fields: Any) -> None:
        """Something that a user did in the time of the report."""
        fields = {"at": DUE - timedelta(minutes=5), **fields}
        self.database.collection("users").document(user_id).collection("events").add(fields)

    def deliver(
        self, user_id: str, subscription_id: str = DEFAULT_SUBSCRIPTION, *, retry_count: int = 0
    ) -> requests.Response:
        """Have the report of a subscription sent."""
        return self.post(
            task(user_id, subscription_id),
            token=self.token(),
            **{"X-CloudTasks-TaskRetryCount": str(retry_count), "X-CloudTasks-TaskName": "t"},
        )

    def delivery(self, user_id: str, subscription_id: str = DEFAULT_SUBSCRIPTION) -> Any:
        name = delivery_id(user_id, subscription_id, DUE)
        return self.database.collection("deliveries").document(name).get().to_dict()

    def log_lines(self) -> list[str]:
        """Everything that the functions have written."""
        return [line for file in self.logs.rglob("*.log") for line in file.read_text(errors="replace").splitlines()]

    def letters(self) -> list[str]:
        """The dead letters and alerts since the last look: attributes and data."""
        found = [f"{dict(each.attributes)} {each.data.decode()}" for each in self.services.take_published()]
        self.published.extend(found)
        return found

    def documents(self, *collections: str) -> str:
        """Everything in these collections."""
        return "\n".join(
            f"{snapshot.id} {snapshot.to_dict()}"
            for collection in collections
            for snapshot in self.database.collection(collection).stream()
        )


def task(user_id: str, subscription_id: str = DEFAULT_SUBSCRIPTION, /, **changes: Any) -> bytes:
    """The task of a subscription's report."""
    valid = ReportTask(
        user_id=user_id,
        subscription_id=subscription_id,
        delivery_id=delivery_id(user_id, subscription_id, DUE),
        due_at=DUE,
        run_id=run_id(DUE),
        kind="activity",
    )
    return json.dumps({**json.loads(valid.to_json()), **changes}).encode()


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for all: what one test leaves is searched for secrets by another."""
    faults, logs = Faults(), tmp_path_factory.mktemp("logs")
    with ExitStack() as stack:
        services = stack.enter_context(local_services(sendgrid_api_key=SENDGRID_KEY, firestore_middleware=[faults]))
        services.queues.create_queue(parent=PARENT, queue=Queue(name=QUEUE))
        services.queues.pause_queue(name=QUEUE)
        environment = {
            **services.environment,
            "MAIL_UNSUBSCRIBE_URL": "https://example.com/unsubscribe?user={user_id}&token={token}",
            "MAIL_UNSUBSCRIBE_KEY": UNSUBSCRIBE_KEY,
            # The most that is ever written.
            "LOG_LEVEL": "DEBUG",
        }
        worker, dispatcher = (
            stack.enter_context(
                running_function(services.background, name=name, environment=environment, log_directory=logs)
            )
            for name in ("worker", "dispatcher")
        )
        yield House(services=services, faults=faults, worker=worker, dispatcher=dispatcher, logs=logs)
