"""The recipient's page as a process of its own, and Firestore."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from functions.shared.archive import Archive
from functions.shared.mail.recipient_token import RecipientToken, TokenKeys
from functions.shared.records.address_hash import address_hash
from functions.shared.records.outcome import UNTOLD_OUTCOMES
from local_cloud.clock import Clock
from local_pipeline.function_process import FunctionProcess
from tests.deployed_firestore import deployed_firestore
from tests.firestore_client import client_of
from tests.function_process import running_function
from tests.seeding import seed, subscription_reference, user_reference
from tests.storage import BUCKET, storage_running
from tests.support import Background, Faults

OLD_KEY, KEY = "the-old-key-of-thirty-two-letters", "the-new-key-of-thirty-two-letters"
KEYS = TokenKeys([KEY])
PUBLIC = "https://reports.example.com/mails"
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
NEXT = datetime(2126, 11, 25, 7, tzinfo=UTC)
"""In the far future: no report is due meanwhile. A Monday."""


@dataclass(kw_only=True)
class House:
    """The function, and what a test does with it."""

    function: FunctionProcess
    database: Any
    faults: Faults
    archive: Archive
    _users: Iterator[int] = field(default_factory=lambda: count(1))

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

    def link(self, user_id: str, what: str = "", *, subscription_id: str = "default", copy: str = "") -> str:
        """The link in an email."""
        token = RecipientToken(user_id, subscription_id, address_hash(copy) if copy else "")
        return self.url(KEYS.make(token), what)

    def url(self, token: str, what: str = "") -> str:
        """Where the function is on this machine."""
        return f"http://127.0.0.1:{self.function.port}/mails/{token}" + (f"/{what}" if what else "")

    def get(self, url: str, **headers: str) -> requests.Response:
        return requests.get(url, headers=headers, timeout=30, allow_redirects=False)

    def post(self, url: str, form: Any = None, **headers: str) -> requests.Response:
        return requests.post(url, data=form or {}, headers=headers, timeout=30, allow_redirects=False)

    def subscription(self, user_id: str, subscription_id: str = "default") -> Any:
        return subscription_reference(self.database, user_id, subscription_id).get().to_dict()

    def everything(self) -> dict[str, Any]:
        """All documents, with their versions."""
        found = [*self.database.collection("users").stream()]
        found += self.database.collection_group("report_subscriptions").stream()
        return {each.reference.path: (each.to_dict(), str(each.update_time)) for each in found}

    def outcomes(self, user_id: str) -> list[tuple[str, dict[str, Any]]]:
        """What is kept for the team's application about a user, the oldest first: type and data of each event."""
        found = [each.to_dict() for each in self.database.collection(UNTOLD_OUTCOMES).stream()]
        kept = [(each["type"], json.loads(each["data"])) for each in sorted(found, key=lambda each: each["at"])]
        return [each for each in kept if each[1]["user_id"] == user_id]

    def remove_user(self, user_id: str) -> None:
        subscription_reference(self.database, user_id).delete()
        user_reference(self.database, user_id).delete()


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    faults = Faults()
    with ExitStack() as stack:
        background = Background()
        stack.callback(background.close)
        emulator = deployed_firestore(host="127.0.0.1", port=0, clock=Clock(), middleware=[faults])
        background.run(emulator.start())
        stack.callback(lambda: background.run(emulator.stop()))
        environment = {
            "GOOGLE_CLOUD_PROJECT": "local-project",
            "DEFAULT_KIND": "activity",
            "OUTCOMES_TOPIC": "report-outcomes",
            "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{emulator.port}",
            "PREFERENCES_URL": PUBLIC,
            "PREFERENCES_KEY": f"{KEY},{OLD_KEY}",
            "BRAND_NAME": "Example Cloud",
            "BRAND_URL": "https://app.example.com/",
            "BRAND_COLOR": "#7c3aed",
            "BRANDS": json.dumps({"acme": {"name": "Acme", "color": "#b91c1c", "link_domain": "reports.acme.example"}}),
        }
        storage = stack.enter_context(storage_running(background))
        environment |= {"ARCHIVE": BUCKET, "STORAGE_EMULATOR_HOST": storage.url}
        database = client_of(emulator.port, "local-project")
        logs: Path = tmp_path_factory.mktemp("logs")
        function = stack.enter_context(
            running_function(background, name="preferences", environment=environment, log_directory=logs)
        )
        yield House(function=function, database=database, faults=faults, archive=Archive(BUCKET))
