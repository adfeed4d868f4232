"""The API as a process of its own, and what it talks to."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from google.cloud.tasks_v2 import CloudTasksClient, Queue, Task
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from functions.shared.archive import Archive
from functions.shared.mail.recipient_token import TokenKeys
from local_cloud.clock import Clock
from local_cloud.identity import IdentityProvider
from local_cloud.tasks.server import TasksEmulator
from tests.deployed_firestore import deployed_firestore
from tests.firestore_client import client_of
from tests.function_process import running_function
from tests.seeding import seed, subscription_reference
from tests.storage import BUCKET, storage_running
from tests.support import Background, Faults, free_ports

PROJECT, LOCATION = "local-project", "us-central1"
APP = "app@local-project.iam.gserviceaccount.com"
PAGE, KEY = "https://reports.example.com/mails", "a-key-of-more-than-thirty-two-letters"
KEYS = TokenKeys([KEY])
NEXT = datetime(2126, 11, 25, 7, tzinfo=UTC)
"""In the far future: no report is due meanwhile. A Monday."""
QUEUE = f"projects/{PROJECT}/locations/{LOCATION}/queues/reports"


@dataclass(kw_only=True)
class House:
    """The function, and what a test does with it."""

    url: str
    log: Path
    identity: IdentityProvider
    database: Any
    faults: Faults
    queues: CloudTasksClient
    archive: Archive
    _users: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def token(self) -> str:
        """What a service of the team sends."""
        return self.identity.mint(APP, self.url)

    def call(self, method: str, path: str, body: Any = None, /, **headers: str) -> requests.Response:
        """Call the API; with `Authorization` and `Content_Type`, as somebody else, or with another type."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"data": body} if isinstance(body, str | bytes) else {"json": body}
        headers = {"Authorization": f"Bearer {self.token}", **named}
        return requests.request(method, self.url + path, headers=headers, timeout=30, **sent)

    def user(self, *, user: dict[str, Any] | None = None, **subscription: Any) -> str:
        """A user with a weekly report; returns the id."""
        user_id = f"u{next(self._users)}"
        fields = {
            "cadence": "weekly",
            "next_report_at": NEXT,
            "reported_until": NEXT - timedelta(days=7, hours=7),
            **subscription,
        }
        seed(self.database, user_id, user={"time_zone": "Europe/Berlin", **(user or {})}, **fields)
        return user_id

    def document(self, user_id: str, subscription_id: str = "default") -> Any:
        return subscription_reference(self.database, user_id, subscription_id).get().to_dict()

    def tasks(self) -> list[Task]:
        return list(self.queues.list_tasks(request={"parent": QUEUE, "response_view": Task.View.FULL}))


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    faults, place = Faults(), {"host": "127.0.0.1", "port": 0, "clock": Clock()}
    with ExitStack() as stack:
        background = Background()
        stack.callback(background.close)
        identity = IdentityProvider(**place)  # type: ignore[arg-type]  # all are what they should be
        firestore = deployed_firestore(**place, middleware=[faults])
        tasks = TasksEmulator(**place, mint_token=identity.mint)  # type: ignore[arg-type]  # likewise
        for part in (identity, firestore, tasks):
            background.run(part.start())
            stack.callback(lambda part=part: background.run(part.stop()))  # type: ignore[misc]  # a part
        channel = grpc.insecure_channel(f"127.0.0.1:{tasks.port}")
        queues = CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
        # What is put into it stays there, to be looked at.
        queues.create_queue(parent=QUEUE.partition("/queues")[0], queue=Queue(name=QUEUE))
        queues.pause_queue(name=QUEUE)
        storage = stack.enter_context(storage_running(background))
        port, logs = free_ports(1), tmp_path_factory.mktemp("logs")
        environment = {
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "LOCATION": LOCATION,
            "REPORT_QUEUES": "reports",
            "DEFAULT_KIND": "activity",
            "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{firestore.port}",
            "CLOUD_TASKS_EMULATOR_HOST": f"127.0.0.1:{tasks.port}",
            "OIDC_CERTS_URL": identity.certs_url,
            "OIDC_ISSUER": identity.issuer,
            "API_URL": f"http://127.0.0.1:{port}",
            "API_CALLERS": f"other@local-project.iam.gserviceaccount.com,{APP}",
            "WORKER_URL": "https://worker.example.com",
            "TASKS_INVOKER": "tasks@local-project.iam.gserviceaccount.com",
            "PREFERENCES_URL": PAGE,
            "PREFERENCES_KEY": KEY,
            "BRANDS": '{"acme": {"link_domain": "reports.acme.example"}}',
            "ARCHIVE": BUCKET,
            "STORAGE_EMULATOR_HOST": storage.url,
        }
        stack.enter_context(
            running_function(
                background,
                name="api",
                environment=environment,
                log_directory=logs,
                port=port,
            )
        )
        yield House(
            url=f"http://127.0.0.1:{port}",
            log=logs / "api.log",
            identity=identity,
            database=client_of(firestore.port, PROJECT),
            faults=faults,
            queues=queues,
            archive=Archive(BUCKET),
        )
